using System.Buffers.Binary;
using System.IO.Compression;
using SharpCompress.Compressors.ZStandard;

namespace Gnomon.Linux.Compression;

/// <summary>How a file is compressed.</summary>
internal enum CompressionKind
{
    /// <summary>It is not, or it begins like nothing known.</summary>
    None,

    /// <summary>gzip.</summary>
    Gzip,

    /// <summary>xz.</summary>
    Xz,

    /// <summary>zstd.</summary>
    Zstd,

    /// <summary>bzip2, LZMA, LZO or LZ4: known, and not unpacked here.</summary>
    Other,
}

/// <summary>Unpacks gzip, xz and zstd, and verifies what they say of themselves.</summary>
internal static class Decompressor
{
    /// <summary>Names the format from the first bytes.</summary>
    public static CompressionKind KindOf(ReadOnlySpan<byte> bytes) =>
        XzFile.IsXz(bytes) ? CompressionKind.Xz
        : bytes.StartsWith<byte>([0x1F, 0x8B]) ? CompressionKind.Gzip
        : bytes.StartsWith<byte>([0x28, 0xB5, 0x2F, 0xFD]) ? CompressionKind.Zstd
        : bytes.StartsWith("BZh"u8) || bytes.StartsWith<byte>([0x5D, 0, 0]) || bytes.StartsWith<byte>([0x89, 0x4C, 0x5A])
            || bytes.StartsWith<byte>([0x02, 0x21, 0x4C, 0x18]) ? CompressionKind.Other
        : CompressionKind.None;

    /// <summary>A stream of the unpacked bytes. It throws <see cref="InvalidDataException"/> where the file is damaged.</summary>
    /// <param name="file">A file that <see cref="KindOf"/> knows; one that is not compressed is read as it is.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or of a format that is not unpacked here.</exception>
    public static Stream Open(ReadOnlyMemory<byte> file) => KindOf(file.Span) switch
    {
        CompressionKind.Xz => new XzBlockStream(XzFile.Parse(file)),
        CompressionKind.Gzip => new GZipStream(StreamOf(file), CompressionMode.Decompress),
        CompressionKind.Zstd => new DecompressionStream(StreamOf(file), 0, checkEndOfStream: true, leaveOpen: false),
        CompressionKind.Other => throw new InvalidDataException("it is compressed in a format that is not unpacked here"),
        _ => StreamOf(file),
    };

    /// <summary>Unpacks a whole file.</summary>
    /// <param name="file">The file; one that is not compressed is copied.</param>
    /// <param name="limit">The most bytes that it may have when unpacked.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or longer than that.</exception>
    public static byte[] Unpack(ReadOnlyMemory<byte> file, int limit)
    {
        using Stream stream = Open(file);
        MemoryStream unpacked = new();
        Copy(stream, unpacked, limit);
        byte[] bytes = unpacked.ToArray();
        CheckGzipEnd(file.Span, bytes);
        return bytes;
    }

    /// <summary>Unpacks a file whose length is known, and which must have exactly that length.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, or has another length.</exception>
    public static byte[] UnpackExactly(ReadOnlyMemory<byte> file, int length)
    {
        byte[] bytes = new byte[length];
        using Stream stream = Open(file);
        int read = Guarded(stream, bytes);
        if (read != length || Guarded(stream, new byte[1]) != 0)
        {
            throw new InvalidDataException($"the compressed data is damaged: it does not unpack to {length} bytes");
        }

        CheckGzipEnd(file.Span, bytes);
        return bytes;
    }

    /// <summary>Copies a stream that <see cref="Open"/> gave.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, or longer than the limit.</exception>
    public static void Copy(Stream from, Stream to, long limit)
    {
        byte[] buffer = new byte[1 << 16];
        long left = limit;
        while (true)
        {
            int read = Guarded(from, buffer);
            if (read == 0)
            {
                return;
            }

            left -= read;
            if (left < 0)
            {
                throw new InvalidDataException($"it unpacks to more than {limit} bytes");
            }

            to.Write(buffer, 0, read);
        }
    }

    /// <summary>Fills a buffer as far as the stream goes.</summary>
    private static int Guarded(Stream stream, byte[] buffer)
    {
        try
        {
            return stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception error) when (error is not (OutOfMemoryException or InvalidDataException))
        {
            // A decoder that meets damaged data throws whatever its arithmetic came to.
            throw new InvalidDataException($"the compressed data is damaged: {error.Message}", error);
        }
    }

    // RFC 1952, 2.3.1: CRC32 and length at the end. The class library takes a file that ends early for one that ends.
    private static void CheckGzipEnd(ReadOnlySpan<byte> file, ReadOnlySpan<byte> unpacked)
    {
        if (KindOf(file) != CompressionKind.Gzip)
        {
            return;
        }

        if (file.Length < 18
            || BinaryPrimitives.ReadUInt32LittleEndian(file[^4..]) != (uint)unpacked.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(file[^8..^4]) != Checksums.Crc32(unpacked))
        {
            throw new InvalidDataException("the gzip data is damaged: its checksum or length is wrong");
        }
    }

    private static MemoryStream StreamOf(ReadOnlyMemory<byte> file) =>
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(file, out ArraySegment<byte> array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(file.ToArray(), writable: false);
}
