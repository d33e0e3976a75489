using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Shadow;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>How a guest ends, and what remains of it: the reason, the last faults, no frame.</summary>
public sealed class EndTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Restart_BeginsFromScratch_AndLosesNoFrame(bool pae)
    {
        Board board = new();
        using TinyMachine machine = new(Busy(restart: true), pae, board.AddTo);
        machine.Guest.Interrupts.Raise(9);
        GuestStop first = machine.Run();
        Assert.Equal((GuestStopReason.Restart, "all is well"), (first.Reason, first.Text));
        uint[] seen = [machine.Kept(0), machine.Kept(1), machine.Kept(2)];
        Assert.Equal(1u, seen[0]);
        int frames = 0;
        for (int i = 0; i < 4; i++)
        {
            machine.Guest.Restart();
            Assert.Null(machine.Guest.End);
            Assert.Equal(0u, machine.Read32(TinyKernel.Results));
            machine.Prepare();
            GuestStop again = machine.Run();
            Assert.Equal(first with { Eip = again.Eip }, again);
            Assert.Equal(seen, Enumerable.Range(0, 3).Select(machine.Kept));
            frames = i == 0 ? machine.Host.FramesInUse : frames;
            Assert.Equal(frames, machine.Host.FramesInUse);
        }
    }

    [Fact]
    public void Restart_AfterADeath_Works()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Code.cmp(__dword_ptr[TinyKernel.Text], 0);
            k.Code.jne(k.At("die"));
            k.ShutDown();
            k.Mark("die");
            k.Code.ud2();
        });
        machine.RunToDeath();
        machine.Guest.Restart();
        Assert.Equal((GuestStopReason.Shutdown, ""), (machine.Run().Reason, machine.Guest.End!.Value.Text));
    }

    [Fact]
    public void Restart_ForgetsInterruptsThatWait()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(36, "irq");
        kernel.Call(10);
        kernel.Mark("irq");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Interrupts.Raise(4);
        machine.Guest.Restart();
        machine.Prepare();
        machine.RunToHalt();
    }

    [Fact]
    public void Restart_WhileItRuns_ForgetsTimersAndDescriptors()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(6, "handler", 0xF);
        kernel.Call(8, 1);
        kernel.Call(9, 1000);
        kernel.Call(10);
        kernel.Mark("handler");
        kernel.Code.ud2();
        using TinyMachine machine = new(kernel);
        machine.Run(60);
        machine.Guest.Restart();
        machine.Prepare();
        machine.Guest.Run(5);
        Assert.Equal(0u, machine.Guest.Processor.Registers.Cr0 & 8);
        Assert.NotEqual(0x61u, machine.View.Gate(6).Selector);
        Assert.Equal(0, machine.Guest.Statistics.Interrupts);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Dispose_GivesEveryFrameBack_HoweverItEnded(bool pae)
    {
        // The fixture asserts that no frame is in use behind each test.
        foreach (Action<TinyKernel> write in (Action<TinyKernel>[])[k => k.Code.ud2(), k => k.ShutDown(), k => k.Call(10), k => k.Spin("here")])
        {
            using TinyMachine machine = TinyMachine.Of(
                k =>
                {
                    k.PrepareUser(2);
                    write(k);
                },
                pae);
            machine.Guest.Run(5000);
            Assert.NotEqual(0, machine.Host.FramesInUse);
        }
    }

    [Fact]
    public void Killed_SaysWhy_WhereAndAfterWhat()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        for (uint i = 0; i < 20; i++)
        {
            kernel.Code.mov(eax, __dword_ptr[0x30_0000 + (i << 12)]);
        }

        kernel.Mark("end");
        kernel.Code.mov(__dword_ptr[0x5000_0000], eax);
        using TinyMachine machine = new(kernel);
        string reason = machine.RunToDeath();
        Assert.Contains($"0x{kernel.Addresses["end"]:x}", reason, StringComparison.Ordinal);
        Assert.Equal(kernel.Addresses["end"], machine.Guest.End!.Value.Eip);
        IReadOnlyList<PagingEvent> faults = machine.Guest.RecentFaults;
        Assert.Equal([.. Enumerable.Range(5, 15).Select(i => 0x30_0000u + ((uint)i << 12)), 0x5000_0000u], faults.Select(f => f.Address));
        Assert.Equal((FaultKind.GuestFault, kernel.Addresses["end"]), (faults[^1].Outcome!.Value, faults[^1].Eip));
        Assert.True(faults.Zip(faults.Skip(1)).All(pair => pair.First.Instructions < pair.Second.Instructions));
    }

    [Fact]
    public void KilledByTheEngine_TheFaultHasNoOutcome()
    {
        // The table of that address lies outside memory.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Mark("end");
        kernel.Code.mov(eax, __dword_ptr[0x4000_0000]);
        using TinyMachine machine = new(kernel);
        machine.Write32(TinyMachine.Directory + (0x100 * 4), 0x7FFF_F067);
        machine.RunToDeath();
        Assert.Equal((0x4000_0000u, (FaultKind?)null), (machine.Guest.RecentFaults[^1].Address, machine.Guest.RecentFaults[^1].Outcome));
        Assert.Equal(kernel.Addresses["end"], machine.Guest.End!.Value.Eip);
    }

    [Fact]
    public void ADeath_LeavesTheHostAndOtherGuestsAlone()
    {
        using HostMemory host = new(64);
        using SwitcherHost switcher = new(host);
        TinyKernel bad = new();
        bad.Init();
        bad.Code.ud2();
        TinyKernel good = new();
        good.Init();
        good.Code.mov(ecx, 1000);
        good.Mark("busy");
        good.Code.dec(ecx);
        good.Code.jne(good.At("busy"));
        good.ShutDown();
        using ParavirtualGuest first = new(host, switcher, Options(bad));
        using ParavirtualGuest second = new(host, switcher, Options(good));
        second.Run(500);
        Assert.Equal(GuestStopReason.Killed, first.Run(5000).Reason);
        Assert.Equal(GuestStopReason.Shutdown, second.Run(50_000).Reason);

        static ParavirtualOptions Options(TinyKernel kernel) => new()
        {
            Kernel = KernelImage.Parse(kernel.Build()),
            MemoryMiB = 4,
            Clock = new VirtualClock(),
        };
    }

    // Uses much of what a session has, and keeps what it found.
    private static TinyKernel Busy(bool restart)
    {
        TinyKernel kernel = new();
        kernel.Code.inc(__dword_ptr[TinyKernel.Results]);
        kernel.PrepareUser(2);
        kernel.Gate(32, "tick");
        kernel.Gate(0x80, "call", 0xF, 3);
        kernel.Call(9, 20_000);
        kernel.Call(10);
        kernel.Mark("tick");
        kernel.Count(1);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.mov(__dword_ptr[0x30_0000], 5);
        kernel.Code.@int(0x80);
        kernel.Mark("call");
        kernel.Count(2);
        kernel.ShutDown(restart ? 2u : 1u);
        return kernel;
    }
}
