using System.Globalization;
using System.Text;

namespace Gnomon.Linux;

/// <summary>Writes an initial RAM disk: a cpio archive of the "newc" format (Linux Documentation/driver-api/early-userspace/buffer-format.rst).
/// The same content gives the same bytes: names are sorted, inodes are counted from 1, times are 0, all belongs to root.</summary>
public sealed class CpioArchive
{
    private const int MaxNameBytes = 4095;
    private const int EntryOverhead = 128; // the numbers before a name, and what fills up behind name and content
    private const int BlockBytes = 512;
    private const int Directory = 0x4000;
    private const int CharacterDevice = 0x2000;
    private const int BlockDevice = 0x6000;
    private const int RegularFile = 0x8000;
    private const int SymbolicLink = 0xA000;
    private const int TypeMask = 0xF000;

    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>How many entries there are, directories made on the way included.</summary>
    public int Count => _entries.Count;

    /// <summary>Adds a directory; one that is there gets the new permissions.</summary>
    /// <param name="path">Where, as "/a/b"; the leading slash may be missing. Directories above it are made.</param>
    /// <param name="permissions">The permission bits, 0 … 0xFFF.</param>
    /// <exception cref="LinuxFileException">The path cannot be one, or something else than a directory is in the way.</exception>
    public void AddDirectory(string path, int permissions = 0b111_101_101) =>
        Add(path, new Entry(Directory | (permissions & ~TypeMask), default, 0, 0));

    /// <summary>Adds a file. It replaces a file or link that is there.</summary>
    /// <param name="path">Where.</param>
    /// <param name="content">Its bytes; not copied.</param>
    /// <param name="permissions">The permission bits.</param>
    /// <exception cref="LinuxFileException">The path cannot be one, or a directory is there.</exception>
    public void AddFile(string path, ReadOnlyMemory<byte> content, int permissions = 0b110_100_100) =>
        Add(path, new Entry(RegularFile | (permissions & ~TypeMask), content, 0, 0));

    /// <summary>Adds a symbolic link. It replaces a file or link that is there.</summary>
    /// <param name="path">Where.</param>
    /// <param name="target">Where it leads; need not exist.</param>
    /// <exception cref="LinuxFileException">The path or the target cannot be one, or a directory is there.</exception>
    public void AddSymbolicLink(string path, string target)
    {
        if (target.Length == 0 || target.Contains('\0', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(target) > MaxNameBytes)
        {
            throw new LinuxFileException($"A link cannot lead to \"{target}\".");
        }

        Add(path, new Entry(SymbolicLink | 0x1FF, Encoding.UTF8.GetBytes(target), 0, 0));
    }

    /// <summary>Adds a device node.</summary>
    /// <param name="path">Where.</param>
    /// <param name="isBlock">Whether it is a block device; else a character device.</param>
    /// <param name="major">The driver's number.</param>
    /// <param name="minor">The device's number.</param>
    /// <param name="permissions">The permission bits.</param>
    /// <exception cref="LinuxFileException">The path cannot be one, or a directory is there.</exception>
    public void AddDevice(string path, bool isBlock, int major, int minor, int permissions = 0b110_000_000) =>
        Add(path, new Entry((isBlock ? BlockDevice : CharacterDevice) | (permissions & ~TypeMask), default, major, minor));

    /// <summary>Whether something is there.</summary>
    public bool Contains(string path) => _entries.ContainsKey(Normalize(path));

    /// <summary>Writes the archive.</summary>
    public byte[] ToArray()
    {
        // Large files make it large: growing step by step would leave as much garbage again.
        long bytes = _entries.Sum(entry => (long)entry.Value.Content.Length + entry.Key.Length + EntryOverhead);
        MemoryStream stream = new((int)Math.Min(bytes + BlockBytes, Array.MaxLength));
        uint inode = 1;
        foreach ((string path, Entry entry) in _entries)
        {
            Write(stream, path, entry, inode++);
        }

        Write(stream, "TRAILER!!!", default, 0);
        while (stream.Length % BlockBytes != 0)
        {
            stream.WriteByte(0);
        }

        return stream.ToArray();
    }

    private void Add(string path, Entry entry)
    {
        string name = Normalize(path);
        for (int slash = name.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = name.IndexOf('/', slash + 1))
        {
            string above = name[..slash];
            if (_entries.TryGetValue(above, out Entry present) && (present.Mode & TypeMask) != Directory)
            {
                throw new LinuxFileException($"/{name} cannot be in the RAM disk: /{above} is no directory.");
            }

            _entries.TryAdd(above, new Entry(Directory | 0b111_101_101, default, 0, 0));
        }

        if (_entries.TryGetValue(name, out Entry old) && (old.Mode & TypeMask) == Directory != ((entry.Mode & TypeMask) == Directory))
        {
            throw new LinuxFileException($"/{name} is in the RAM disk already, and one of the two is a directory.");
        }

        _entries[name] = entry;
    }

    private static string Normalize(string path)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string name = string.Join('/', parts);
        if (parts.Length == 0 || parts.Any(part => part is "." or "..") || name.Contains('\0', StringComparison.Ordinal)
            || Encoding.UTF8.GetByteCount(name) > MaxNameBytes || name == "TRAILER!!!")
        {
            throw new LinuxFileException($"\"{path}\" cannot be the path of a file in the RAM disk.");
        }

        return name;
    }

    // "070701", then 13 numbers of 8 hexadecimal digits, the name with its zero, the content; name and content end on multiples of 4.
    private static void Write(MemoryStream stream, string name, Entry entry, uint inode)
    {
        byte[] text = [.. Encoding.UTF8.GetBytes(name), 0];
        uint links = (entry.Mode & TypeMask) == Directory ? 2u : 1;
        uint[] fields =
            [inode, (uint)entry.Mode, 0, 0, links, 0, (uint)entry.Content.Length, 0, 0, (uint)entry.Major, (uint)entry.Minor, (uint)text.Length, 0];
        stream.Write("070701"u8);
        foreach (uint field in fields)
        {
            stream.Write(Encoding.ASCII.GetBytes(field.ToString("X8", CultureInfo.InvariantCulture)));
        }

        stream.Write(text);
        Pad(stream);
        stream.Write(entry.Content.Span);
        Pad(stream);
    }

    private static void Pad(MemoryStream stream)
    {
        while (stream.Length % 4 != 0)
        {
            stream.WriteByte(0);
        }
    }

    private readonly record struct Entry(int Mode, ReadOnlyMemory<byte> Content, int Major, int Minor);
}
