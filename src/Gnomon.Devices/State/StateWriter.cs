using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Gnomon.Devices;

// The format, all numbers little-endian:
//
//   file      "GNOMDEV" 0x1A, version of the format (2 bytes), sections
//   section   length of the name (1 byte), name (UTF-8), version (2 bytes), length of the content (4 bytes), content
//
// A reader knows from the names and lengths whether it reads what it thinks it reads.

/// <summary>Writes device state: named, versioned sections of little-endian values.</summary>
public sealed class StateWriter
{
    internal const ushort FormatVersion = 1;

    private readonly Stream _stream;
    private readonly ArrayBufferWriter<byte> _content = new();
    private string? _section;
    private ushort _version;

    /// <summary>Starts a state: writes its head.</summary>
    /// <param name="stream">Where to; stays open.</param>
    public StateWriter(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        _stream.Write(Magic);
        WriteTo(_stream, FormatVersion);
    }

    internal static ReadOnlySpan<byte> Magic => "GNOMDEV\x1A"u8;

    /// <summary>Begins a section.</summary>
    /// <param name="name">Names the device or the part of it; 1 … 255 bytes of UTF-8.</param>
    /// <param name="version">The version of the content's layout.</param>
    /// <exception cref="InvalidOperationException">A section is open.</exception>
    public void Begin(string name, ushort version)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Encoding.UTF8.GetByteCount(name), byte.MaxValue, nameof(name));
        if (_section is not null)
        {
            throw new InvalidOperationException($"Section '{_section}' is still open.");
        }

        _section = name;
        _version = version;
        _content.ResetWrittenCount();
    }

    /// <summary>Ends the section and writes it.</summary>
    /// <exception cref="InvalidOperationException">No section is open.</exception>
    public void End()
    {
        byte[] name = Encoding.UTF8.GetBytes(_section ?? throw new InvalidOperationException("No section is open."));
        _stream.WriteByte((byte)name.Length);
        _stream.Write(name);
        WriteTo(_stream, _version);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, _content.WrittenCount);
        _stream.Write(length);
        _stream.Write(_content.WrittenSpan);
        _section = null;
    }

    /// <summary>Writes a truth value, one byte.</summary>
    public void Write(bool value) => Write((byte)(value ? 1 : 0));

    /// <summary>Writes a byte.</summary>
    public void Write(byte value) => Content.Write([value]);

    /// <summary>Writes 2 bytes.</summary>
    public void Write(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Content.Write(bytes);
    }

    /// <summary>Writes 4 bytes.</summary>
    public void Write(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Content.Write(bytes);
    }

    /// <summary>Writes 8 bytes.</summary>
    public void Write(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        Content.Write(bytes);
    }

    /// <summary>Writes bytes, without their number: for a length that the reader knows.</summary>
    public void Write(ReadOnlySpan<byte> bytes) => Content.Write(bytes);

    private ArrayBufferWriter<byte> Content => _section is null ? throw new InvalidOperationException("A value lies in a section; none is open.") : _content;

    private static void WriteTo(Stream stream, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        stream.Write(bytes);
    }
}
