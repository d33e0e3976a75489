using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Accesses of a device's window by any instruction that touches memory.</summary>
public sealed class EmulatedMemoryTests
{
    private const uint Window = Board.Window;

    /// <summary>Where level 3 and the kernel's tables see the window.</summary>
    private const uint Mapped = 0x30_0000;

    [Fact]
    public void Mov_OfEachSize_ReadsAndWrites()
    {
        (Board board, TinyMachine machine) = Machine(k =>
        {
            k.Code.mov(eax, 0xAABB_CCDD);
            k.Code.mov(__byte_ptr[Window + 1], al);
            k.Code.mov(__word_ptr[Window + 2], ax);
            k.Code.mov(__dword_ptr[Window + 4], eax);
            k.Code.mov(__dword_ptr[Window + 8], 0x1020_3040);
            k.Code.mov(al, __byte_ptr[Window + 0x11]);
            k.Keep(0, eax);
            k.Code.mov(ax, __word_ptr[Window + 0x12]);
            k.Keep(1, eax);
            k.Code.mov(eax, __dword_ptr[Window + 0x14]);
            k.Keep(2, eax);
            k.Code.movzx(eax, __byte_ptr[Window + 0x18]);
            k.Keep(3, eax);
            k.Code.movsx(eax, __word_ptr[Window + 0x1A]);
            k.Keep(4, eax);
        });
        using (machine)
        {
            Seen[] expected =
            [
                new(true, 1, 1, 0xDD), new(true, 2, 2, 0xCCDD), new(true, 4, 4, 0xAABB_CCDD), new(true, 8, 4, 0x1020_3040),
                new(false, 0x11, 1, 0x11), new(false, 0x12, 2, 0x2222), new(false, 0x14, 4, 0x3333_3333), new(false, 0x18, 1, 0x44),
                new(false, 0x1A, 2, 0x5555),
            ];
            Assert.Equal(expected, board.Memory.Accesses);
            Assert.Equal([0xAABB_CC11u, 0xAABB_2222u, 0x3333_3333u, 0x44u, 0x5555u], Enumerable.Range(0, 5).Select(machine.Kept));
        }
    }

    [Fact]
    public void Alu_ReadsAndThenWrites_Once()
    {
        (Board board, TinyMachine machine) = Machine(k =>
        {
            k.Code.mov(eax, 1);
            k.Code.add(__dword_ptr[Window], eax);
            k.Code.or(__byte_ptr[Window + 4], 0x80);
            k.Code.inc(__word_ptr[Window + 8]);
            k.Code.cmp(__byte_ptr[Window + 12], 0x44);
            k.Code.setz(al);
            k.Keep(0, eax);
            k.Code.mov(ecx, 0x77);
            k.Code.xchg(__byte_ptr[Window + 13], cl);
            k.Keep(1, ecx);
            k.Code.bts(__dword_ptr[Window + 16], 31);
            k.Code.setc(al);
            k.Keep(2, eax);
            k.Code.test(__dword_ptr[Window + 20], 0x7777_7777);
        });
        using (machine)
        {
            Seen[] expected =
            [
                new(false, 0, 4, 0x1111_1111), new(true, 0, 4, 0x1111_1112),
                new(false, 4, 1, 0x22), new(true, 4, 1, 0xA2),
                new(false, 8, 2, 0x3333), new(true, 8, 2, 0x3334),
                new(false, 12, 1, 0x44),
                new(false, 13, 1, 0x55), new(true, 13, 1, 0x77),
                new(false, 16, 4, 0x6666_6666), new(true, 16, 4, 0xE666_6666),
                new(false, 20, 4, 0x7777_7777),
            ];
            Assert.Equal(expected, board.Memory.Accesses);
            Assert.Equal([1u, 0x55u, 0u], [machine.Kept(0) & 0xFF, machine.Kept(1), machine.Kept(2) & 0xFF]);
        }
    }

    [Fact]
    public void Strings_ReadAndWriteEachElementOnce()
    {
        (Board board, TinyMachine machine) = Machine(k =>
        {
            k.Code.mov(esi, Window);
            k.Code.mov(edi, 0x7000);
            k.Code.mov(ecx, 3);
            k.Code.rep.movsd();
            k.Keep(0, esi);
            k.Keep(1, edi);
            k.Keep(2, ecx);
            k.Code.mov(esi, 0x7000);
            k.Code.mov(edi, Window + 0x40);
            k.Code.mov(ecx, 2);
            k.Code.rep.movsw();
            k.Code.mov(eax, 0x9A);
            k.Code.mov(ecx, 2);
            k.Code.rep.stosb();
            k.Code.mov(esi, Window + 0x80);
            k.Code.lodsd();
            k.Keep(3, eax);
            k.Code.mov(eax, 0x55);
            k.Code.mov(edi, Window + 0x90);
            k.Code.mov(ecx, 9);
            k.Code.repne.scasb();
            k.Keep(4, ecx);
        });
        using (machine)
        {
            Seen[] expected =
            [
                new(false, 0, 4, 0x1111_1111), new(false, 4, 4, 0x2222_2222), new(false, 8, 4, 0x3333_3333),
                new(true, 0x40, 2, 0x1111), new(true, 0x42, 2, 0x1111),
                new(true, 0x44, 1, 0x9A), new(true, 0x45, 1, 0x9A),
                new(false, 0x80, 4, 0x4444_4444), new(false, 0x90, 1, 0x55),
            ];
            Assert.Equal(expected, board.Memory.Accesses);
            Assert.Equal([Window + 12, 0x700Cu, 0u, 0x4444_4444u, 8u], Enumerable.Range(0, 5).Select(machine.Kept));
            Assert.Equal([0x1111_1111u, 0x2222_2222u, 0x3333_3333u], [machine.Read32(0x7000), machine.Read32(0x7004), machine.Read32(0x7008)]);
        }
    }

    [Fact]
    public void StackInstructions_CanUseADevice()
    {
        (Board board, TinyMachine machine) = Machine(k =>
        {
            k.Code.push(__dword_ptr[Window]);
            k.Code.pop(eax);
            k.Keep(0, eax);
            k.Code.push(0x1234_5678);
            k.Code.pop(__dword_ptr[Window + 4]);
        });
        using (machine)
        {
            Assert.Equal([new Seen(false, 0, 4, 0x1111_1111), new Seen(true, 4, 4, 0x1234_5678)], board.Memory.Accesses);
            Assert.Equal(0x1111_1111u, machine.Kept(0));
        }
    }

    [Fact]
    public void Fpu_CanUseADevice()
    {
        (Board board, TinyMachine machine) = Machine(k =>
        {
            k.Code.fninit();
            k.Code.fild(__dword_ptr[Window]);
            k.Code.fistp(__qword_ptr[Window + 8]);
        });
        using (machine)
        {
            Assert.Equal([new Seen(false, 0, 4, 0x1111_1111), new Seen(true, 8, 8, 0x1111_1111)], board.Memory.Accesses);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ThroughTables_AndFromLevel3(bool pae)
    {
        Board board = new();
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(0x80, "end", 0xF, 3);
        kernel.Code.mov(__dword_ptr[Mapped + 0x10], 1);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.mov(__dword_ptr[Mapped + 0x20], 2);
        kernel.Code.mov(eax, __dword_ptr[Mapped + 0x24]);
        kernel.Code.@int(0x80);
        kernel.Mark("end");
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae, board.AddTo);
        machine.WriteEntry(Mapped, Window | TinyMachine.EntryFlags);
        machine.RunToShutdown();
        Assert.Equal([new Seen(true, 0x10, 4, 1), new Seen(true, 0x20, 4, 2), new Seen(false, 0x24, 4, 0x1111_1111)], board.Memory.Accesses);
        Assert.Equal(0x1111_1111u, machine.Kept(0));
    }

    [Theory]
    [InlineData(0x65u, true, 3u)]
    [InlineData(0x63u, false, 5u)]
    [InlineData(0x63u, true, 7u)]
    public void Rights_ComeBeforeTheDevice(uint flags, bool write, uint code)
    {
        // A read-only page for the kernel; the kernel's page for level 3.
        Board board = new();
        bool user = (code & 4) != 0;
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(14, "fault");
        if (user)
        {
            kernel.GoToUser("at");
        }

        kernel.Mark("at");
        if (write)
        {
            kernel.Code.mov(__dword_ptr[Mapped], 1);
        }
        else
        {
            kernel.Code.mov(eax, __dword_ptr[Mapped]);
        }

        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, change: board.AddTo);
        machine.WriteEntry(Mapped, Window | flags);
        machine.RunToShutdown();
        Assert.Equal([code, kernel.Addresses["at"], Mapped], [machine.Kept(0), machine.Kept(1), machine.Data(8)]);
        Assert.Empty(board.Memory.Accesses);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AReadByMovs_IsDoneOnce_WhateverTheOtherSideDoes(bool mapped)
    {
        // The destination is not in the shadows yet, or not in the guest's tables at all.
        Board board = new();
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Gate(14, "fault");
        kernel.Code.mov(esi, Mapped);
        kernel.Code.mov(edi, mapped ? 0x31_0FFE : 0x5000_0000u);
        kernel.Mark("movs");
        kernel.Code.movsd();
        kernel.ShutDown();
        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.Keep(2, esi);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, change: board.AddTo);
        machine.WriteEntry(Mapped, Window | TinyMachine.EntryFlags);
        machine.RunToShutdown();
        if (mapped)
        {
            Assert.Equal(new Seen(false, 0, 4, 0x1111_1111), Assert.Single(board.Memory.Accesses));
            Assert.Equal(0x1111_1111u, machine.Read32(0x31_0FFE));
        }
        else
        {
            // The source comes first, as in a processor.
            Assert.InRange(board.Memory.Accesses.Count, 0, 1);
            Assert.Equal([2u, kernel.Addresses["movs"], Mapped, 0x5000_0000u], [machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Data(8)]);
        }
    }

    [Fact]
    public void AReadByPush_IsDoneOnce_WhenTheStackIsNotMappedYet()
    {
        Board board = new();
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Code.mov(esp, 0x32_0000);
        kernel.Code.push(__dword_ptr[Mapped + 8]);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, change: board.AddTo);
        machine.WriteEntry(Mapped, Window | TinyMachine.EntryFlags);
        machine.RunToShutdown();
        Assert.Equal(new Seen(false, 8, 4, 0x1111_1111), Assert.Single(board.Memory.Accesses));
        Assert.Equal(0x1111_1111u, machine.Read32(0x31_FFFC));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Movs_FromDeviceToDevice_Moves(bool otherPage, bool down)
    {
        uint to = Window + (otherPage ? 0x1040u : 0x40u);
        (Board board, TinyMachine machine) = Machine(k =>
        {
            if (down)
            {
                k.Code.std();
            }

            k.Code.mov(esi, Window + 8);
            k.Code.mov(edi, to);
            k.Code.mov(ecx, 2);
            k.Code.rep.movsd();
            k.Keep(0, esi);
            k.Keep(1, edi);
            k.Keep(2, ecx);
            k.Code.movsb();
            k.Keep(3, esi);
            k.Keep(4, edi);
            k.Code.cld();
        });
        using (machine)
        {
            int step = down ? -4 : 4;
            int offset = (int)(to - Window);
            Seen[] expected =
            [
                new(false, 8, 4, 0x1111_1111), new(true, offset, 4, 0x1111_1111),
                new(false, 8 + step, 4, 0x2222_2222), new(true, offset + step, 4, 0x2222_2222),
                new(false, 8 + (2 * step), 1, 0x33), new(true, offset + (2 * step), 1, 0x33),
            ];
            Assert.Equal(expected, board.Memory.Accesses);
            uint[] registers = [(uint)(Window + 8 + (2 * step)), (uint)(to + (2 * step)), 0, (uint)(Window + 8 + (2 * step) + (step / 4)), (uint)(to + (2 * step) + (step / 4))];
            Assert.Equal(registers, Enumerable.Range(0, 5).Select(machine.Kept));
        }
    }

    [Fact]
    public void OtherInstructions_OverTwoDevicePages_AreDone()
    {
        (Board board, TinyMachine machine) = Machine(k =>
        {
            k.Code.mov(esi, Window + 8);
            k.Code.mov(edi, Window + 0x1008);
            k.Code.cmpsd();
            k.Code.setb(al);
            k.Keep(0, eax);
            k.Code.mov(eax, __dword_ptr[Window + 0xFFE]);
            k.Keep(1, eax);
            k.Code.mov(__dword_ptr[Window + 0xFFE], 0x1234_5678);
            k.Code.mov(esp, Window + 0x1010);
            k.Code.push(__dword_ptr[Window + 16]);
            k.Code.mov(esp, TinyKernel.Stack);
        });
        using (machine)
        {
            Seen[] expected =
            [
                new(false, 8, 4, 0x1111_1111), new(false, 0x1008, 4, 0x2222_2222),
                new(false, 0xFFE, 2, 0x3333), new(false, 0x1000, 2, 0x4444),
                new(true, 0xFFE, 2, 0x5678), new(true, 0x1000, 2, 0x1234),
                new(false, 16, 4, 0x5555_5555), new(true, 0x100C, 4, 0x5555_5555),
            ];
            Assert.Equal(expected, board.Memory.Accesses);
            Assert.Equal([1u, 0x4444_3333u], [machine.Kept(0) & 0xFF, machine.Kept(1)]);
        }
    }

    [Fact]
    public void Code_InADevicesWindow_Kills()
    {
        (_, TinyMachine machine) = Machine(
            k =>
            {
                k.Code.mov(eax, Window);
                k.Code.jmp(eax);
            },
            run: false);
        using (machine)
        {
            Assert.Contains($"0x{Window:x}", machine.RunToDeath(), StringComparison.Ordinal);
        }
    }

    private static (Board Board, TinyMachine Machine) Machine(Action<TinyKernel> write, bool run = true)
    {
        Board board = new();
        TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                write(k);
                k.ShutDown();
            },
            change: board.AddTo);
        if (run)
        {
            machine.RunToShutdown();
        }

        return (board, machine);
    }
}
