using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon.MachineTests;

/// <summary>Running, stopping, looking, ending.</summary>
public sealed class MachineTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void Run_WithABudget_StopsThereEachTime()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("l");
        for (ulong i = 1; i <= 10; i++)
        {
            Assert.Equal(RunStop.Instructions, machine.Run(new RunLimits { Instructions = 10_000 }));
            Assert.InRange(machine.Statistics.Instructions, i * 10_000, (i * 10_000) + (i * 100));
        }
    }

    [Fact]
    public void Run_WithATimeout_StopsALoop()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("l");
        Assert.Equal(RunStop.Timeout, machine.Run(new RunLimits { Timeout = TimeSpan.FromMilliseconds(50) }));
        Assert.Null(machine.End);
    }

    [Fact]
    public void Run_Cancelled_StopsALoopOrAWait()
    {
        foreach (string input in (ReadOnlySpan<string>)["l", ""])
        {
            using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(50));
            using Machine machine = Machine.Create(EchoGuest.Options);
            machine.Console.Type(input);
            RunStop stop = machine.Run(new RunLimits { Cancellation = cancellation.Token });
            Assert.Equal(input.Length > 0 ? RunStop.Cancelled : RunStop.WaitsForInput, stop);
        }
    }

    [Fact]
    public void Run_Twice_IsRefused()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Start();
        Assert.Throws<InvalidOperationException>(() => machine.Run());
        Assert.Throws<InvalidOperationException>(machine.Start);
        machine.Pause();
        Assert.Equal(RunStop.WaitsForInput, machine.Run());
    }

    [Fact]
    public void Look_WhileItRuns_SeesItStandAndGoOn()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("l");
        machine.Start();
        Assert.True(machine.Console.WaitForText("ready", _patience));
        ulong before = 0;
        HashSet<uint> places = [];
        for (int i = 0; i < 200; i++)
        {
            places.Add(machine.Registers.Eip);
            ulong now = machine.Statistics.Instructions;
            Assert.True(now >= before);
            before = now;
        }

        Assert.True(machine.IsRunning);
        Assert.NotEmpty(places);
        machine.Pause();
        Assert.Equal(machine.StateHash(), machine.StateHash());
        ulong standing = machine.Statistics.Instructions;
        Assert.Equal(standing, machine.Statistics.Instructions);
        Assert.True(standing >= before);
    }

    [Fact]
    public void Killed_SaysWhyWhereAndWhatItDidLast()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("k");
        Assert.Equal(RunStop.Ended, machine.Run());
        MachineEnd end = Assert.IsType<MachineEnd>(machine.End);
        Assert.Equal(MachineEndReason.Killed, end.Reason);
        Assert.Contains("0x63", end.Text, StringComparison.Ordinal);
        Assert.InRange(end.Eip, 0x10_0000u, 0x10_1000u);
        Assert.NotEmpty(end.RecentFaults);
    }

    [Fact]
    public void Memory_IsReadAndWrittenByEitherAddress()
    {
        using Machine machine = Machine.Create(GuestFiles.Options("sundial"));
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ring 1" }));
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        Gpa place = new((20 << 20) - 4);
        machine.WriteMemory(place, bytes);
        byte[] read = new byte[8];
        machine.ReadMemory(place, read);
        Assert.Equal(bytes, read);

        // The kernel's window on low memory begins at 0xC0000000.
        Gva window = new(0xC000_0000 + (uint)place.Value);
        Assert.Equal(place, machine.PageTables.Translate(window));
        read.AsSpan().Clear();
        Assert.Equal(8, machine.ReadVirtual(window, read));
        Assert.Equal(bytes, read);
        Assert.Null(machine.PageTables.Translate(new Gva(0x9000_0000)));
        Assert.Equal(0, machine.ReadVirtual(new Gva(0x9000_0000), read));
        Assert.Throws<ArgumentOutOfRangeException>(() => machine.ReadMemory(new Gpa((24 << 20) - 4), read));
    }

    [Fact]
    public void PageTables_OfARunningKernel_ShowItsWindowAndTheSwitcher()
    {
        using Machine machine = Machine.Create(GuestFiles.Options("sundial"));
        Assert.True(machine.PageTables.IsLinear);
        Assert.Single(machine.PageTables.Guest());
        machine.Run(new RunLimits { Instructions = 500_000 });
        Assert.False(machine.PageTables.IsLinear);
        Assert.NotEqual(default, machine.PageTables.Directory);
        Assert.Contains(machine.PageTables.Guest(), run => run.First.Address.Value >= 0xC000_0000 && !run.First.User);
        Assert.Contains(machine.PageTables.Shadow(0xFFC0_0000), run => run.First.IsSwitcher);
        Assert.All(machine.PageTables.Shadow(0xC000_0000, 0xC00F_FFFF), run => Assert.InRange(run.First.Address.Value, 0xC000_0000, 0xC00F_FFFF));
        Assert.NotEmpty(machine.PageTables.Differences());
    }

    [Fact]
    public void Statistics_AfterARestart_GoOn()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready" }));
        MachineStatistics before = machine.Statistics;
        machine.Restart();
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready" }));
        MachineStatistics after = machine.Statistics;
        Assert.True(before["faults"] > 0);
        Assert.Equal(2 * before["faults"], after["faults"]);
        Assert.Equal(2 * before.Exits, after.Exits);
        Assert.Equal(before["leaves-present"], after["leaves-present"]);
        Assert.Equal((0, 1), (before.Restarts, after.Restarts));
    }

    [Fact]
    public void Options_ThatDoNotFit_AreRefusedInOneSentence()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Machine.Create(EchoGuest.Options with { MemoryMiB = 0 }));
        Assert.Throws<ArgumentException>(() => Machine.Create(EchoGuest.Options with { Paging = new PagingOptions { Slots = 0 } }));
        Assert.Throws<KernelFormatException>(() => Machine.Create(EchoGuest.Options with { Kernel = new byte[100] }));
        Assert.Throws<KernelFormatException>(() => Machine.Create(EchoGuest.Options with { RamDisk = new byte[8 << 20] }));
        Assert.Throws<KernelFormatException>(() => Machine.Create(EchoGuest.Options with { CommandLine = new string('x', 5000) }));
        Assert.Throws<FileNotFoundException>(() => Machine.Create(EchoGuest.Options with { Disks = [new MachineDisk("no-such-file")] }));
    }

    [Fact]
    public void Dispose_OfAMachineThatRuns_StopsIt()
    {
        Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("l");
        machine.Start();
        machine.Dispose();
        Assert.False(machine.IsRunning);
        machine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => machine.Run());
        Assert.Throws<ObjectDisposedException>(() => machine.Registers);
        machine.Console.Resize(1, 2);
    }

    [Fact]
    public void Dispose_WhileAnotherThreadRunsIt_StopsThatRun()
    {
        Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("l");
        Task<RunStop> run = Task.Run(() => machine.Run());
        while (!machine.Console.Output.Contains("ready", StringComparison.Ordinal))
        {
            Thread.Yield();
        }

        machine.Dispose();
        Assert.Equal(RunStop.Cancelled, run.Result);
    }

    [Fact]
    public void Written_ThatThrows_EndsTheRunWithIt()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Written += _ => throw new InvalidOperationException("the handler's");
        machine.Start();
        Assert.Equal("the handler's", Assert.Throws<InvalidOperationException>(() => machine.WaitForEnd(_patience)).Message);
        Assert.False(machine.IsRunning);
    }

    [Fact]
    public void Pause_FromAHandler_StopsBehindIt()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("l");
        machine.Console.Written += _ => machine.Pause();
        Assert.Equal(RunStop.Cancelled, machine.Run());
        Assert.Equal("ready\n", machine.Console.Output);
    }
}
