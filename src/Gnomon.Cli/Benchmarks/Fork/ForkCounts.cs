using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>What a run cost: sums of a whole run, or, divided, of one round.</summary>
internal sealed record ForkCounts
{
    /// <summary>Page faults that came to the host.</summary>
    public double PageFaults { get; init; }

    /// <summary>Shadow leaves put in: by faults, by pins, as neighbours, from announced entries.</summary>
    public double LeavesMapped { get; init; }

    /// <summary>Shadow leaves that went.</summary>
    public double LeavesReleased { get; init; }

    /// <summary>Faults that only the host's forgetting caused.</summary>
    public double Refaults { get; init; }

    /// <summary>Entries that flushes looked at: under the classic policies those that the original's loops would have visited, else those
    /// that were compared.</summary>
    public double EntriesScanned { get; init; }

    /// <summary>Shadow tables made.</summary>
    public double TablesMade { get; init; }

    /// <summary>Hypercalls, those of the ring counted.</summary>
    public double Hypercalls { get; init; }

    /// <summary>Traps that came to the host through the Switcher.</summary>
    public double Traps { get; init; }

    /// <summary>Instructions, those of the Switcher counted.</summary>
    public double Instructions { get; init; }

    /// <summary>The engine's work in one number: faults handled, leaves put in and taken out, entries looked at.</summary>
    public double Work => PageFaults + LeavesMapped + LeavesReleased + EntriesScanned;

    /// <summary>Reads the counters at a run's end.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="scanned">Entries scanned; null: those that the engine compared.</param>
    /// <param name="refaults">Refaults.</param>
    public static ForkCounts Of(ParavirtualGuest guest, long? scanned, long refaults)
    {
        ShadowStatistics shadow = guest.Mmu.Statistics;
        MonitorStatistics monitor = guest.Statistics;
        return new ForkCounts
        {
            PageFaults = monitor.PageFaults,
            LeavesMapped = shadow.LeavesMapped + shadow.LeavesPrefaulted + shadow.LeavesConverted,
            LeavesReleased = shadow.LeavesReleased,
            Refaults = refaults,
            EntriesScanned = scanned ?? shadow.EntriesKept + shadow.EntriesDropped,
            TablesMade = shadow.TablesMade,
            Hypercalls = monitor.Hypercalls + monitor.AsyncHypercalls,
            Traps = monitor.Traps,
            Instructions = guest.Processor.Instructions,
        };
    }

    /// <summary>What one round costs: the difference to a run with fewer rounds, divided.</summary>
    public ForkCounts Per(ForkCounts shorter, int rounds) => new()
    {
        PageFaults = (PageFaults - shorter.PageFaults) / rounds,
        LeavesMapped = (LeavesMapped - shorter.LeavesMapped) / rounds,
        LeavesReleased = (LeavesReleased - shorter.LeavesReleased) / rounds,
        Refaults = (Refaults - shorter.Refaults) / rounds,
        EntriesScanned = (EntriesScanned - shorter.EntriesScanned) / rounds,
        TablesMade = (TablesMade - shorter.TablesMade) / rounds,
        Hypercalls = (Hypercalls - shorter.Hypercalls) / rounds,
        Traps = (Traps - shorter.Traps) / rounds,
        Instructions = (Instructions - shorter.Instructions) / rounds,
    };
}
