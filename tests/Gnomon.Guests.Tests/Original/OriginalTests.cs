using Gnomon.Guests.Tests.Monitored;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Original;

/// <summary>Under the classic policies the engine does what a model of the original's algorithm says, request by request.</summary>
public sealed class OriginalTests
{
    private const int Seed = 1;
    private const ulong Instructions = 100_000_000;

    [Theory]
    [InlineData("sundial", "loop=fork:30")]
    [InlineData("sundial-pae", "loop=fork:30")]
    [InlineData("sundial", "loop=kernel:30 processes=9")]
    [InlineData("sundial-pae", "loop=kernel:30 processes=9")]
    [InlineData("sundial", "")]
    [InlineData("sundial-pae", "")]
    public void Classic_EachRequest_ComesToWhatTheModelSays(string image, string commandLine)
    {
        ComparedMmu? compared = Run(image, commandLine);
        Assert.True(compared.Model.Counts.Released > 100);
        Assert.True(compared.Model.Scanned > 1000);
    }

    internal static ComparedMmu Run(string image, string commandLine)
    {
        ComparedMmu? compared = null;
        ShadowOptions classic = new() { Slots = 4, Policy = new RandomPolicy(Seed), OnFlush = FlushPolicy.Discard, DiscardAllOnSetPmd = true };
        using MonitoredMachine machine = new(image, commandLine, null, classic, mmu => compared = new ComparedMmu(mmu, Seed));
        GuestStop stop = machine.Guest.Run(Instructions);
        Assert.True(stop.Reason == GuestStopReason.Shutdown, stop.ToString());
        return compared!;
    }
}
