using System.Globalization;
using System.Text;
using Gnomon.Linux.Archives;
using Gnomon.Linux.Compression;

namespace Gnomon.Linux;

/// <summary>A Debian package (deb(5)) and the files in it. It is unpacked once, into a temporary file that goes with this object.</summary>
public sealed class DebFile : IDisposable
{
    private const int ArHeaderBytes = 60;
    private const long MaxUnpacked = 4L << 30;
    private const int MaxFileBytes = 512 << 20;

    private readonly FileStream _data;
    private readonly Dictionary<string, (TarEntryKind Kind, long Offset, long Length, string Target)> _entries = new(StringComparer.Ordinal);

    private DebFile(FileStream data)
    {
        _data = data;
        TarReader reader = new(data);
        while (reader.Next(out TarEntry entry))
        {
            string path = Normalize(entry.Path);
            if (path.Length > 0)
            {
                _entries[path] = (entry.Kind, reader.Position, entry.Length, entry.Target);
            }
        }
    }

    /// <summary>The paths of the regular files and hard links, without a leading slash, in ordinal order.</summary>
    public IEnumerable<string> Files =>
        _entries.Where(entry => entry.Value.Kind is TarEntryKind.File or TarEntryKind.HardLink).Select(entry => entry.Key).Order(StringComparer.Ordinal);

    /// <summary>Opens a package.</summary>
    /// <param name="path">The package's path.</param>
    /// <exception cref="LinuxFileException">It cannot be read, is no package, or is damaged.</exception>
    public static DebFile Open(string path)
    {
        byte[] package;
        try
        {
            package = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LinuxFileException($"The package {path} cannot be read: {error.Message}", error);
        }

        return Read(package, path);
    }

    /// <summary>Reads a package that is in memory.</summary>
    /// <param name="package">Its bytes.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="LinuxFileException">It is no package, or is damaged.</exception>
    public static DebFile Read(ReadOnlyMemory<byte> package, string name)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        FileStream? data = null;
        try
        {
            data = new FileStream(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
            using (Stream stream = Decompressor.Open(FindData(package)))
            {
                Decompressor.Copy(stream, data, MaxUnpacked);
            }

            data.Position = 0;
            DebFile deb = new(data);
            data = null;
            return deb;
        }
        catch (InvalidDataException error)
        {
            throw new LinuxFileException($"The package {name} cannot be used: {error.Message}.", error);
        }
        catch (IOException error)
        {
            throw new LinuxFileException($"The package {name} cannot be unpacked into {Path.GetTempPath()}: {error.Message}", error);
        }
        finally
        {
            data?.Dispose();
        }
    }

    /// <summary>Whether there is a regular file, or a link to one, of this path.</summary>
    public bool Contains(string path) => Find(path) is not null;

    /// <summary>Reads a file; a link within the package is followed.</summary>
    /// <param name="path">Its path in the package; a leading slash does not matter.</param>
    /// <exception cref="LinuxFileException">There is no such file, or it is too long.</exception>
    public byte[] ReadFile(string path)
    {
        (long offset, long length) = Find(path) ?? throw new LinuxFileException($"The package has no file /{Normalize(path)}.");
        if (length > MaxFileBytes || offset + length > _data.Length)
        {
            throw new LinuxFileException($"The package's file /{Normalize(path)} is too long: {length} bytes.");
        }

        byte[] bytes = new byte[length];
        _data.Position = offset;
        _data.ReadExactly(bytes);
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _data.Dispose();

    private (long Offset, long Length)? Find(string path)
    {
        path = Normalize(path);
        for (int links = 0; links < 8 && _entries.TryGetValue(path, out var entry); links++)
        {
            switch (entry.Kind)
            {
                case TarEntryKind.File:
                    return (entry.Offset, entry.Length);
                case TarEntryKind.HardLink:
                    path = Normalize(entry.Target);
                    break;
                case TarEntryKind.SymbolicLink:
                    int slash = path.LastIndexOf('/');
                    path = entry.Target.StartsWith('/') ? Normalize(entry.Target) : Normalize($"{path[..Math.Max(slash, 0)]}/{entry.Target}");
                    break;
                default:
                    return null;
            }
        }

        return null;
    }

    // ar: "!<arch>\n", then for each member a header of 60 bytes (name 16, ..., decimal length at 48) and the content, padded to two.
    private static ReadOnlyMemory<byte> FindData(ReadOnlyMemory<byte> package)
    {
        if (!package.Span.StartsWith("!<arch>\n"u8))
        {
            throw new InvalidDataException("it is no Debian package");
        }

        int at = 8;
        while (at + ArHeaderBytes <= package.Length)
        {
            ReadOnlySpan<byte> header = package.Span.Slice(at, ArHeaderBytes);
            string name = Encoding.Latin1.GetString(header[..16]).TrimEnd(' ', '/');
            at += ArHeaderBytes;
            if (!int.TryParse(Encoding.Latin1.GetString(header[48..58]).TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
                || length > package.Length - at)
            {
                throw new InvalidDataException("it is truncated or damaged");
            }

            if (name is "data.tar" or "data.tar.xz" or "data.tar.gz" or "data.tar.zst")
            {
                return package.Slice(at, length);
            }

            if (name.StartsWith("data.tar.", StringComparison.Ordinal))
            {
                throw new InvalidDataException($"its {name} is compressed in a format that is not unpacked here");
            }

            at = (int)Math.Min((long)at + length + (length & 1), int.MaxValue - ArHeaderBytes);
        }

        throw new InvalidDataException("it is truncated: it has no data.tar");
    }

    private static string Normalize(string path)
    {
        List<string> parts = [];
        foreach (string part in path.Split('/'))
        {
            if (part == ".." && parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ("" or "." or ".."))
            {
                parts.Add(part);
            }
        }

        return string.Join('/', parts);
    }
}
