namespace Gnomon.Linux;

/// <summary>Reads the host's files that shall be in a guest.</summary>
public static class HostFiles
{
    private const long MaxBytes = 1L << 30;

    /// <summary>Reads a file, or a folder with all that is in it.</summary>
    /// <param name="mapping">"HOST=GUEST": a path on the host, and the path in the guest, which begins with a slash.</param>
    /// <returns>The files and directories, each folder's in ordinal order. Links to folders are left out.</returns>
    /// <exception cref="LinuxFileException">It is no such mapping, or the files cannot be read or are too big.</exception>
    public static IReadOnlyList<GuestFile> Read(string mapping)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        int equals = mapping.LastIndexOf("=/", StringComparison.Ordinal);
        if (equals <= 0)
        {
            throw new LinuxFileException($"\"{mapping}\" does not say where the file goes: write HOST=/GUEST.");
        }

        string host = mapping[..equals];
        string guest = mapping[(equals + 1)..];
        try
        {
            if (!Directory.Exists(host))
            {
                return [ReadOne(host, guest)];
            }

            guest = guest.TrimEnd('/');
            List<GuestFile> files = guest.Length == 0 ? [] : [new GuestFile(guest, null, true)];
            long bytes = 0;
            Add(files, host, guest, ref bytes);
            return files;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LinuxFileException($"{host} cannot be read: {error.Message}", error);
        }
    }

    private static void Add(List<GuestFile> files, string host, string guest, ref long bytes)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(host).Order(StringComparer.Ordinal))
        {
            string path = $"{guest}/{Path.GetFileName(entry)}";
            if (Directory.Exists(entry))
            {
                if (new DirectoryInfo(entry).LinkTarget is null)
                {
                    files.Add(new GuestFile(path, null, true));
                    Add(files, entry, path, ref bytes);
                }

                continue;
            }

            GuestFile file = ReadOne(entry, path);
            bytes += file.Content?.Length ?? 0;
            files.Add(bytes <= MaxBytes ? file : throw new LinuxFileException($"The files for the guest have more than {MaxBytes >> 20} MiB together."));
        }
    }

    private static GuestFile ReadOne(string host, string guest)
    {
        if (new FileInfo(host).Length > MaxBytes)
        {
            throw new LinuxFileException($"{host} is too big for a RAM disk.");
        }

        bool executable = OperatingSystem.IsWindows()
            ? guest.EndsWith(".sh", StringComparison.Ordinal)
            : (File.GetUnixFileMode(host) & UnixFileMode.UserExecute) != 0;
        return new GuestFile(guest, File.ReadAllBytes(host), executable);
    }
}
