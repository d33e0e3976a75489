using System.Runtime.CompilerServices;

namespace Gnomon.Paging;

/// <summary>
/// A paging format: how many levels, how wide the entries, which bits are reserved. A type parameter of everything that walks or
/// keeps tables, so that the compiler makes straight code of it. Levels count from 1, the level whose entries map 4 KiB pages.
/// </summary>
public interface IPagingFormat
{
    /// <summary>The number of levels.</summary>
    static abstract int Levels { get; }

    /// <summary>Bytes in an entry: 4 or 8.</summary>
    static abstract int EntrySize { get; }

    /// <summary>log2 of the entries in a whole table: 10 or 9.</summary>
    static abstract int IndexBits { get; }

    /// <summary>Entries of the top-level table: fewer than a whole table's in PAE, 4.</summary>
    static abstract int TopEntries { get; }

    /// <summary>The alignment in bytes of a top-level table: what CR3 ignores below.</summary>
    static abstract uint TopAlignment { get; }

    /// <summary>The bits of an entry that hold a physical address.</summary>
    static abstract ulong AddressMask { get; }

    /// <summary>Whether entries of a level hold rights (RW, US, A). PAE's top entries hold none (Intel SDM vol. 3, table 4-8).</summary>
    /// <param name="level">1 … <see cref="Levels"/>.</param>
    static abstract bool HasRights(int level);

    /// <summary>Whether an entry at this level that is present maps a large page.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="level">1 … <see cref="Levels"/>; only level 2 can.</param>
    /// <param name="controls">Two-level asks for <see cref="PagingControls.LargePages"/>.</param>
    static abstract bool IsLarge(ulong entry, int level, PagingControls controls);

    /// <summary>The bits that must be zero in a present entry of this level (Intel SDM vol. 3, 4.3, 4.4.2); one that is set is a fault with bit 3.</summary>
    /// <param name="entry">The entry: a large page has more of them.</param>
    /// <param name="level">1 … <see cref="Levels"/>.</param>
    /// <param name="controls">Bit 63 is reserved while no-execute is off.</param>
    static abstract ulong ReservedBits(ulong entry, int level, PagingControls controls);

    /// <summary>Whether a fetch is reported in the error code, and the no-execute bit honoured.</summary>
    static abstract bool HasNoExecute(PagingControls controls);

    /// <summary>The flags that the original allowed in an entry of this level; all others made it kill the guest (strict mode).</summary>
    static abstract ulong StrictFlags(int level);

    /// <summary>A short name: "two-level" or "pae".</summary>
    static abstract string Name { get; }
}

/// <summary>What follows from a format's constants.</summary>
/// <typeparam name="TFormat">The format.</typeparam>
public static class Paging<TFormat>
    where TFormat : struct, IPagingFormat
{
    /// <summary>Entries in a whole table.</summary>
    public static int TableEntries
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1 << TFormat.IndexBits;
    }

    /// <summary>log2 of the bytes that one entry of a level reaches.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ShiftOf(int level) => PageShift + ((level - 1) * TFormat.IndexBits);

    /// <summary>The index into a table of a level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int IndexOf(uint address, int level) => (int)(address >> ShiftOf(level)) & (TableEntries - 1);

    /// <summary>The bytes that a table of this level reaches altogether.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReachOf(int level) => 1UL << (PageShift + (level * TFormat.IndexBits));

    /// <summary>The entries that a table of this level has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int EntriesOf(int level) => level == TFormat.Levels ? TFormat.TopEntries : TableEntries;

    private const int PageShift = Gnomon.Memory.PageSize.Shift;
}
