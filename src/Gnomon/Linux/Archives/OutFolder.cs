using System.Text;

namespace Gnomon.Linux.Archives;

/// <summary>Takes the files of an archive that a guest made into a folder of the host, and nothing else.</summary>
internal sealed class OutFolder
{
    private const int MaxProblems = 20;
    private const int MaxNameBytes = 255;

    private readonly string _root;
    private readonly OutLimits _limits;
    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly Dictionary<string, string> _written = new(StringComparer.Ordinal);
    private int _entries;
    private int _left;

    /// <summary>Makes the folder if it is not there.</summary>
    public OutFolder(string root, OutLimits limits)
    {
        _root = Path.GetFullPath(root);
        _limits = limits;
        Directory.CreateDirectory(_root);
    }

    /// <summary>Files written.</summary>
    public int Files { get; private set; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>What was left out.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Takes all that an archive has.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged; what came before is taken.</exception>
    public void Take(TarReader archive)
    {
        while (archive.Next(out TarEntry entry))
        {
            if (++_entries > _limits.MaxEntries)
            {
                Problems.Add($"There are more than {_limits.MaxEntries} files; the others were left out.");
                return;
            }

            // A file that is too big ends the work: what comes behind cannot be trusted to be smaller.
            if (entry.Kind == TarEntryKind.File && entry.Length > _limits.MaxBytes - Bytes)
            {
                Problems.Add($"The files have more than {_limits.MaxBytes} bytes together; {Printable(entry.Path)} and what came behind were left out.");
                return;
            }

            if (TryResolve(entry.Path, out string path, out string[] parts))
            {
                Take(archive, entry, path, parts);
            }
        }

        if (_left > 0)
        {
            Problems.Add($"{_left} more were left out.");
        }
    }

    private void Take(TarReader archive, TarEntry entry, string path, string[] parts)
    {
        switch (entry.Kind)
        {
            case TarEntryKind.Directory:
                if (MakeFolders(parts, parts.Length) is { } obstacle)
                {
                    LeaveOut(entry.Path, obstacle);
                }

                break;
            case TarEntryKind.File:
            case TarEntryKind.HardLink:
                string? reason = parts.Length == 0 ? "has no name" : MakeFolders(parts, parts.Length - 1) ?? Obstacle(path, folder: false);
                if (reason is not null)
                {
                    LeaveOut(entry.Path, reason);
                }
                else if (entry.Kind == TarEntryKind.File)
                {
                    Write(archive, entry, path, string.Join('/', parts));
                }
                else
                {
                    Copy(entry, path);
                }

                break;
            default:
                LeaveOut(entry.Path, entry.Kind == TarEntryKind.SymbolicLink ? "is a symbolic link" : "is neither a file nor a folder");
                break;
        }
    }

    private void Write(TarReader archive, TarEntry entry, string path, string name)
    {
        // A file that was there may be a hard link to one elsewhere, or be read-only: a new one is made in its place.
        File.Delete(path);
        bool whole = false;
        try
        {
            using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write);
            for (int count = archive.Read(_buffer); count > 0; count = archive.Read(_buffer))
            {
                file.Write(_buffer, 0, count);
            }

            whole = true;
        }
        finally
        {
            if (!whole)
            {
                File.Delete(path);
            }
        }

        if (!OperatingSystem.IsWindows() && (entry.Mode & 0b001_000_000) != 0)
        {
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.UserExecute);
        }

        _written[name] = path;
        Files++;
        Bytes += entry.Length;
    }

    /// <summary>A hard link becomes a copy of a file that this archive has brought, and counts as one.</summary>
    private void Copy(TarEntry entry, string path)
    {
        if (!TryResolve(entry.Target, out string source, out string[] parts))
        {
            return;
        }

        if (source == path || !_written.ContainsKey(string.Join('/', parts)) || Obstacle(source, folder: false) is not null || !File.Exists(source))
        {
            LeaveOut(entry.Path, "is a link to what did not come back");
            return;
        }

        long length = new FileInfo(source).Length;
        if (length > _limits.MaxBytes - Bytes)
        {
            LeaveOut(entry.Path, "is too big");
            return;
        }

        File.Delete(path);
        File.Copy(source, path);
        Files++;
        Bytes += length;
    }

    /// <summary>Makes the folders of a path one by one, so that none of them is a link.</summary>
    private string? MakeFolders(string[] parts, int count)
    {
        string folder = _root;
        for (int i = 0; i < count; i++)
        {
            folder = Path.Combine(folder, parts[i]);
            if (Obstacle(folder, folder: true) is { } obstacle)
            {
                return obstacle;
            }

            Directory.CreateDirectory(folder);
        }

        return null;
    }

    private static string? Obstacle(string path, bool folder)
    {
        FileInfo there = new(path);
        if (there.LinkTarget is not null || (there.Exists && (there.Attributes & FileAttributes.ReparsePoint) != 0))
        {
            return "would follow a link that is on the host";
        }

        return folder ? (there.Exists ? "would need a folder where a file is" : null)
            : Directory.Exists(path) ? "would replace a folder"
            : null;
    }

    private bool TryResolve(string name, out string path, out string[] parts)
    {
        parts = [.. name.Split('/').Where(part => part is not ("" or "."))];
        path = "";
        if (parts.Length > _limits.MaxDepth)
        {
            LeaveOut(name, "lies too deep");
            return false;
        }

        if (Array.Exists(parts, part => !IsGoodName(part)))
        {
            LeaveOut(name, "has a name that is not taken");
            return false;
        }

        path = Path.Combine([_root, .. parts]);
        return true;
    }

    // What has a meaning on any host is refused on every host: "..", "C:", a backslash, control characters; and the devices of Windows.
    private static bool IsGoodName(string part)
    {
        if (part == ".." || Encoding.UTF8.GetByteCount(part) > MaxNameBytes || part.Any(c => char.IsControl(c) || c is '\\' or '\uFFFD'))
        {
            return false;
        }

        if (!OperatingSystem.IsWindows())
        {
            return true;
        }

        string stem = part.Split('.')[0].TrimEnd(' ').ToUpperInvariant();
        bool device = stem is "CON" or "PRN" or "AUX" or "NUL" or "CONIN$" or "CONOUT$"
            || (stem.Length == 4 && (stem.StartsWith("COM", StringComparison.Ordinal) || stem.StartsWith("LPT", StringComparison.Ordinal)));
        return !device && !part.EndsWith('.') && !part.EndsWith(' ') && part.IndexOfAny(Path.GetInvalidFileNameChars()) < 0;
    }

    private void LeaveOut(string name, string reason)
    {
        if (Problems.Count < MaxProblems)
        {
            Problems.Add($"{Printable(name)} was left out: it {reason}.");
        }
        else
        {
            _left++;
        }
    }

    private static string Printable(string name)
    {
        string shown = name.Length > 80 ? name[..80] + "…" : name;
        return "/out/" + string.Concat(shown.TrimStart('.', '/').Select(c => char.IsControl(c) || char.IsSurrogate(c) || c == '\uFFFD' ? '?' : c));
    }
}
