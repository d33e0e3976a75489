namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>The two formats, as a theory row.</summary>
public enum Format
{
    TwoLevel,
    Pae,
}

/// <summary>Theory rows.</summary>
public static class Rows
{
    /// <summary>Both formats.</summary>
    public static TheoryData<Format> Formats => [Format.TwoLevel, Format.Pae];

    /// <summary>Both formats under the two policies that learn of changes by themselves.</summary>
    public static TheoryData<Format, Coherence> SilentGuests
    {
        get
        {
            TheoryData<Format, Coherence> rows = [];
            foreach (Format format in Enum.GetValues<Format>())
            {
                rows.Add(format, Coherence.Watched);
                rows.Add(format, Coherence.Lazy);
            }

            return rows;
        }
    }

    /// <summary>Both formats under both flush policies.</summary>
    public static TheoryData<Format, FlushPolicy> Flushes
    {
        get
        {
            TheoryData<Format, FlushPolicy> rows = [];
            foreach (Format format in Enum.GetValues<Format>())
            {
                rows.Add(format, FlushPolicy.Resync);
                rows.Add(format, FlushPolicy.Discard);
            }

            return rows;
        }
    }

    /// <summary>Both formats under the three replacement policies, by name.</summary>
    public static TheoryData<Format, string> Policies
    {
        get
        {
            TheoryData<Format, string> rows = [];
            foreach (Format format in Enum.GetValues<Format>())
            {
                rows.Add(format, "random");
                rows.Add(format, "lru");
                rows.Add(format, "clock");
            }

            return rows;
        }
    }

    /// <summary>A replacement policy by its name.</summary>
    public static IReplacementPolicy Policy(string name) => name switch
    {
        "random" => new RandomPolicy(1),
        "lru" => new LruPolicy(),
        _ => new ClockPolicy(),
    };
}

/// <summary>The numbers of a format, written down here again: the tests share no arithmetic with what they test.</summary>
internal sealed record Shape(int Levels, int EntrySize, int IndexBits, int TopEntries, uint SwitcherAddress)
{
    public static Shape Of(Format format) => format == Format.TwoLevel
        ? new Shape(2, 4, 10, 1024, 0xFFC0_0000)
        : new Shape(3, 8, 9, 4, 0xFFE0_0000);

    /// <summary>Entries in a whole table.</summary>
    public int TableEntries => 1 << IndexBits;

    /// <summary>Bytes that one leaf table reaches, which is the size of a large page.</summary>
    public uint LargeSize => 1u << (12 + IndexBits);

    public int IndexOf(uint address, int level) => (int)((ulong)address >> (12 + ((level - 1) * IndexBits))) & (TableEntries - 1);

    /// <summary>The entry's bits that hold an address.</summary>
    public ulong AddressMask => EntrySize == 4 ? 0xFFFF_F000UL : 0xF_FFFF_F000UL;
}
