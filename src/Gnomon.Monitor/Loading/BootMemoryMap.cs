namespace Gnomon.Monitor;

/// <summary>What a range of physical addresses is, with the numbers of ACPI's system address map (ACPI 6.5, 15.4).</summary>
public enum BootMemoryType
{
    /// <summary>The kernel may use it.</summary>
    Ram = 1,

    /// <summary>Devices or tables; the kernel keeps out.</summary>
    Reserved = 2,

    /// <summary>ACPI tables, which the kernel may reuse once it has read them.</summary>
    AcpiTables = 3,

    /// <summary>ACPI's non-volatile storage.</summary>
    AcpiStorage = 4,
}

/// <summary>A range of physical addresses.</summary>
/// <param name="Address">Its first address.</param>
/// <param name="Length">Bytes; at least one.</param>
/// <param name="Type">What it is.</param>
public readonly record struct BootMemoryRange(ulong Address, ulong Length, BootMemoryType Type)
{
    /// <summary>The first address behind it.</summary>
    public ulong End => Address + Length;
}

/// <summary>Makes the map of physical memory ("e820") that a kernel is given.</summary>
public static class BootMemoryMap
{
    /// <summary>What every PC keeps: the extended BIOS data area and, behind the window of the screen, the ROMs, where tables are too.
    /// The window itself is in no range, as on any PC.</summary>
    public static IReadOnlyList<BootMemoryRange> PcHoles { get; } =
        [new(0x9_FC00, 0x400, BootMemoryType.Reserved), new(0xE_0000, 0x2_0000, BootMemoryType.Reserved)];

    /// <summary>Where <see cref="PcHoles"/> begin and end: there is no RAM for a kernel between.</summary>
    private static readonly BootMemoryRange _hole = new(0x9_FC00, 0x6_0400, BootMemoryType.Reserved);

    /// <summary>Makes the map: memory is RAM, except for the holes of a PC and what the caller reserves.</summary>
    /// <param name="size">Bytes of memory from address 0 on.</param>
    /// <param name="reserved">What else is no RAM; may lie anywhere, also behind the memory, but ranges must not overlap each other
    /// or the holes.</param>
    /// <returns>The ranges in rising order; none overlaps another or is empty.</returns>
    /// <exception cref="ArgumentException">Reserved ranges overlap, are empty, or are RAM.</exception>
    public static IReadOnlyList<BootMemoryRange> Build(ulong size, IReadOnlyList<BootMemoryRange> reserved)
    {
        ArgumentNullException.ThrowIfNull(reserved);
        List<BootMemoryRange> map = [.. PcHoles];
        foreach (BootMemoryRange range in reserved)
        {
            if (range.Length == 0 || range.End < range.Address || range.Type == BootMemoryType.Ram)
            {
                throw new ArgumentException($"The range 0x{range.Address:x} of 0x{range.Length:x} bytes cannot be reserved.", nameof(reserved));
            }

            map.Add(range);
        }

        map.Sort((a, b) => a.Address.CompareTo(b.Address));
        List<BootMemoryRange> taken = [.. map.Where(range => range.Address < _hole.Address || range.Address >= _hole.End), _hole];
        taken.Sort((a, b) => a.Address.CompareTo(b.Address));
        ulong from = 0;
        foreach (BootMemoryRange range in taken)
        {
            AddRam(map, from, Math.Min(range.Address, size));
            from = range.End;
        }

        AddRam(map, from, size);
        map.Sort((a, b) => a.Address.CompareTo(b.Address));
        for (int i = 1; i < map.Count; i++)
        {
            if (map[i].Address < map[i - 1].End)
            {
                throw new ArgumentException($"The reserved ranges overlap at 0x{map[i].Address:x}.", nameof(reserved));
            }
        }

        return map;
    }

    /// <summary>Whether all the bytes of a range are RAM of a map.</summary>
    /// <param name="map">A map that <see cref="Build"/> made.</param>
    /// <param name="address">The first address.</param>
    /// <param name="length">Bytes.</param>
    public static bool IsRam(IReadOnlyList<BootMemoryRange> map, ulong address, ulong length) =>
        map.Any(range => range.Type == BootMemoryType.Ram && address >= range.Address && address <= range.End && length <= range.End - address);

    private static void AddRam(List<BootMemoryRange> map, ulong from, ulong to)
    {
        if (to > from)
        {
            map.Add(new BootMemoryRange(from, to - from, BootMemoryType.Ram));
        }
    }
}
