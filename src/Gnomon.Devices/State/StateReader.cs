using System.Buffers.Binary;
using System.Text;

namespace Gnomon.Devices;

/// <summary>Reads what a <see cref="StateWriter"/> wrote. Every error is a <see cref="DeviceStateException"/> that says where and what.</summary>
public sealed class StateReader
{
    private readonly Stream _stream;
    private byte[] _content = [];
    private int _position;
    private string? _section;

    /// <summary>Starts a state: reads its head.</summary>
    /// <param name="stream">Where from; stays open.</param>
    /// <exception cref="DeviceStateException">This is no device state, or of another version of the format.</exception>
    public StateReader(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        Span<byte> head = stackalloc byte[StateWriter.Magic.Length + 2];
        int read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        if (read < head.Length || !head.StartsWith(StateWriter.Magic))
        {
            throw new DeviceStateException($"This is no device state: it begins with {Convert.ToHexString(head[..read])}.");
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(head[StateWriter.Magic.Length..]);
        if (version != StateWriter.FormatVersion)
        {
            throw new DeviceStateException($"The state is of format {version}; this program reads format {StateWriter.FormatVersion}.");
        }
    }

    /// <summary>Begins the next section.</summary>
    /// <param name="name">The name it must have.</param>
    /// <param name="newest">The newest version that the caller can read.</param>
    /// <returns>The version of its content, 1 … <paramref name="newest"/>.</returns>
    /// <exception cref="DeviceStateException">The state ends, or another section or version stands here.</exception>
    /// <exception cref="InvalidOperationException">A section is open.</exception>
    public ushort Begin(string name, ushort newest)
    {
        if (_section is not null)
        {
            throw new InvalidOperationException($"Section '{_section}' is still open.");
        }

        int length = _stream.ReadByte();
        if (length < 0)
        {
            throw new DeviceStateException($"The state ends before section '{name}'.");
        }

        byte[] found = FromStream(length, name);
        if (!found.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(name)))
        {
            throw new DeviceStateException($"Section '{name}' is expected here, but '{Encoding.UTF8.GetString(found)}' stands here: the state belongs to another machine.");
        }

        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(FromStream(2, name));
        if (version == 0 || version > newest)
        {
            throw new DeviceStateException($"Section '{name}' is of version {version}; this program reads up to version {newest}.");
        }

        uint size = BinaryPrimitives.ReadUInt32LittleEndian(FromStream(4, name));
        if (size > int.MaxValue)
        {
            throw new DeviceStateException($"Section '{name}' claims {size} bytes: the state is damaged.");
        }

        _content = FromStream((int)size, name);
        _position = 0;
        _section = name;
        return version;
    }

    /// <summary>Ends the section.</summary>
    /// <exception cref="DeviceStateException">Part of its content was not read: it belongs to another device.</exception>
    /// <exception cref="InvalidOperationException">No section is open.</exception>
    public void End()
    {
        string section = _section ?? throw new InvalidOperationException("No section is open.");
        _section = null;
        if (_position != _content.Length)
        {
            throw new DeviceStateException($"Section '{section}' has {_content.Length - _position} bytes too many: the state belongs to another machine.");
        }
    }

    /// <summary>Reads a truth value.</summary>
    public bool ReadBoolean() => ReadByte() switch
    {
        0 => false,
        1 => true,
        byte other => throw Damaged($"{other} is no truth value"),
    };

    /// <summary>Reads a byte.</summary>
    public byte ReadByte() => Next(1)[0];

    /// <summary>Reads 2 bytes.</summary>
    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Next(2));

    /// <summary>Reads 4 bytes.</summary>
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Next(4));

    /// <summary>Reads 8 bytes.</summary>
    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Next(8));

    /// <summary>Reads as many bytes as the span is long.</summary>
    public void Read(Span<byte> bytes) => Next(bytes.Length).CopyTo(bytes);

    /// <summary>Reads a number and checks it.</summary>
    /// <param name="limit">The largest that makes sense.</param>
    /// <param name="what">Names it in the error.</param>
    public int ReadCount(int limit, string what)
    {
        uint value = ReadUInt32();
        return value <= (uint)limit ? (int)value : throw Damaged($"{what} is {value}, more than {limit}");
    }

    /// <summary>The error of a value that makes no sense, naming the section.</summary>
    public DeviceStateException Damaged(string what) => new($"Section '{_section}': {what}.");

    private ReadOnlySpan<byte> Next(int length)
    {
        if (_section is null)
        {
            throw new InvalidOperationException("A value lies in a section; none is open.");
        }

        if (length > _content.Length - _position)
        {
            throw Damaged($"it ends {length - (_content.Length - _position)} bytes too early");
        }

        ReadOnlySpan<byte> bytes = _content.AsSpan(_position, length);
        _position += length;
        return bytes;
    }

    // A damaged length must not make us allocate what is not there: read in pieces.
    private byte[] FromStream(int length, string section)
    {
        const int piece = 1 << 20;
        byte[] bytes = new byte[Math.Min(length, piece)];
        int done = 0;
        while (done < length)
        {
            if (done == bytes.Length)
            {
                Array.Resize(ref bytes, (int)Math.Min(length, bytes.Length * 2L));
            }

            int read = _stream.ReadAtLeast(bytes.AsSpan(done), bytes.Length - done, throwOnEndOfStream: false);
            if (done + read < bytes.Length)
            {
                throw new DeviceStateException($"The state ends in the middle of section '{section}': {length - done - read} bytes are missing.");
            }

            done += read;
        }

        return bytes;
    }
}
