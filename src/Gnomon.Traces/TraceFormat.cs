namespace Gnomon.Traces;

/// <summary>The format of the guest's page tables in a trace.</summary>
public enum TraceFormat
{
    /// <summary>32-bit paging: a directory and tables of 1024 entries of 4 bytes.</summary>
    TwoLevel,

    /// <summary>PAE: a pointer table of 4 entries, directories and tables of 512, 8 bytes each.</summary>
    Pae,
}

/// <summary>The numbers of a format, for code that is not specialised for it.</summary>
/// <param name="Name">The name in a trace's header.</param>
/// <param name="EntryBytes">Bytes in an entry.</param>
/// <param name="IndexBits">log2 of the entries of a whole table.</param>
/// <param name="Levels">The number of levels.</param>
/// <param name="TopEntries">Entries of the top-level table.</param>
/// <param name="AddressBits">Bits of the widest guest-physical address that an entry can hold.</param>
public sealed record FormatShape(string Name, int EntryBytes, int IndexBits, int Levels, int TopEntries, int AddressBits)
{
    /// <summary>Two-level.</summary>
    public static FormatShape TwoLevel { get; } = new("two-level", 4, 10, 2, 1024, 32);

    /// <summary>PAE.</summary>
    public static FormatShape Pae { get; } = new("pae", 8, 9, 3, 4, 36);

    /// <summary>The numbers of a format.</summary>
    public static FormatShape Of(TraceFormat format) => format == TraceFormat.Pae ? Pae : TwoLevel;

    /// <summary>Entries of a whole table.</summary>
    public int TableEntries => 1 << IndexBits;

    /// <summary>Bytes that one leaf table reaches, also the size of a large page.</summary>
    public uint LeafReach => 1u << (12 + IndexBits);

    /// <summary>The largest value that an entry can have.</summary>
    public ulong LargestEntry => EntryBytes == 4 ? uint.MaxValue : ulong.MaxValue;

    /// <summary>Where the Switcher's pages begin when the header does not say.</summary>
    public uint DefaultSwitcher => EntryBytes == 4 ? 0xFFC0_0000 : 0xFFE0_0000;

    /// <summary>The index into a table of a level (1 is the leaf level).</summary>
    public int IndexOf(uint address, int level) => (int)(address >> (12 + ((level - 1) * IndexBits))) & (TableEntries - 1);
}
