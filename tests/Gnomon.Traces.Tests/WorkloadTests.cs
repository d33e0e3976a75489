using Gnomon.Shadow;
using Gnomon.Traces.Workloads;

namespace Gnomon.Traces.Tests;

public sealed class WorkloadTests
{
    public static TheoryData<string, TraceFormat> Workloads => Rows(WorkloadCatalogue.All);

    public static TheoryData<string, TraceFormat> WellBehaved => Rows(WorkloadCatalogue.All.Where(workload => !workload.MayBeKilled));

    [Theory]
    [MemberData(nameof(Workloads))]
    public void Generate_SameSeed_GivesTheSameTrace(string name, TraceFormat format)
    {
        string text = Generate(name, format, seed: 5);

        Assert.Equal(text, Generate(name, format, seed: 5));
        Assert.Equal(format, Text.Parse(text).Header.Format);
        Assert.Contains("\naudit\n", text, StringComparison.Ordinal);
        if (name is not "sparse" and not "highmem")
        {
            Assert.NotEqual(text, Generate(name, format, seed: 6));
        }
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void Generate_EveryTrace_RoundTrips(string name, TraceFormat format)
    {
        Trace trace = Text.Parse(Generate(name, format, seed: 1));

        Trace again = Text.Parse(Text.Write(trace));

        Assert.Equal(trace.Lines.Select(line => line.Operation), again.Lines.Select(line => line.Operation));
        Assert.Equal(trace.Header with { Devices = [] }, again.Header with { Devices = trace.Header.Devices.Count == 0 ? [] : null! });
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void Replay_EveryPolicy_LivesAndGivesTheSameResults(string name, TraceFormat format)
    {
        Trace trace = Text.Parse(Generate(name, format, seed: 2));
        List<string> reference = Visible(trace, new ReplayOptions());
        bool mayBeKilled = WorkloadCatalogue.Find(name)!.MayBeKilled;

        foreach (ReplayOptions options in new ReplayOptions[]
        {
            new() { Prefault = 16 },
            new() { OnFlush = FlushPolicy.Discard },
            new() { Slots = 2, Policy = new TracePolicy(TracePolicyKind.Random, 3) },
            new() { Slots = 3, Policy = new TracePolicy(TracePolicyKind.Clock, 0) },
            new() { Coherence = Coherence.Watched },
            new() { Coherence = Coherence.Lazy, Prefault = 4 },
        })
        {
            List<string> other = Visible(trace, options);
            if (!mayBeKilled)
            {
                Assert.Equal(reference, other);
            }
        }

        Assert.True(mayBeKilled || !reference.Exists(line => line.Contains("killed", StringComparison.Ordinal)));
    }

    // A kernel that handles its programs' faults meets each once: a second fault at the same address would say that its idea
    // of its tables, or the engine's, is wrong.
    [Theory]
    [MemberData(nameof(WellBehaved))]
    public void Replay_WellBehavedGuest_FaultsOnceWhereItsKernelMaps(string name, TraceFormat format)
    {
        Trace trace = Text.Parse(Generate(name, format, seed: 4));
        using TraceReplayer replayer = new(trace);
        bool repaired = false;
        foreach ((TraceLine line, ReplayResult result) in trace.Lines.Zip(replayer.Run()))
        {
            bool faulted = result.Text.StartsWith("guest-fault", StringComparison.Ordinal);
            Assert.False(faulted && repaired, $"line {line.Number}: {TraceWriter.Format(line.Operation)} gave {result.Text}");
            repaired = line.Operation is TraceOperation.SetPte;
        }
    }

    private static TheoryData<string, TraceFormat> Rows(IEnumerable<IWorkload> workloads)
    {
        TheoryData<string, TraceFormat> rows = [];
        foreach (IWorkload workload in workloads)
        {
            rows.Add(workload.Name, TraceFormat.TwoLevel);
            rows.Add(workload.Name, TraceFormat.Pae);
        }

        return rows;
    }

    private static string Generate(string name, TraceFormat format, int seed)
    {
        using StringWriter writer = new();
        IWorkload workload = WorkloadCatalogue.Find(name)!;
        WorkloadCatalogue.Generate(workload, format, seed, Math.Max(2, workload.Size.Default / 4), writer);
        return writer.ToString();
    }

    private static List<string> Visible(Trace trace, ReplayOptions options)
    {
        using TraceReplayer replayer = new(trace, options with { AuditEvery = 50 });
        List<string> lines = [];
        foreach (ReplayResult result in replayer.Run())
        {
            Assert.True(result.Broken is null, $"line {result.Line}: {result.Broken}");
            lines.Add($"{result.Line}: {result.Text}");
        }

        return lines;
    }
}
