using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.Machines;

/// <summary>A stock kernel in virtual time: the same run, whatever else the host does.</summary>
public sealed class DeterminismTests
{
    private const ulong Every = 50_000_000;

    [Theory]
    [InlineData(LinuxFlavour.I686)]
    [InlineData(LinuxFlavour.I686Pae)]
    public void SameOptions_BesideABusyProcess_SameHashesAllAlong(LinuxFlavour flavour)
    {
        MachineOptions options = StockSystem.Of(flavour).Machine(new LinuxGuest { Script = "exit 0\n"u8.ToArray(), IsQuiet = true }) with { HashEvery = Every, Seed = 7 };
        List<(ulong, string)> alone = Run(options);
        List<(ulong, string)> beside;
        using (new BusyHost())
        {
            beside = Run(options);
        }

        Assert.True(alone.Count >= 8, $"only {alone.Count} hashes: the run is too short to say anything");
        Assert.Equal(alone, beside);
        Assert.Equal(alone.Count, alone.Select(hash => hash.Item2).Distinct().Count());
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
