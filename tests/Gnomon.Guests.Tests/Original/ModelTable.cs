namespace Gnomon.Guests.Tests.Original;

/// <summary>What a shadow table stands for: a guest table at a level, or a piece of linear mode. PAE's middle tables on the Switcher's path are apart.</summary>
internal readonly record struct TableName(ulong Address, int Level, bool IsLinear, bool IsOnSwitcherPath);

/// <summary>A shadow table of the model.</summary>
internal sealed class ModelTable(TableName name)
{
    public TableName Name { get; } = name;

    /// <summary>Upper tables: what hangs below, and the guest entry that it was made from.</summary>
    public SortedDictionary<int, (ModelTable Child, ulong Entry)> Children { get; } = [];

    /// <summary>Leaf tables: the guest entries that leaves were made from.</summary>
    public SortedDictionary<int, ulong> Leaves { get; } = [];

    /// <summary>Links to it; a root counts as linked by its slot.</summary>
    public int Parents { get; set; }
}

/// <summary>What the model counts: the same things as the engine's counters of these names.</summary>
internal sealed record ModelCounts
{
    public long Mapped { get; set; }

    public long Upgraded { get; set; }

    public long Converted { get; set; }

    public long Released { get; set; }

    public long TablesMade { get; set; }

    public long TablesReleased { get; set; }

    public long Fixed { get; set; }

    public long GuestFaults { get; set; }

    public long DeviceFaults { get; set; }

    public long Loads { get; set; }

    public long Replaced { get; set; }
}
