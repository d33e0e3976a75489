using System.Buffers.Binary;

namespace Gnomon.Devices;

/// <summary>
/// A list of resource descriptors, the content of a _CRS buffer (Advanced Configuration and Power Interface Specification 6.5, 6.4).
/// </summary>
internal sealed class ResourceTemplate
{
    private const byte IrqTag = 0x22;
    private const byte IoTag = 0x47;
    private const byte EndTag = 0x79;
    private const byte DWordTag = 0x87;
    private const byte WordTag = 0x88;

    private const byte MemoryKind = 0;
    private const byte IoKind = 1;
    private const byte BusKind = 2;

    // For bridges: minimum and maximum are fixed, the range is handed on to what is below.
    private const byte FixedAndProduced = 0x0C;

    private const byte EntireRange = 3;
    private const byte ReadWrite = 1;

    private readonly List<byte> _bytes = [];

    /// <summary>Ports that a device decodes with all 16 bits.</summary>
    public ResourceTemplate Ports(ushort first, byte count)
    {
        _bytes.AddRange([IoTag, 1, (byte)first, (byte)(first >> 8), (byte)first, (byte)(first >> 8), 1, count]);
        return this;
    }

    /// <summary>An edge-triggered interrupt that is not shared.</summary>
    public ResourceTemplate Irq(int irq)
    {
        int mask = 1 << irq;
        _bytes.AddRange([IrqTag, (byte)mask, (byte)(mask >> 8)]);
        return this;
    }

    /// <summary>The buses behind a bridge.</summary>
    public ResourceTemplate Buses(ushort first, ushort last) => Word(BusKind, 0, first, last);

    /// <summary>The ports that a bridge hands on.</summary>
    public ResourceTemplate PortWindow(ushort first, ushort last) => Word(IoKind, EntireRange, first, last);

    /// <summary>The memory addresses that a bridge hands on, not cached.</summary>
    public ResourceTemplate MemoryWindow(uint first, uint last)
    {
        Span<byte> descriptor = stackalloc byte[26];
        Head(descriptor, DWordTag, MemoryKind, ReadWrite);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[10..], first);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[14..], last);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[22..], last - first + 1);
        _bytes.AddRange(descriptor);
        return this;
    }

    /// <summary>The bytes, with the end; its check sum of 0 means that there is none.</summary>
    public byte[] ToArray() => [.. _bytes, EndTag, 0];

    private ResourceTemplate Word(byte kind, byte kindFlags, ushort first, ushort last)
    {
        Span<byte> descriptor = stackalloc byte[16];
        Head(descriptor, WordTag, kind, kindFlags);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[8..], first);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[10..], last);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], (ushort)(last - first + 1));
        _bytes.AddRange(descriptor);
        return this;
    }

    // Tag, length of what follows, kind, flags; granularity and translation stay 0.
    private static void Head(Span<byte> descriptor, byte tag, byte kind, byte kindFlags)
    {
        descriptor.Clear();
        descriptor[0] = tag;
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[1..], (ushort)(descriptor.Length - 3));
        descriptor[3] = kind;
        descriptor[4] = FixedAndProduced;
        descriptor[5] = kindFlags;
    }
}
