using System.Runtime.InteropServices;

namespace Gnomon.Shadow;

/// <summary>What a shadow table is in use for, beside standing for a guest table.</summary>
[Flags]
internal enum TableFlags : byte
{
    None = 0,

    /// <summary>It stands for something: it has a key and can be found (unless obsolete).</summary>
    Active = 1,

    /// <summary>A top-level table with a slot of the root cache, or an obsolete one.</summary>
    Root = 2,

    /// <summary>A root whose guest table is no table any more: not found again, goes at its last exit.</summary>
    Obsolete = 4,

    /// <summary>The Switcher's own table of a virtual CPU: never taken.</summary>
    Permanent = 8,

    /// <summary>Used since the clock hand came by.</summary>
    Referenced = 16,
}

/// <summary>
/// The descriptor of one shadow table. The table itself is a host frame, so that a real CPU could walk it; beside it lies a frame
/// with the guest entries that its own were made from. A remembered entry is zero where there is none.
/// </summary>
/// <remarks>Two cache lines, so that a table's number becomes its address by a shift; what a fault and a flush need is in the first.</remarks>
// SAFETY: the two pointers are the addresses of the table's own frames, which it holds as long as it has them.
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal unsafe struct ShadowTable
{
    /// <summary>The shadow entries: one host frame.</summary>
    public byte* Entries;

    /// <summary>The guest entries that they were made from: one host frame.</summary>
    public byte* Remembered;

    public TableKey Key;

    /// <summary>Which of the 64 lines (64 bytes) of the table may hold live entries: a superset of those that do.</summary>
    public ulong Lines;

    /// <summary>The flush that compared it last, so that one flush compares it once.</summary>
    public ulong Compared;

    /// <summary>Present entries, the Switcher's included.</summary>
    public int Live;

    public uint Frame;

    /// <summary>The next shadow with a guest table in the same guest page.</summary>
    public int NextInPage;

    /// <summary>Head of the reverse map: the entries that point here.</summary>
    public uint Parents;

    public TableFlags Flags;

    /// <summary>Virtual CPUs in it (roots), or one for ever (permanent ones).</summary>
    public int InUse;

    /// <summary>When a virtual CPU last went into it (roots); larger is later.</summary>
    public ulong LastUse;

    /// <summary>The state of the stacks when its virtual CPU's was pinned in it (roots).</summary>
    public ulong StackVersion;

    public uint RememberedFrame;
    public int PreviousInPage;

    /// <summary>Where it hangs: the index path from the root, and how many parents hang it there. See <see cref="LinkCounts"/>.</summary>
    public int Home;
    public int HomeParents;

    /// <summary>The slot of the root cache; -1 for none.</summary>
    public int Slot;

    public readonly bool Is(TableFlags flag) => (Flags & flag) != 0;
}

/// <summary>What the shadow tables know of one guest page.</summary>
internal struct ShadowPage
{
    /// <summary>Head of the reverse map: the leaves that map the page.</summary>
    public uint Leaves;

    /// <summary>The first shadow whose guest table, or whose large page's start, lies in the page; 0 for none.</summary>
    public int FirstTable;

    /// <summary>Shadows whose coherence hangs on stores to this page.</summary>
    public ushort WatchedTables;

    /// <summary>Reported stores since the last walk through a table in the page.</summary>
    public byte StoresInRow;

    /// <summary>Lazy coherence: its tables may be stale.</summary>
    public bool OutOfStep;

    /// <summary>The page is in the list of those out of step.</summary>
    public bool Listed;

    /// <summary>Pinned stack pages that lie here.</summary>
    public ushort Stacks;
}
