using System.Buffers.Binary;

namespace Gnomon.Monitor;

/// <summary>What a bzImage says of itself (Linux Documentation/x86/boot.rst). What an old kernel's header does not have yet reads as
/// the document says that it was then.</summary>
/// <param name="Version">The version of the boot protocol: 0x20F is 2.15.</param>
/// <param name="InitrdAddressMax">The highest physical address that a byte of the initial RAM disk may have.</param>
/// <param name="CommandLineMax">The longest command line, in bytes, without the zero behind it.</param>
/// <param name="LoadFlags64">The kernel runs in 64-bit mode only (bit 0 of <c>xloadflags</c>).</param>
/// <param name="PreferredAddress">Where the kernel unpacks itself to, if it may choose.</param>
/// <param name="InitSize">How many bytes the kernel needs from there on until it knows the memory map; zero when it does not say.</param>
/// <param name="PayloadOffset">Where the compressed kernel begins, in bytes from the beginning of the protected-mode part.</param>
/// <param name="PayloadLength">Its length in bytes; zero when the kernel does not say.</param>
public readonly record struct SetupHeader(
    int Version,
    uint InitrdAddressMax,
    int CommandLineMax,
    bool LoadFlags64,
    ulong PreferredAddress,
    uint InitSize,
    uint PayloadOffset,
    uint PayloadLength)
{
    /// <summary>Where the header begins, in the file and in the zero page.</summary>
    public const int Offset = 0x1F1;

    /// <summary>The highest address of a RAM disk where the kernel says none: what every 32-bit kernel maps.</summary>
    public const uint DefaultInitrdAddressMax = 0x37FF_FFFF;

    // The header's end is 0x202 and the byte at 0x201, the length of the jump over it.
    private const int JumpLength = 0x201;
    private const int JumpEnd = 0x202;

    /// <summary>Reads the header.</summary>
    /// <param name="setup">The file from its beginning: at least the first two sectors.</param>
    public static SetupHeader Parse(ReadOnlySpan<byte> setup)
    {
        int version = Word(setup, 0x206);
        return new SetupHeader(
            version,
            version >= 0x203 ? Dword(setup, 0x22C) : DefaultInitrdAddressMax,
            version >= 0x206 ? (int)Math.Min(Dword(setup, 0x238), int.MaxValue) : 255,
            version >= 0x20C && (Word(setup, 0x236) & 1) != 0,
            version >= 0x20A ? BinaryPrimitives.ReadUInt64LittleEndian(setup[0x258..]) : 0x10_0000,
            version >= 0x20A ? Dword(setup, 0x260) : 0,
            version >= 0x208 ? Dword(setup, 0x248) : 0,
            version >= 0x208 ? Dword(setup, 0x24C) : 0);
    }

    /// <summary>The header's bytes, which a boot loader copies into the zero page at <see cref="Offset"/>.</summary>
    /// <param name="setup">The file from its beginning.</param>
    public static ReadOnlySpan<byte> BytesOf(ReadOnlySpan<byte> setup) => setup[Offset..(JumpEnd + setup[JumpLength])];

    private static ushort Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Dword(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
