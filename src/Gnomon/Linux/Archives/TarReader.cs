using System.Globalization;
using System.Text;

namespace Gnomon.Linux.Archives;

/// <summary>Reads a tar archive from its beginning to its end (POSIX ustar and pax, GNU long names). It believes nothing: every length is
/// checked, and what it keeps is bounded.</summary>
internal sealed class TarReader
{
    private const int BlockBytes = 512;
    private const int MaxNameBytes = 4096;
    private const int MaxPaxBytes = 1 << 16;

    private readonly Stream _stream;
    private readonly byte[] _block = new byte[BlockBytes];
    private long _content;
    private int _padding;

    /// <summary>Reads from where the stream is.</summary>
    public TarReader(Stream stream) => _stream = stream;

    /// <summary>How many bytes were read so far: after <see cref="Next"/>, where the entry's content begins.</summary>
    public long Position { get; private set; }

    /// <summary>Goes to the next entry, over what was not read of this one.</summary>
    /// <param name="entry">The entry.</param>
    /// <returns>False at the archive's end.</returns>
    /// <exception cref="InvalidDataException">The archive is damaged or ends early.</exception>
    public bool Next(out TarEntry entry)
    {
        string? name = null;
        string? target = null;
        long? length = null;
        while (true)
        {
            Skip();
            ReadFully(_block);
            if (!_block.AsSpan().ContainsAnyExcept((byte)0))
            {
                entry = default;
                return false;
            }

            CheckSum();
            char type = (char)_block[156];
            long size = Number(_block.AsSpan(124, 12));
            bool hasContent = type is not (>= '1' and <= '6');
            if (type is 'L' or 'K' or 'x' or 'g')
            {
                byte[] meta = Meta(size, type is 'L' or 'K' ? MaxNameBytes + 1 : MaxPaxBytes);
                switch (type)
                {
                    case 'L':
                        name = Text(meta);
                        break;
                    case 'K':
                        target = Text(meta);
                        break;
                    case 'x':
                        ReadPax(meta, ref name, ref target, ref length);
                        break;
                }

                continue;
            }

            entry = new TarEntry(
                name ?? HeaderName(),
                KindOf(type, name ?? HeaderName()),
                hasContent ? length ?? size : 0,
                target ?? (type is '1' or '2' ? Text(_block.AsSpan(157, 100)) : ""),
                (int)(Number(_block.AsSpan(100, 8)) & 0xFFF));
            Begin(entry.Length);
            return true;
        }
    }

    /// <summary>Reads of the entry's content.</summary>
    /// <returns>How many bytes; zero at its end.</returns>
    /// <exception cref="InvalidDataException">The archive ends early.</exception>
    public int Read(Span<byte> buffer)
    {
        int count = (int)Math.Min(buffer.Length, _content);
        ReadFully(buffer[..count]);
        _content -= count;
        return count;
    }

    private void Begin(long length)
    {
        _content = length;
        _padding = (int)(-length & (BlockBytes - 1));
    }

    private byte[] Meta(long size, int most)
    {
        if (size > most)
        {
            throw new InvalidDataException($"the archive is damaged: a name has {size} bytes");
        }

        Begin(size);
        byte[] bytes = new byte[size];
        Read(bytes);
        return bytes;
    }

    private void Skip()
    {
        long left = _content + _padding;
        (_content, _padding) = (0, 0);
        if (left > 0 && _stream.CanSeek)
        {
            if (left > _stream.Length - _stream.Position)
            {
                throw new InvalidDataException("the archive is damaged: it ends inside a file");
            }

            _stream.Seek(left, SeekOrigin.Current);
            Position += left;
            return;
        }

        Span<byte> buffer = stackalloc byte[BlockBytes];
        while (left > 0)
        {
            int count = (int)Math.Min(buffer.Length, left);
            ReadFully(buffer[..count]);
            left -= count;
        }
    }

    private void ReadFully(Span<byte> buffer)
    {
        if (_stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) != buffer.Length)
        {
            throw new InvalidDataException("the archive is damaged: it ends early");
        }

        Position += buffer.Length;
    }

    private void CheckSum()
    {
        long sum = 8 * ' ';
        for (int i = 0; i < BlockBytes; i++)
        {
            sum += i is >= 148 and < 156 ? 0 : _block[i];
        }

        if (sum != Number(_block.AsSpan(148, 8)))
        {
            throw new InvalidDataException("the archive is damaged: a header's checksum is wrong");
        }
    }

    private string HeaderName()
    {
        string name = Text(_block.AsSpan(0, 100));
        bool posix = _block.AsSpan(257, 6).SequenceEqual("ustar\0"u8);
        string prefix = posix ? Text(_block.AsSpan(345, 155)) : "";
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    // An old archive marks a directory by the slash at its name's end.
    private static TarEntryKind KindOf(char type, string name) => type switch
    {
        '0' or '\0' or '7' => name.EndsWith('/') ? TarEntryKind.Directory : TarEntryKind.File,
        '1' => TarEntryKind.HardLink,
        '2' => TarEntryKind.SymbolicLink,
        '5' => TarEntryKind.Directory,
        _ => TarEntryKind.Other,
    };

    // Octal digits between spaces and zeros; GNU writes what does not fit as a big-endian number behind a byte of 0x80.
    private static long Number(ReadOnlySpan<byte> field)
    {
        ulong value = 0;
        if (field[0] == 0x80)
        {
            foreach (byte next in field[1..])
            {
                if (value > (ulong)long.MaxValue >> 8)
                {
                    throw new InvalidDataException("the archive is damaged: a number is too large");
                }

                value = (value << 8) | next;
            }

            return (long)value;
        }

        foreach (byte next in field.Trim(" \0"u8))
        {
            if (next is < (byte)'0' or > (byte)'7')
            {
                throw new InvalidDataException("the archive is damaged: a number is not octal");
            }

            value = (value << 3) | (uint)(next - '0');
        }

        return (long)value;
    }

    // POSIX pax: "length key=value\n", the length counting itself.
    private static void ReadPax(ReadOnlySpan<byte> records, ref string? name, ref string? target, ref long? length)
    {
        while (!records.IsEmpty)
        {
            int space = records.IndexOf((byte)' ');
            if (space < 1
                || !int.TryParse(records[..space], NumberStyles.None, CultureInfo.InvariantCulture, out int size)
                || size <= space + 1
                || size > records.Length
                || records[size - 1] != '\n')
            {
                throw new InvalidDataException("the archive is damaged: an extended header is malformed");
            }

            string record = Encoding.UTF8.GetString(records[(space + 1)..(size - 1)]);
            records = records[size..];
            int equals = record.IndexOf('=', StringComparison.Ordinal);
            string value = record[(equals + 1)..];
            switch (equals < 0 ? "" : record[..equals])
            {
                case "path":
                    name = value;
                    break;
                case "linkpath":
                    target = value;
                    break;
                case "size":
                    length = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long given)
                        ? given
                        : throw new InvalidDataException("the archive is damaged: an extended header is malformed");
                    break;
            }
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
