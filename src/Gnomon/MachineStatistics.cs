namespace Gnomon;

/// <summary>What a machine has done and what was done for it, at one moment.</summary>
public sealed record MachineStatistics
{
    /// <summary>Instructions completed, those of the Switcher counted.</summary>
    public required ulong Instructions { get; init; }

    /// <summary>The machine's time.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>Times that the guest was started anew.</summary>
    public required int Restarts { get; init; }

    /// <summary>Times that the guest came to the host.</summary>
    public required long Exits { get; init; }

    /// <summary>Hypercalls, asynchronous ones not counted.</summary>
    public required long Hypercalls { get; init; }

    /// <summary>Hypercalls out of the ring.</summary>
    public required long AsyncHypercalls { get; init; }

    /// <summary>Page faults given to the shadow tables.</summary>
    public required long PageFaults { get; init; }

    /// <summary>Traps given to the guest by the host.</summary>
    public required long ReflectedTraps { get; init; }

    /// <summary>Interrupts delivered.</summary>
    public required long Interrupts { get; init; }

    /// <summary>Instructions done for the guest's kernel.</summary>
    public required long Emulated { get; init; }

    /// <summary>Accesses of ports and device windows.</summary>
    public required long DeviceAccesses { get; init; }

    /// <summary>Blocks of instructions decoded.</summary>
    public required long BlocksBuilt { get; init; }

    /// <summary>Walks of page tables that the processor did.</summary>
    public required long Walks { get; init; }

    /// <summary>Pages of the guest's memory that have a frame of the host.</summary>
    public required int PagesBacked { get; init; }

    /// <summary>Frames of the host that the machine uses, for memory, tables and all else.</summary>
    public required int FramesInUse { get; init; }

    /// <summary>The counters of the shadow tables by name, in a fixed order; before and after restarts added up.</summary>
    public required IReadOnlyList<KeyValuePair<string, long>> Shadow { get; init; }

    /// <summary>A counter of the shadow tables; 0 for a guest without any.</summary>
    /// <param name="name">Its name, such as <c>faults</c>.</param>
    public long this[string name] => Shadow.FirstOrDefault(counter => counter.Key == name).Value;
}
