using System.Text;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;
using Gnomon.Traces.Recording;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>A run of sundial is recorded; the trace alone gives the same faults and ends with the same shadows.</summary>
public sealed class RecordedTests
{
    private const ulong Instructions = 100_000_000;
    private const int DiskBytes = 64 * 512;

    [Theory]
    [InlineData("sundial", Coherence.Notified)]
    [InlineData("sundial", Coherence.Watched)]
    [InlineData("sundial", Coherence.Lazy)]
    [InlineData("sundial-pae", Coherence.Notified)]
    [InlineData("sundial-pae", Coherence.Watched)]
    [InlineData("sundial-pae", Coherence.Lazy)]
    public void Replay_OfARecordedRun_GivesTheSameFaultsInTheSameOrder(string image, Coherence coherence)
    {
        bool pae = image.EndsWith("-pae", StringComparison.Ordinal);
        using StringWriter recorded = new();
        List<string> seen = [];
        ShadowOptions shadow = new() { Coherence = coherence, Slots = 8 };
        List<ShadowLeaf> leaves;
        using (MonitoredMachine machine = new(
            GuestImage.Bytes(image),
            pae,
            "processes=2 forks=2 pages=8",
            new byte[DiskBytes],
            shadow,
            change: options => options with
            {
                Wrap = mmu => new FaultList(new TraceRecorder(mmu, recorded, TraceHeader.Of(mmu)), seen),
            }))
        {
            GuestStop stop = machine.Guest.Run(Instructions);
            Assert.True(stop.Reason == GuestStopReason.Shutdown && stop.Text.EndsWith(" ok", StringComparison.Ordinal), stop.ToString());
            Assert.IsType<FaultList>(machine.Guest.Mmu);
            Assert.Equal(machine.Guest.Statistics.PageFaults, seen.Count);
            leaves = [.. machine.Guest.Mmu.Leaves(0)];
        }

        using MemoryStream stream = new(Encoding.UTF8.GetBytes(recorded.ToString()));
        using TraceReplayer replayer = new(TraceParser.Parse(stream));
        List<string> replayed = [.. replayer.Run().Select(result => result.Text).Where(IsFault)];
        int same = seen.Zip(replayed).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.True(same == seen.Count && same == replayed.Count,
            $"fault {same} of {seen.Count} ({replayed.Count} replayed): {seen.ElementAtOrDefault(same)}, replayed {replayed.ElementAtOrDefault(same)}; {replayer.KillReason}");
        Assert.Null(replayer.KillReason);
        Assert.Equal(leaves, replayer.Mmu.Leaves(0));
        Assert.Null(replayer.Mmu.Audit());
        Assert.Contains("mapped", seen);
        Assert.Contains(seen, text => text.StartsWith("guest-fault", StringComparison.Ordinal));
        Assert.Contains(seen, text => text.StartsWith("device", StringComparison.Ordinal));
        Assert.Equal(coherence != Coherence.Notified, seen.Any(text => text.StartsWith("watched", StringComparison.Ordinal)));
    }

    private static bool IsFault(string text) => text == "mapped"
        || text.StartsWith("guest-fault", StringComparison.Ordinal)
        || text.StartsWith("device", StringComparison.Ordinal)
        || text.StartsWith("watched", StringComparison.Ordinal);

    /// <summary>Notes what the monitor was answered.</summary>
    private sealed class FaultList(IShadowMmu inner, List<string> faults) : ShadowObserver(inner)
    {
        public override FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
        {
            FaultOutcome outcome = base.DemandPage(cpu, address, code);
            faults.Add(outcome.Kind switch
            {
                FaultKind.Mapped => "mapped",
                FaultKind.GuestFault => $"guest-fault 0x{(uint)outcome.Code:x}",
                FaultKind.Device => $"device {outcome.Address}",
                _ => $"watched {outcome.Address}",
            });
            return outcome;
        }
    }
}
