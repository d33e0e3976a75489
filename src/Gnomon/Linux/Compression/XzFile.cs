using System.Buffers.Binary;
using System.Security.Cryptography;
using SharpCompress.Compressors.Xz;

namespace Gnomon.Linux.Compression;

/// <summary>An .xz file of one stream (the .xz File Format, version 1.1). Its index is read first; then each block is unpacked by itself
/// and its checksum is verified here.</summary>
/// <remarks>SharpCompress' x86 filter damages what goes over several reads, and it verifies no checksum: each block is one read of
/// exactly the length that the index gives.</remarks>
internal sealed class XzFile
{
    private const int HeaderBytes = 12;
    private const int FooterBytes = 12;
    private const int MaxBlocks = 1 << 16;
    private const byte NoCheck = 0;
    private const byte CheckCrc32 = 1;
    private const byte CheckCrc64 = 4;
    private const byte CheckSha256 = 10;

    private readonly ReadOnlyMemory<byte> _file;
    private readonly List<Block> _blocks = [];
    private readonly int _checkBytes;
    private readonly byte _check;

    private XzFile(ReadOnlyMemory<byte> file)
    {
        _file = file;
        ReadOnlySpan<byte> bytes = file.Span;
        Require(bytes.Length >= HeaderBytes + FooterBytes && IsXz(bytes), "it has no xz header");
        Require(Checksums.Crc32(bytes[6..8]) == Dword(bytes, 8), "its header's checksum is wrong");
        ReadOnlySpan<byte> footer = bytes[^FooterBytes..];
        Require(footer[10] == 'Y' && footer[11] == 'Z', "it is truncated");
        Require(Checksums.Crc32(footer[4..10]) == Dword(footer, 0) && footer[8..10].SequenceEqual(bytes[6..8]), "its end is damaged");
        _check = bytes[7];
        Require(bytes[6] == 0 && _check is NoCheck or CheckCrc32 or CheckCrc64 or CheckSha256, "it has a checksum of an unknown kind");
        _checkBytes = _check switch { NoCheck => 0, CheckCrc32 => 4, CheckCrc64 => 8, _ => SHA256.HashSizeInBytes };
        long indexBytes = (Dword(footer, 4) + 1L) * 4;
        Require(indexBytes <= bytes.Length - HeaderBytes - FooterBytes, "its index lies outside it");
        ReadIndex((int)(bytes.Length - FooterBytes - indexBytes), (int)indexBytes);
    }

    /// <summary>Bytes of the unpacked file.</summary>
    public long Length { get; private set; }

    /// <summary>How many blocks there are.</summary>
    public int BlockCount => _blocks.Count;

    /// <summary>Whether a file begins as an xz file does.</summary>
    public static bool IsXz(ReadOnlySpan<byte> bytes) => bytes.StartsWith<byte>([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]);

    /// <summary>Reads the index.</summary>
    /// <exception cref="InvalidDataException">It is no xz file, is damaged, or has more than one stream.</exception>
    public static XzFile Parse(ReadOnlyMemory<byte> file) => new(file);

    /// <summary>Bytes of a block when it is unpacked.</summary>
    public long LengthOf(int block) => _blocks[block].Unpacked;

    /// <summary>Unpacks a block and verifies it. May be called from several threads.</summary>
    /// <exception cref="InvalidDataException">The block is damaged.</exception>
    public byte[] Unpack(int block)
    {
        Block at = _blocks[block];
        Require(at.Unpacked <= Array.MaxLength, "one of its blocks is too long");
        byte[] one = [.. _file.Span[..HeaderBytes], .. _file.Span.Slice(at.Offset, at.Length)];
        byte[] unpacked = new byte[at.Unpacked];
        int read;
        try
        {
            using XZStream stream = new(new MemoryStream(one, writable: false));
            read = unpacked.Length == 0 ? 0 : stream.Read(unpacked, 0, unpacked.Length);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // A decoder that meets damaged data throws whatever its arithmetic came to.
            throw new InvalidDataException("the xz data is damaged: a block cannot be unpacked", error);
        }

        Require(read == unpacked.Length, "a block is shorter than its index says");
        ReadOnlySpan<byte> check = _file.Span.Slice(at.Offset + at.Length - _checkBytes, _checkBytes);
        Require(
            _check switch
            {
                NoCheck => true,
                CheckCrc32 => Checksums.Crc32(unpacked) == Dword(check, 0),
                CheckCrc64 => Checksums.Crc64(unpacked) == BinaryPrimitives.ReadUInt64LittleEndian(check),
                _ => SHA256.HashData(unpacked).AsSpan().SequenceEqual(check),
            },
            "a block's checksum is wrong");
        return unpacked;
    }

    // 4. Index: a zero byte, the number of records, records of two numbers, padding, CRC32.
    private void ReadIndex(int start, int length)
    {
        ReadOnlySpan<byte> index = _file.Span.Slice(start, length);
        Require(index.Length >= 8 && index[0] == 0 && Checksums.Crc32(index[..^4]) == Dword(index, length - 4), "its index is damaged");
        int at = 1;
        ulong count = Number(index, ref at);
        Require(count <= MaxBlocks, "it has too many blocks");
        long offset = HeaderBytes;
        for (ulong i = 0; i < count; i++)
        {
            ulong packed = Number(index, ref at);
            ulong unpacked = Number(index, ref at);
            long padded = ((long)packed + 3) & ~3L;
            Require(
                packed > (ulong)_checkBytes && padded > 0 && padded <= start - offset && unpacked <= long.MaxValue / MaxBlocks,
                "its index is damaged");

            // The index' length leaves out the padding, which lies before the checksum.
            _blocks.Add(new Block((int)offset, (int)padded, (long)unpacked));
            offset += padded;
            Length += (long)unpacked;
        }

        Require(offset == start, "it has more than one stream, or its index is damaged");
    }

    // 1.2. Numbers of up to 63 bits, seven to a byte, low ones first.
    private static ulong Number(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 63; shift += 7)
        {
            Require(at < bytes.Length, "its index is damaged");
            byte next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if ((next & 0x80) == 0)
            {
                return value;
            }
        }

        throw new InvalidDataException("the xz data is damaged: its index is damaged");
    }

    private static uint Dword(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidDataException($"the xz data is damaged: {otherwise}");
        }
    }

    private readonly record struct Block(int Offset, int Length, long Unpacked);
}
