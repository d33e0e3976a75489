using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>The trap frame, the descriptor table and the task state as the CPU has them.</summary>
public sealed class FrameAndDescriptorTests
{
    // A level-0 data segment of 64 KiB at 0x12345678.
    private const uint Low = 0x5678_FFFF;
    private const uint High = 0x1240_9234;

    [Fact]
    public void Frame_HasTheRegistersInOrder()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Call(18, 17, 0x0000_FFFF, 0x00CF_B200);
        kernel.Call(18, 18, 0x0000_FFFF, 0x00CF_B200);
        kernel.Code.mov(eax, 17 * 8 | 1);
        kernel.Code.mov(gs, ax);
        kernel.Code.mov(eax, 18 * 8 | 1);
        kernel.Code.mov(fs, ax);
        kernel.Code.push(0x0004_0601 & ~0x200);
        kernel.Code.popfd();
        kernel.Code.mov(edi, 0x77);
        kernel.Code.mov(ebp, 0x88);
        kernel.Call(10, 0xB1, 0xC2, 0xD3, 0x51);
        kernel.Mark("behind");
        kernel.Code.ud2();
        using TinyMachine machine = new(kernel);
        machine.RunToHalt();
        uint[] expected =
        [
            10, 0xB1, 0xC2, 0xD3, 0x51, 0x77, 0x88, (17 * 8) | 1, (18 * 8) | 1, 0x69, 0x69, 31, 0, kernel.Addresses["behind"], 0x61,
            0x0004_0603, TinyKernel.Stack, 0x69,
        ];
        Assert.Equal(expected, Enumerable.Range(0, 18).Select(machine.View.Frame));
    }

    [Fact]
    public void Frame_IsWhereTheCpusTaskStateSays()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Call(10);
        using TinyMachine machine = new(kernel);
        machine.RunToHalt();
        uint top = machine.View.Task(4);
        Assert.Equal(0u, top & 0xFFF);

        // The 72 bytes below it are what the shadow tables show there.
        Assert.True(machine.Guest.Mmu.TryWalkShadow(0, new Gva(top - 1), default, out Paging.HardwareTranslation found));
        Assert.Equal(machine.Guest.Mmu.Cpu(0).RegisterPage.Value, (uint)(found.Frame.Value));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(16)]
    [InlineData(31)]
    public void HostsEntries_AreIgnored(int index)
    {
        using TinyMachine plain = Machine(_ => { });
        using TinyMachine machine = Machine(k => k.Call(18, (uint)index, Low, High));
        Assert.Equal(plain.View.Descriptor(index), machine.View.Descriptor(index));
    }

    [Fact]
    public void HostsEntries_AreLevel0CodeDataAndTask()
    {
        using TinyMachine machine = Machine(_ => { });

        // Type and level (Intel SDM vol. 3, 3.4.5.1 and 3.5): accessed bits aside, a busy or free 32-bit task.
        Assert.Equal(0x9Au, (uint)(machine.View.Descriptor(10) >> 40) & 0xFE);
        Assert.Equal(0x92u, (uint)(machine.View.Descriptor(11) >> 40) & 0xFE);
        Assert.Equal(0x89u, (uint)(machine.View.Descriptor(16) >> 40) & 0xFD);
    }

    [Theory]
    [InlineData(32u)]
    [InlineData(33u)]
    [InlineData(uint.MaxValue)]
    public void Entry_PastTheTable_Kills(uint index)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(18, index, Low, High);
            k.ShutDown();
        });
        Assert.Contains($"0x{index:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    public void Entry_IsTaken_ButLevel0Becomes1_AndAccessedIsForced(int level, int expected)
    {
        using TinyMachine machine = Machine(k => k.Call(18, 30, Low, High | ((uint)level << 13)));
        ulong asked = Low | ((ulong)High << 32);
        Assert.Equal(asked | ((ulong)expected << 45) | (1ul << 40), machine.View.Descriptor(30));
    }

    [Theory]
    [InlineData(0x0008_0000u, 0x1234_8C00u)]
    [InlineData(0x0008_0000u, 0x1234_EC00u)]
    [InlineData(0x0068_0000u, 0x0000_E900u)]
    [InlineData(0x0068_0000u, 0x0000_8500u)]
    public void SystemDescriptors_CannotBeUsed(uint low, uint high)
    {
        // A call gate to the host's code, a task, a task gate: through any of them the guest would get to level 0.
        using TinyMachine machine = Machine(k => k.Call(18, 20, low, high));
        ulong descriptor = machine.View.Descriptor(20);
        Assert.True((descriptor >> 44 & 1) != 0 || (descriptor >> 47 & 1) == 0, $"0x{descriptor:x}");
    }

    [Fact]
    public void LoadTls_SetsEntries6To8()
    {
        using TinyMachine machine = Machine(k => k.Call(16, 0x7000), before: m =>
        {
            for (uint i = 0; i < 3; i++)
            {
                m.Write32(0x7000 + (i * 8), Low + i);
                m.Write32(0x7004 + (i * 8), High | (3 << 13));
            }

            m.Write32(0x7018, Low);
            m.Write32(0x701C, High);
        });
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal((Low + (uint)i) | ((ulong)(High | (3 << 13) | 0x100) << 32), machine.View.Descriptor(6 + i));
        }

        Assert.Equal(0u, machine.View.Descriptor(5) & 0xFFFF);
        Assert.Equal(0u, machine.View.Descriptor(9) & 0xFFFF);
    }

    [Fact]
    public void LoadTls_Level0Becomes1()
    {
        using TinyMachine machine = Machine(k => k.Call(16, 0x7000), before: m =>
        {
            m.Write32(0x7000, Low);
            m.Write32(0x7004, High);
        });
        Assert.Equal(1u, (uint)(machine.View.Descriptor(6) >> 45) & 3);
    }

    [Theory]
    [InlineData((TinyMachine.MemoryMiB << 20) - 23)]
    [InlineData(0xFFFF_FFF8)]
    public void LoadTls_FromOutsideMemory_Kills(uint address)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(16, address);
            k.ShutDown();
        });
        machine.RunToDeath();
    }

    [Fact]
    public void Entries_AreWhatTheCpuUses()
    {
        // A data segment whose base is 0x300000.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Call(18, 20, 0x0000_FFFF, 0x0040_9230);
        kernel.Code.mov(eax, (20 * 8) | 1);
        kernel.Code.mov(fs, ax);
        kernel.Code.mov(eax, __dword_ptr.fs[0x1234]);
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Write32(0x30_1234, 0x0DDB_A11);
        machine.RunToShutdown();
        Assert.Equal(0x0DDB_A11u, machine.Kept(0));
    }

    [Fact]
    public void TaskState_HoldsBothStacks_AndFreesNoPort()
    {
        using TinyMachine machine = Machine(k => k.Call(7, 0x69, 0x1_4560, 1));
        Assert.Equal(0u, machine.View.Task(4) & 0xFFF);
        Assert.Equal(88u, machine.View.Task(8) & 0xFFFF);
        Assert.Equal([0x1_4560u, 0x69u], [machine.View.Task(12), machine.View.Task(16)]);
        uint bitmap = machine.View.Task(100) >> 16;
        Assert.True(bitmap > machine.Guest.Processor.Registers.Task.Limit, $"{bitmap}");
        Assert.Equal(16 * 8, machine.Guest.Processor.Registers.Task.Selector);
    }

    private static TinyMachine Machine(Action<TinyKernel> write, Action<TinyMachine>? before = null)
    {
        TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            write(k);
            k.Spin("here");
        });
        before?.Invoke(machine);
        Assert.Equal(GuestStopReason.Budget, machine.Run(2000).Reason);
        return machine;
    }
}
