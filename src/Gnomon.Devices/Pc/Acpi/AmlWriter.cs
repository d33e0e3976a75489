using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Gnomon.Devices;

/// <summary>
/// Writes ACPI Machine Language: the byte code of a definition block (Advanced Configuration and Power Interface Specification 6.5,
/// chapter 20). What encloses others takes a function that writes its content, because its length stands before it.
/// </summary>
internal sealed class AmlWriter
{
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte NameOp = 0x08;
    private const byte BytePrefix = 0x0A;
    private const byte WordPrefix = 0x0B;
    private const byte DWordPrefix = 0x0C;
    private const byte QWordPrefix = 0x0E;
    private const byte ScopeOp = 0x10;
    private const byte BufferOp = 0x11;
    private const byte PackageOp = 0x12;
    private const byte ExtendedPrefix = 0x5B;
    private const byte DeviceOp = 0x82;

    private const int SegmentLength = 4;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>What has been written.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    /// <summary>Opens a scope that exists.</summary>
    /// <param name="name">One to four characters, relative to where it is written.</param>
    /// <param name="content">Writes what it holds.</param>
    public void Scope(string name, Action<AmlWriter> content)
    {
        Byte(ScopeOp);
        Enclosed(inner =>
        {
            inner.Segment(name);
            content(inner);
        });
    }

    /// <summary>Defines a device.</summary>
    /// <param name="name">One to four characters, relative to where it is written.</param>
    /// <param name="content">Writes what it holds.</param>
    public void Device(string name, Action<AmlWriter> content)
    {
        Byte(ExtendedPrefix);
        Byte(DeviceOp);
        Enclosed(inner =>
        {
            inner.Segment(name);
            content(inner);
        });
    }

    /// <summary>Begins a named object; its value is written next.</summary>
    public AmlWriter Name(string name)
    {
        Byte(NameOp);
        Segment(name);
        return this;
    }

    /// <summary>Writes a package.</summary>
    /// <param name="count">How many elements it has, at most 255.</param>
    /// <param name="content">Writes them.</param>
    public void Package(int count, Action<AmlWriter> content)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, byte.MaxValue);
        Byte(PackageOp);
        Enclosed(inner =>
        {
            inner.Byte((byte)count);
            content(inner);
        });
    }

    /// <summary>Writes a buffer.</summary>
    public void Buffer(byte[] content)
    {
        Byte(BufferOp);
        Enclosed(inner =>
        {
            inner.Integer((ulong)content.Length);
            inner._bytes.Write(content);
        });
    }

    /// <summary>Writes a number in its shortest form.</summary>
    public void Integer(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        (byte prefix, int length) = value switch
        {
            0 => (ZeroOp, 0),
            1 => (OneOp, 0),
            <= byte.MaxValue => (BytePrefix, 1),
            <= ushort.MaxValue => (WordPrefix, 2),
            <= uint.MaxValue => (DWordPrefix, 4),
            _ => (QWordPrefix, 8),
        };
        Byte(prefix);
        _bytes.Write(bytes[..length]);
    }

    /// <summary>Writes a compressed identifier (EISAID): three letters with five bits each and four hexadecimal digits, the highest byte first.</summary>
    /// <param name="id">Such as PNP0A03.</param>
    public void EisaId(string id)
    {
        int letters = ((id[0] - '@') << 10) | ((id[1] - '@') << 5) | (id[2] - '@');
        uint value = ((uint)letters << 16) | Convert.ToUInt16(id[3..], 16);
        Integer(BinaryPrimitives.ReverseEndianness(value));
    }

    // One segment of four characters, filled up with underscores.
    private void Segment(string name) => _bytes.Write(Encoding.ASCII.GetBytes(name.PadRight(SegmentLength, '_')));

    // A length that counts its own bytes: one byte up to 63; else four bits, and eight in each of one to three further bytes.
    private void Enclosed(Action<AmlWriter> content)
    {
        AmlWriter inner = new();
        content(inner);
        int length = inner.Bytes.Length;
        int more = length + 1 < 1 << 6 ? 0 : length + 2 < 1 << 12 ? 1 : length + 3 < 1 << 20 ? 2 : 3;
        length += 1 + more;
        Byte((byte)((more << 6) | (length & (more == 0 ? 0x3F : 0x0F))));
        for (int i = 0; i < more; i++)
        {
            Byte((byte)(length >> (4 + (8 * i))));
        }

        _bytes.Write(inner.Bytes);
    }

    private void Byte(byte value) => _bytes.Write([value]);
}
