namespace Gnomon.MachineTests;

/// <summary>In virtual time the same input gives the same run, whatever else the host does.</summary>
public sealed class DeterminismTests
{
    private const ulong Every = 1_000_000;

    [Theory]
    [InlineData("sundial", "")]
    [InlineData("sundial-pae", "processes=6 tick=50")]
    public void SameOptions_BesideABusyProcess_SameHashesAllAlong(string image, string commandLine)
    {
        using TemporaryDisk disk = new(64);
        MachineOptions options = GuestFiles.Options(image, commandLine) with
        {
            HashEvery = Every,
            Disks = [new MachineDisk(disk.Path, DiskAccess.CopyOnWrite)],
            Paging = PagingOptions.Classic,
        };
        List<(ulong, string)> alone = Run(options);
        List<(ulong, string)> beside;
        using (new BusyHost())
        {
            beside = Run(options);
        }

        Assert.True(alone.Count >= 5, $"only {alone.Count} hashes: the run is too short to say anything");
        Assert.Equal(alone, beside);
        Assert.Equal(alone.Count, alone.Select(hash => hash.Item2).Distinct().Count());
    }

    [Fact]
    public void Stretches_HoweverLong_GiveTheSameRun()
    {
        MachineOptions options = GuestFiles.Options("sundial");
        using Machine whole = Machine.Create(options);
        using Machine pieces = Machine.Create(options);
        whole.Run();
        while (pieces.Run(new RunLimits { Instructions = 777 }) != RunStop.Ended)
        {
        }

        Assert.Equal((whole.Console.Output, whole.StateHash()), (pieces.Console.Output, pieces.StateHash()));
    }

    [Fact]
    public void StateHash_SeesRegistersMemoryTimeAndDevices()
    {
        using Machine one = Ready();
        using Machine other = Ready();
        Assert.Equal(one.StateHash(), other.StateHash());

        other.WriteMemory(new Memory.Gpa(0x30_0000), [1]);
        Assert.NotEqual(one.StateHash(), other.StateHash());
        other.WriteMemory(new Memory.Gpa(0x30_0000), [0]);
        Assert.Equal(one.StateHash(), other.StateHash());

        using Machine sized = Machine.Create(EchoGuest.Options with { ConsoleSize = (80, 25) });
        sized.Run(new RunLimits { Text = "ready" });
        Assert.NotEqual(one.StateHash(), sized.StateHash());

        using Machine slower = Machine.Create(EchoGuest.Options with { NanosecondsPerInstruction = 11 });
        slower.Run(new RunLimits { Text = "ready" });
        Assert.NotEqual(one.StateHash(), slower.StateHash());

        other.Run(new RunLimits { Instructions = 1 });
        Assert.NotEqual(one.StateHash(), other.StateHash());
    }

    private static Machine Ready()
    {
        Machine machine = Machine.Create(EchoGuest.Options);
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready" }));
        return machine;
    }

    private static List<(ulong, string)> Run(MachineOptions options)
    {
        using Machine machine = Machine.Create(options);
        List<(ulong, string)> hashes = [];
        machine.Hashed += (instructions, hash) => hashes.Add((instructions, hash));
        Assert.Equal(RunStop.Ended, machine.Run());
        Assert.Equal(MachineEndReason.Shutdown, machine.End?.Reason);
        hashes.Add((machine.Statistics.Instructions, machine.StateHash()));
        return hashes;
    }
}
