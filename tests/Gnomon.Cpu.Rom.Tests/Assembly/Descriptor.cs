namespace Gnomon.Cpu.Rom.Tests.Assembly;

/// <summary>A segment or gate descriptor: eight bytes of a descriptor table (Intel SDM vol. 3, 3.4.5, 5.8.3, 6.11, 7.2).</summary>
/// <param name="Low">Bytes 0 to 3.</param>
/// <param name="High">Bytes 4 to 7.</param>
internal readonly record struct Descriptor(uint Low, uint High)
{
    /// <summary>The flag D/B: 32-bit code or stack, upper bound 4 GiB when expanding down.</summary>
    public const uint Big = 1 << 22;

    /// <summary>The flag G: the limit counts pages.</summary>
    public const uint Pages = 1 << 23;

    /// <summary>A segment; <paramref name="access"/> is byte 5: P, DPL, S, type.</summary>
    public static Descriptor Segment(uint start, uint limit, byte access, uint flags = 0) => new(
        (start << 16) | (limit & 0xFFFF),
        (start & 0xFF000000) | ((start >> 16) & 0xFF) | (limit & 0xF0000) | ((uint)access << 8) | flags);

    /// <summary>A gate; <paramref name="count"/> is the number of parameters of a call gate.</summary>
    public static Descriptor Gate(ushort selector, uint offset, byte access, byte count = 0) => new(
        ((uint)selector << 16) | (offset & 0xFFFF),
        (offset & 0xFFFF0000) | ((uint)access << 8) | count);

    /// <summary>A flat segment of 4 GiB.</summary>
    public static Descriptor Flat(byte access) => Segment(0, 0xFFFFF, access, Big | Pages);
}
