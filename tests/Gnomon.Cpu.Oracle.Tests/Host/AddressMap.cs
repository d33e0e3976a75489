namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// The linear address space in which a case runs. It is the contract for a tested processor: protected mode, CPL 3, IOPL 0, CR0.AM set,
/// paging on, and nothing mapped for the user except what is named here. All sizes and addresses are in bytes.
/// </summary>
internal static class AddressMap
{
    public const uint PageBytes = 0x1000;

    /// <summary>Data that 16-bit addresses reach: pages that can be written, then one that can only be read; unmapped around them.</summary>
    public const uint LowData = 0x8000;

    /// <summary>Data that 32-bit addresses reach, laid out like <see cref="LowData"/>.</summary>
    public const uint HighData = 0x1000_0000;

    /// <summary>The bytes of a data window that can be written.</summary>
    public const uint WritableBytes = 2 * PageBytes;

    /// <summary>The bytes of a data window: the writable ones, then one read-only page. Data pages cannot be executed.</summary>
    public const uint WindowBytes = WritableBytes + PageBytes;

    /// <summary>Slots of code, readable and executable. A case's instruction lies in the slot of its seed.</summary>
    public const uint Code = 0x4000_0000;
    public const uint SlotBytes = 512;
    public const int Slots = 8192;
    public const uint CodeBytes = SlotBytes * Slots;

    /// <summary>Where in its slot an instruction lies: in the middle, so that short branches stay in the slot.</summary>
    public const uint SlotStart = 192;

    /// <summary>Pairs of code pages. The second of an even pair is unmapped, that of an odd pair can be executed.</summary>
    public const uint Edges = 0x4800_0000;
    public const int EdgePairs = 512;
    public const uint EdgePairBytes = 2 * PageBytes;
    public const uint EdgeBytes = EdgePairBytes * EdgePairs;

    /// <summary>What belongs to the runner: no case may read, write or execute here, nor within <see cref="Margin"/> of it.</summary>
    public const uint Runner = 0x6000_0000;
    public const uint RunnerEnd = 0x6800_0000;
    public const uint Margin = 0x1_0000;

    /// <summary>The selectors of flat segments of four GiB at DPL 3 in the GDT: index 4 is readable 32-bit code, index 5 writable data.</summary>
    public const ushort FlatCode = 0x23;
    public const ushort FlatData = 0x2B;

    /// <summary>The limit of the GDT: sixteen descriptors. A case names no others of them than indices 0, 4 and 5.</summary>
    public const ushort GdtLimit = (16 * 8) - 1;

    /// <summary>True where the runner's own memory, with its margin, meets <paramref name="length"/> bytes at <paramref name="address"/>.</summary>
    public static bool MeetsRunner(uint address, uint length) =>
        address < RunnerEnd + Margin && (ulong)address + length > Runner - Margin;

    /// <summary>True where all of the bytes lie in pages that can be written.</summary>
    public static bool IsWritable(uint address, uint length) =>
        IsWithin(address, length, LowData, WritableBytes) || IsWithin(address, length, HighData, WritableBytes);

    /// <summary>True where all of the bytes lie in the code that a case may not use as data.</summary>
    public static bool MeetsCode(uint address, uint length) =>
        Meets(address, length, Code, CodeBytes) || Meets(address, length, Edges, EdgeBytes);

    private static bool IsWithin(uint address, uint length, uint start, uint size) =>
        address >= start && (ulong)address + length <= (ulong)start + size;

    private static bool Meets(uint address, uint length, uint start, uint size) =>
        address < start + size && (ulong)address + length > start;
}
