using System.Buffers.Binary;
using System.Globalization;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Reads and writes an FXSAVE image (Intel SDM vol. 1, 10.5.1): 512 bytes, of which the x87 part is used.</summary>
internal static class FpuState
{
    public const int Bytes = 512;
    public const int RegisterBytes = 10;

    public static ushort Control(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt16LittleEndian(image);

    public static ushort Status(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt16LittleEndian(image[2..]);

    /// <summary>The abridged tag word: a bit per physical register, set where it is not empty.</summary>
    public static byte Tags(ReadOnlySpan<byte> image) => image[4];

    public static ushort Opcode(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt16LittleEndian(image[6..]);

    public static uint InstructionPointer(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt32LittleEndian(image[8..]);

    public static uint DataPointer(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt32LittleEndian(image[16..]);

    /// <summary>The ten bytes of ST(<paramref name="index"/>).</summary>
    public static ReadOnlySpan<byte> Register(ReadOnlySpan<byte> image, int index) => image.Slice(32 + (16 * index), RegisterBytes);

    /// <summary>The register in hexadecimal: sign and exponent, then the significand.</summary>
    public static string Text(ReadOnlySpan<byte> register) => string.Create(
        CultureInfo.InvariantCulture,
        $"{BinaryPrimitives.ReadUInt16LittleEndian(register[8..]):X4}:{BinaryPrimitives.ReadUInt64LittleEndian(register):X16}");

    /// <summary>The image of a coprocessor after FNINIT.</summary>
    public static void Initialise(Span<byte> image)
    {
        image.Clear();
        SetControl(image, 0x037F);
        BinaryPrimitives.WriteUInt32LittleEndian(image[24..], 0x1F80);
    }

    public static void SetControl(Span<byte> image, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(image, value);

    public static void SetStatus(Span<byte> image, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(image[2..], value);

    public static void SetTags(Span<byte> image, byte value) => image[4] = value;

    public static void SetRegister(Span<byte> image, int index, ReadOnlySpan<byte> value) => value.CopyTo(image.Slice(32 + (16 * index), RegisterBytes));
}
