using Gnomon.Monitor.Tests.Fixture;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Every form of IN and OUT that a kernel at level 1 may use.</summary>
public sealed class EmulatedPortTests
{
    public static TheoryData<string> Reads => ["al", "ax", "eax", "al imm", "ax imm", "eax imm"];

    [Theory]
    [MemberData(nameof(Reads))]
    public void In_EachForm_ReadsItsBytesAndLeavesTheRest(string form)
    {
        Board board = new();
        using TinyMachine machine = Machine(board, k =>
        {
            k.Code.mov(eax, 0xAABB_CCDD);
            k.Code.mov(edx, Board.FirstPort + 4);
            switch (form)
            {
                case "al": k.Code.@in(al, dx); break;
                case "ax": k.Code.@in(ax, dx); break;
                case "eax": k.Code.@in(eax, dx); break;
                case "al imm": k.Code.@in(al, 0x64); break;
                case "ax imm": k.Code.@in(ax, 0x64); break;
                default: k.Code.@in(eax, 0x64); break;
            }

            k.Keep(0, eax);
        });
        machine.RunToShutdown();
        (int size, uint value) = form[..2] switch { "al" => (1, 0xAABB_CC11u), "ax" => (2, 0xAABB_1111u), _ => (4, 0x1111_1111u) };
        bool immediate = form.EndsWith("imm", StringComparison.Ordinal);
        if (immediate)
        {
            // 0x64 reads as 1, and what lies behind it as ones.
            value = size switch { 1 => 0xAABB_CC01u, 2 => 0xAABB_FF01u, _ => 0xFFFF_FF01u };
            Assert.Empty(board.Ports.Accesses);
        }
        else
        {
            Assert.Equal(new Seen(false, 4, size, value & (uint)((1ul << (size * 8)) - 1)), Assert.Single(board.Ports.Accesses));
        }

        Assert.Equal(value, machine.Kept(0));
        Assert.Equal(1, machine.Guest.Statistics.Emulated);
    }

    [Fact]
    public void Port64_WithoutDevices_Reads1_AndUnknownPortsAllOnes()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Code.xor(eax, eax);
            k.Code.@in(al, 0x64);
            k.Keep(0, eax);
            k.Code.@out(0x64, al);
            k.Code.@in(al, 0x64);
            k.Keep(1, eax);
            k.Code.mov(edx, 0x1234);
            k.Code.@in(eax, dx);
            k.Keep(2, eax);
            k.Code.@out(dx, eax);
            k.Code.xor(eax, eax);
            k.Code.mov(edx, 0xFFFF);
            k.Code.@in(ax, dx);
            k.Keep(3, eax);
            k.ShutDown();
        });
        machine.RunToShutdown();
        Assert.Equal([1u, 1u, 0xFFFF_FFFFu, 0xFFFFu], Enumerable.Range(0, 4).Select(machine.Kept));
    }

    [Fact]
    public void Out_EachForm_WritesItsBytes()
    {
        Board board = new();
        using TinyMachine machine = Machine(board, k =>
        {
            k.Code.mov(eax, 0xAABB_CCDD);
            k.Code.mov(edx, Board.FirstPort + 8);
            k.Code.@out(dx, al);
            k.Code.@out(dx, ax);
            k.Code.@out(dx, eax);
            k.Code.@out(0x80, al);
            k.Code.@out(0x80, ax);
            k.Code.@out(0x80, eax);
            k.Keep(0, eax);
        });
        machine.RunToShutdown();
        Assert.Equal([new Seen(true, 8, 1, 0xDD), new Seen(true, 8, 2, 0xCCDD), new Seen(true, 8, 4, 0xAABB_CCDD)], board.Ports.Accesses);
        Assert.Equal(0xAABB_CCDDu, machine.Kept(0));
        Assert.Equal(6, machine.Guest.Statistics.Emulated);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    public void Ins_Repeated_FillsMemory_UpAndDown(int size, bool down)
    {
        const int Count = 3;
        Board board = new();
        uint start = 0x7100;
        using TinyMachine machine = Machine(board, k =>
        {
            k.Code.mov(edx, Board.FirstPort);
            k.Code.mov(edi, start);
            k.Code.mov(ecx, Count);
            if (down)
            {
                k.Code.std();
            }

            switch (size)
            {
                case 1: k.Code.rep.insb(); break;
                case 2: k.Code.rep.insw(); break;
                default: k.Code.rep.insd(); break;
            }

            k.Code.cld();
            k.Keep(0, ecx);
            k.Keep(1, edi);
        });
        machine.RunToShutdown();
        int step = down ? -size : size;
        Assert.Equal([0u, start + (uint)(step * Count)], [machine.Kept(0), machine.Kept(1)]);
        Assert.Equal(Count, board.Ports.Accesses.Count);
        for (int i = 0; i < Count; i++)
        {
            uint expected = board.Ports.Accesses[i] is (false, 0, var seen, var value) && seen == size ? (uint)value : throw new InvalidOperationException();
            uint mask = (uint)((1ul << (size * 8)) - 1);
            Assert.Equal(expected, machine.Read32((uint)(start + (step * i))) & mask);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Outs_Repeated_WithASegment_SendsMemory(int size)
    {
        // FS begins at 0x7000: its offset 0x100 is address 0x7100.
        Board board = new();
        using TinyMachine machine = Machine(board, k =>
        {
            k.Call(18, 20, 0x7000_FFFF, 0x0040_9200);
            k.Code.mov(eax, (20 * 8) | 1);
            k.Code.mov(fs, ax);
            k.Code.mov(edx, Board.FirstPort + 2);
            k.Code.mov(esi, 0x100);
            k.Code.mov(ecx, 3);
            Instruction outs = size switch
            {
                1 => Instruction.CreateOutsb(32, Register.FS, RepPrefixKind.Repe),
                2 => Instruction.CreateOutsw(32, Register.FS, RepPrefixKind.Repe),
                _ => Instruction.CreateOutsd(32, Register.FS, RepPrefixKind.Repe),
            };
            k.Code.AddInstruction(outs);
            k.Keep(0, ecx);
            k.Keep(1, esi);
        });
        for (uint i = 0; i < 3; i++)
        {
            machine.Write32(0x7100 + (i * 4), 0x0403_0201 + (0x0404_0404 * i));
        }

        machine.RunToShutdown();
        Assert.Equal([0u, 0x100 + (3 * (uint)size)], [machine.Kept(0), machine.Kept(1)]);
        byte[] memory = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        IEnumerable<Seen> expected = Enumerable.Range(0, 3).Select(i =>
            new Seen(true, 2, size, memory.Skip(i * size).Take(size).Reverse().Aggregate(0ul, (value, next) => (value << 8) | next)));
        Assert.Equal(expected, board.Ports.Accesses);
    }

    [Fact]
    public void Outs_WithShortAddresses_UsesSi()
    {
        Board board = new();
        using TinyMachine machine = Machine(board, k =>
        {
            k.Code.mov(edx, Board.FirstPort);
            k.Code.mov(esi, 0xFFFF_7100);
            k.Code.AddInstruction(Instruction.CreateOutsb(16));
            k.Keep(0, esi);
        });
        machine.Write32(0x7100, 0x5A);
        machine.RunToShutdown();
        Assert.Equal(new Seen(true, 0, 1, 0x5A), Assert.Single(board.Ports.Accesses));
        Assert.Equal(0xFFFF_7101u, machine.Kept(0));
    }

    [Fact]
    public void Ins_IntoAPageThatIsNotMappedYet_ReadsThePortOnce()
    {
        Board board = new();
        using TinyMachine machine = Machine(
            board,
            k =>
            {
                k.LoadTables();
                k.Code.mov(edx, Board.FirstPort);
                k.Code.mov(edi, 0x30_0FFE);
                k.Code.mov(ecx, 2);
                k.Code.rep.insd();
                k.Keep(0, edi);
            });
        machine.RunToShutdown();
        Assert.Equal(2, board.Ports.Accesses.Count);
        Assert.Equal(0x30_1006u, machine.Kept(0));
        Assert.Equal([0x1111_1111u, 0x2222_2222u], [machine.Read32(0x30_0FFE), machine.Read32(0x30_1002)]);
    }

    [Fact]
    public void Ins_IntoAPageThatTheGuestHasNot_IsItsPageFault()
    {
        Board board = new();
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Gate(14, "fault");
        kernel.Code.mov(edx, Board.FirstPort);
        kernel.Code.mov(edi, 0x5000_0000);
        kernel.Mark("ins");
        kernel.Code.insb();
        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, change: board.AddTo);
        machine.RunToShutdown();
        Assert.Empty(board.Ports.Accesses);
        Assert.Equal([2u, kernel.Addresses["ins"], 0x5000_0000u], [machine.Kept(0), machine.Kept(1), machine.Data(8)]);
    }

    [Fact]
    public void InEachInstruction_EipAndFlagsGoOn()
    {
        Board board = new();
        using TinyMachine machine = Machine(board, k =>
        {
            k.Code.mov(edx, Board.FirstPort);
            k.Code.stc();
            k.Code.@in(al, dx);
            k.Code.sbb(ecx, ecx);
            k.Keep(0, ecx);
            k.Code.pushfd();
            k.Code.pop(eax);
            k.Keep(1, eax);
        });
        machine.RunToShutdown();
        Assert.Equal(0xFFFF_FFFFu, machine.Kept(0));

        // The ports' level is not the guest's to see.
        Assert.Equal(0x200u, machine.Kept(1) & 0x3200);
    }

    private static TinyMachine Machine(Board board, Action<TinyKernel> write) => TinyMachine.Of(
        k =>
        {
            k.Init();
            write(k);
            k.ShutDown();
        },
        change: board.AddTo);
}
