using Gnomon.Guests.Tests.Paper;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>Both guests on the product's monitor: the same output as on paper, and the ends of the table.</summary>
public sealed class MonitoredTests
{
    private const ulong Instructions = 100_000_000;
    private const int DiskBytes = 64 * 512;

    public static TheoryData<string> Attacks => [.. AttackTable.All.Keys];

    public static TheoryData<string, string> Policies
    {
        get
        {
            TheoryData<string, string> all = [];
            foreach (string image in (ReadOnlySpan<string>)["sundial", "sundial-pae"])
            {
                foreach (string policy in Options.Keys)
                {
                    all.Add(image, policy);
                }
            }

            return all;
        }
    }

    private static Dictionary<string, ShadowOptions> Options { get; } = new()
    {
        ["default"] = new ShadowOptions(),
        ["strict, prefault"] = new ShadowOptions { Strict = true, Prefault = 16 },
        ["classic"] = new ShadowOptions { Slots = 4, Policy = new RandomPolicy(1), OnFlush = FlushPolicy.Discard, DiscardAllOnSetPmd = true },
        ["few slots and tables"] = new ShadowOptions { Slots = 2, TableBudget = 64 },
        ["watched"] = new ShadowOptions { Coherence = Coherence.Watched },
        ["watched, four slots"] = new ShadowOptions { Coherence = Coherence.Watched, Slots = 4 },
        ["watched, few slots and tables"] = new ShadowOptions { Coherence = Coherence.Watched, Slots = 2, TableBudget = 64 },
        ["watched, discard"] = new ShadowOptions { Coherence = Coherence.Watched, Slots = 3, OnFlush = FlushPolicy.Discard, DiscardAllOnSetPmd = true },
        ["lazy, four slots"] = new ShadowOptions { Coherence = Coherence.Lazy, Slots = 4 },
        ["watched, prefault"] = new ShadowOptions { Coherence = Coherence.Watched, Prefault = 16 },
        ["lazy"] = new ShadowOptions { Coherence = Coherence.Lazy },
        ["lazy, prefault"] = new ShadowOptions { Coherence = Coherence.Lazy, Prefault = 16 },
    };

    private static Dictionary<string, Lazy<string>> OnPaper { get; } = new()
    {
        ["sundial"] = new(() => RunOnPaper("sundial", pae: false)),
        ["sundial-pae"] = new(() => RunOnPaper("sundial-pae", pae: true)),
    };

    [Theory]
    [MemberData(nameof(Policies))]
    public void Sundial_UnderEachPolicy_SaysWhatItSaysOnPaper(string image, string policy)
    {
        using MonitoredMachine machine = new(image, "", new byte[DiskBytes], Options[policy]);
        GuestStop stop = machine.Guest.Run(Instructions);
        Assert.Equal(OnPaper[image].Value, machine.Console);
        Assert.Equal(GuestStopReason.Shutdown, stop.Reason);
        Assert.Null(machine.Guest.Mmu.Audit());
    }

    [Theory]
    [MemberData(nameof(Attacks))]
    public void Attack_OnTheMonitor_EndsAsTheTableSays(string attack)
    {
        foreach (string image in (ReadOnlySpan<string>)["hostile", "hostile-pae"])
        {
            using MonitoredMachine machine = new(image, "attack=" + attack);
            GuestStop stop = machine.Guest.Run(Instructions / 5);
            Attack expected = AttackTable.All[attack];
            Assert.True(
                expected.Allows(stop.Reason == GuestStopReason.Killed, stop.Reason == GuestStopReason.Halted, stop.Text)
                    && stop.Reason is GuestStopReason.Killed or GuestStopReason.Halted or GuestStopReason.Shutdown,
                $"{image}: {stop}; expected {string.Join(" or ", expected.Ends)}");
        }
    }

    private static string RunOnPaper(string image, bool pae)
    {
        using PaperMachine paper = new(GuestImage.Bytes(image), pae, "", disk: new byte[DiskBytes]);
        return paper.Run((long)Instructions).Console;
    }
}
