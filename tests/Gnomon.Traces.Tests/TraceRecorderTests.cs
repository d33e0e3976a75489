using Gnomon.Shadow;
using Gnomon.Traces.Recording;
using Gnomon.Traces.Workloads;

namespace Gnomon.Traces.Tests;

public sealed class TraceRecorderTests
{
    public static TheoryData<string, TraceFormat> Workloads => WorkloadTests.Workloads;

    [Theory]
    [MemberData(nameof(Workloads))]
    public void Record_AGuestThatRuns_ReplaysWithTheSameFaultsAndShadows(string name, TraceFormat format)
    {
        using StringWriter generated = new();
        WorkloadCatalogue.Generate(WorkloadCatalogue.Find(name)!, format, 9, 4, generated);
        Trace original = Text.Parse(generated.ToString());
        using StringWriter recorded = new();
        using TraceReplayer live = new(original, null, inner => new TraceRecorder(inner, recorded, original.Header));
        Assert.NotEmpty(live.Run().ToList());

        using TraceReplayer replayed = new(Text.Parse(recorded.ToString()));
        List<string> faults = [.. Results(replayed)];

        ShadowStatistics seen = live.Mmu.Statistics;
        Assert.Equal(seen.Faults, faults.Count);
        Assert.Equal(seen.GuestFaults, faults.Count(text => text.StartsWith("guest-fault", StringComparison.Ordinal)));
        Assert.Equal(live.KillReason, replayed.KillReason);
        Assert.Equal(Leaves(live), Leaves(replayed));
        Assert.Null(replayed.Mmu.Audit());
    }

    [Theory]
    [InlineData("watched")]
    [InlineData("lazy")]
    public void Record_EntriesThatWereThereBeforeTheWatch_AreNoStores(string coherence)
    {
        // The table at 0x2000 maps itself; it is written before anybody watches it.
        Trace original = Text.Parse($"""
            gnomon-trace 1
            memory 64
            coherence {coherence}
            guest unmodified
            init
            poke 0x1000 0x2067
            poke 0x2000 0x3067
            poke 0x2004 0x4067
            poke 0x2008 0x2067
            load 0x1000
            fault 0x0 0
            fault 0x1000 0
            fault 0x2000 2
            """);
        using StringWriter recorded = new();
        using TraceReplayer live = new(original, null, inner => new TraceRecorder(inner, recorded, original.Header));
        List<string> seen = [.. Results(live)];
        Assert.Equal(["mapped", "mapped", "watched 0x2000"], seen);
        using TraceReplayer replayed = new(Text.Parse(recorded.ToString()));
        Assert.Equal(seen, Results(replayed));
    }

    private static IEnumerable<string> Results(TraceReplayer replayer) =>
        replayer.Run().Select(result => result.Text)
            .Where(text => text is "mapped" || text.StartsWith("guest-fault", StringComparison.Ordinal)
                || text.StartsWith("device", StringComparison.Ordinal) || text.StartsWith("watched", StringComparison.Ordinal));

    private static List<ShadowLeaf> Leaves(TraceReplayer replayer) =>
        [.. replayer.Mmu.Leaves(replayer.CurrentCpu)];
}
