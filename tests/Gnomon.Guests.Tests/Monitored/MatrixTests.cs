using Gnomon.Guests.Tests.Paper;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>One way to run sundial.</summary>
/// <param name="Pae">The format.</param>
/// <param name="Coherence">How changes are learnt.</param>
/// <param name="Policy">Which address space goes: 0 at random, 1 the least recently used, 2 second chance.</param>
/// <param name="Prefault">Entries that one fault fills.</param>
/// <param name="OnFlush">What a flush does.</param>
/// <param name="Moves">Whether the guest changes between two host CPUs.</param>
public sealed record Way(bool Pae, Coherence Coherence, int Policy, int Prefault, FlushPolicy OnFlush, bool Moves)
{
    /// <summary>Every one.</summary>
    public static IReadOnlyList<Way> All { get; } =
    [
        .. from pae in (bool[])[false, true]
           from coherence in Enum.GetValues<Coherence>()
           from policy in (int[])[0, 1, 2]
           from prefault in (int[])[1, 16]
           from flush in Enum.GetValues<FlushPolicy>()
           from moves in (bool[])[false, true]
           select new Way(pae, coherence, policy, prefault, flush, moves),
    ];

    /// <summary>So few that each value of one choice meets each value of every other.</summary>
    public static IReadOnlyList<Way> Pairwise()
    {
        List<Way> chosen = [];
        HashSet<(int, int, object, object)> open = [.. All.SelectMany(Pairs)];
        while (open.Count > 0)
        {
            Way best = All.MaxBy(way => Pairs(way).Count(open.Contains))!;
            chosen.Add(best);
            open.ExceptWith(Pairs(best));
        }

        return chosen;
    }

    /// <summary>Options for one run.</summary>
    public ShadowOptions Options => new()
    {
        Coherence = Coherence,
        Slots = 3,
        Policy = Policy switch { 0 => new RandomPolicy(5), 1 => new LruPolicy(), _ => new ClockPolicy() },
        Prefault = Prefault,
        OnFlush = OnFlush,
    };

    /// <summary>The pairs of choices that a way has.</summary>
    public static IEnumerable<(int, int, object, object)> Pairs(Way way)
    {
        object[] choices = [way.Pae, way.Coherence, way.Policy, way.Prefault, way.OnFlush, way.Moves];
        return from i in Enumerable.Range(0, choices.Length)
               from j in Enumerable.Range(i + 1, choices.Length - i - 1)
               select (i, j, choices[i], choices[j]);
    }
}

/// <summary>Sundial says the same whatever the shadow tables do for it, and the auditor finds nothing on the way.</summary>
public sealed class MatrixTests
{
    private const ulong Instructions = 40_000_000;
    private const int DiskBytes = 64 * 512;

    // Each run has some ten thousand entries; all of them are audited in a full run.
    private const int EntriesOfAnAudit = 61;
    private const string CommandLine = "processes=3 forks=4 pages=12";

    private static Dictionary<bool, Lazy<string>> OnPaper { get; } = new()
    {
        [false] = new(() => RunOnPaper(pae: false)),
        [true] = new(() => RunOnPaper(pae: true)),
    };

    public static TheoryData<Way> Ways => [.. TestSettings.Full ? Way.All : Way.Pairwise()];

    [Fact]
    public void Pairwise_MeetsEveryPair()
    {
        HashSet<(int, int, object, object)> met = [.. Way.Pairwise().SelectMany(Way.Pairs)];
        Assert.Equal(144, Way.All.Count);
        Assert.InRange(Way.Pairwise().Count, 9, 16);
        Assert.All(Way.All.SelectMany(Way.Pairs), pair => Assert.Contains(pair, met));
    }

    [Theory]
    [MemberData(nameof(Ways), DisableDiscoveryEnumeration = true)]
    public void Sundial_EveryWay_SaysWhatItSaysOnPaper(Way way)
    {
        int entries = 0;
        using MonitoredMachine machine = new(
            GuestImage.Bytes(way.Pae ? "sundial-pae" : "sundial"),
            way.Pae,
            CommandLine,
            new byte[DiskBytes],
            way.Options,
            change: options => options with
            {
                Wrap = mmu => new AuditedMmu(mmu, () => entries++ % (TestSettings.Full ? 1 : EntriesOfAnAudit) == 0),
            });
        GuestStop stop = default;
        for (ulong done = 0; done < Instructions && !stop.IsFinal; done += 10_007)
        {
            stop = machine.Guest.Run(10_007);
            machine.Guest.HostCpu = way.Moves ? 1 - machine.Guest.HostCpu : 0;
        }

        Assert.True(stop.Reason == GuestStopReason.Shutdown, stop.ToString());
        Assert.Equal(OnPaper[way.Pae].Value, machine.Console);
        Assert.True(entries > EntriesOfAnAudit * 20, $"{entries} entries");
    }

    private static string RunOnPaper(bool pae)
    {
        using PaperMachine paper = new(GuestImage.Bytes(pae ? "sundial-pae" : "sundial"), pae, CommandLine, disk: new byte[DiskBytes]);
        return paper.Run(10 * (long)Instructions).Console;
    }

    /// <summary>Audits when the guest is about to be entered.</summary>
    private sealed class AuditedMmu(IShadowMmu inner, Func<bool> isDue) : ShadowObserver(inner)
    {
        public override void PrepareToRun(int cpu, int hostCpu)
        {
            base.PrepareToRun(cpu, hostCpu);
            if (isDue())
            {
                Assert.Null(Audit());
            }
        }
    }
}
