using System.Security.Cryptography;

namespace Gnomon.Linux;

/// <summary>Gets i386 packages of Debian through the host's apt, which verifies the archive's signature, and keeps them.</summary>
/// <remarks>The host's own package lists, configuration and packages stay as they are. A package that was fetched once is used again
/// without the network, if its bytes still have the SHA-256 that was noted then.</remarks>
public sealed class PackageFetcher
{
    /// <summary>The package that names the newest kernel with two-level paging.</summary>
    public const string Kernel = "linux-image-686";

    /// <summary>The package that names the newest kernel with PAE.</summary>
    public const string PaeKernel = "linux-image-686-pae";

    /// <summary>The package with a static busybox.</summary>
    public const string Busybox = "busybox-static";

    internal const string Advice = "download the i386 package of Debian 12 elsewhere and name it with --deb FILE";

    private readonly PackageFetcherOptions _options;

    /// <summary>A fetcher; nothing is done yet.</summary>
    public PackageFetcher(PackageFetcherOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options with { CacheFolder = Path.GetFullPath(options.CacheFolder) };
    }

    /// <summary>Gets a package, from the cache when it is there and whole.</summary>
    /// <param name="package">Its name. One that only names the newest kernel's, as <see cref="Kernel"/>, stands for that.</param>
    /// <param name="cancel">Ends it.</param>
    /// <returns>The package's path in the cache.</returns>
    /// <exception cref="LinuxFileException">It cannot be had; the message says what to do.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public string Fetch(string package, CancellationToken cancel = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(package);
        if (!package.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '+' or '-' or '.') || !char.IsAsciiLetterOrDigit(package[0]))
        {
            throw new LinuxFileException($"\"{package}\" is no name of a Debian package.");
        }

        string? cached = Cached(package);
        if (cached is not null && !_options.Refresh)
        {
            return cached;
        }

        try
        {
            return Download(package, cancel);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LinuxFileException($"The cache folder {_options.CacheFolder} cannot be written: {error.Message}", error);
        }
        catch (LinuxFileException error) when (cached is not null)
        {
            _options.Progress?.Invoke($"{error.Message} The cached {Path.GetFileName(cached)} is used.");
            return cached;
        }
    }

    /// <summary>A package that was fetched before, if its bytes are still those; null otherwise.</summary>
    public string? Cached(string package)
    {
        string record = RecordOf(package);
        try
        {
            // The form of sha256sum(1): "digest  name".
            string[] fields = File.ReadAllText(record).Trim().Split("  ", 2);
            if (fields.Length != 2 || fields[1] != Path.GetFileName(fields[1]) || fields[1].Length == 0)
            {
                return null;
            }

            string file = Path.Combine(PackageFolder, fields[1]);
            return File.Exists(file) && string.Equals(DigestOf(file), fields[0], StringComparison.OrdinalIgnoreCase) ? file : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string PackageFolder => Path.Combine(_options.CacheFolder, "packages");

    private string RecordOf(string package) => Path.Combine(PackageFolder, package + ".sha256");

    private string Download(string package, CancellationToken cancel)
    {
        Apt apt = new(_options);
        _options.Progress?.Invoke("apt: reading the archive's lists for i386");
        (int updateStatus, _, string updateErrors) = apt.Run("apt-get", _options.CacheFolder, ["update"], cancel);

        // A list that a mirror is just changing fails the update; what other lists name can be had all the same.
        string real = RealName(apt, package, cancel)
            ?? throw new LinuxFileException(updateStatus == 0
                ? $"This system's package sources have no {package} for i386 (Debian 12 is the last release with a kernel for it); {Advice}."
                : $"The package {package} cannot be had: apt says \"{LastError(updateErrors)}\"; try again, or {Advice}.");
        (_, string uris, _) = apt.Run("apt-get", _options.CacheFolder, ["download", "--print-uris", real], cancel);
        string folder = Path.Combine(PackageFolder, $"download.{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        try
        {
            _options.Progress?.Invoke($"apt: getting {real}");
            (int status, _, string errors) = apt.Run("apt-get", folder, ["download", real], cancel);
            string[] files = Directory.GetFiles(folder, "*.deb");
            if (status != 0 || files.Length != 1)
            {
                throw new LinuxFileException($"The package {real} cannot be downloaded: apt says \"{LastError(errors)}\"; try again, or {Advice}.");
            }

            string digest = DigestOf(files[0]);
            if (Announced(uris) is { } announced && !string.Equals(announced, digest, StringComparison.OrdinalIgnoreCase))
            {
                throw new LinuxFileException($"The downloaded package {real} is not what the archive announced; try again.");
            }

            string target = Path.Combine(PackageFolder, Path.GetFileName(files[0]));
            File.Move(files[0], target, overwrite: true);
            string record = Path.Combine(folder, "record");
            File.WriteAllText(record, $"{digest}  {Path.GetFileName(target)}\n");
            File.Move(record, RecordOf(package), overwrite: true);
            return target;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The package itself, or the kernel that a package without files names first among what it depends on.</summary>
    private string? RealName(Apt apt, string package, CancellationToken cancel)
    {
        (int status, string text, _) = apt.Run("apt-cache", _options.CacheFolder, ["show", "--no-all-versions", package], cancel);
        if (status != 0 || !text.Contains("Package:", StringComparison.Ordinal))
        {
            return null;
        }

        // linux-image-686 depends on linux-image-VERSION-686 (= ...), which is the kernel.
        string first = text.Split('\n').FirstOrDefault(line => line.StartsWith("Depends: ", StringComparison.Ordinal))?["Depends: ".Length..]
            .Split([' ', ',', '('])[0] ?? "";
        return package.StartsWith("linux-image-", StringComparison.Ordinal) && first.StartsWith("linux-image-", StringComparison.Ordinal) ? first : package;
    }

    private static string? Announced(string uris)
    {
        const string field = "SHA256:";
        int at = uris.LastIndexOf(field, StringComparison.Ordinal);
        return at < 0 ? null : uris[(at + field.Length)..].Split([' ', '\n', '\r'], 2)[0];
    }

    private static string LastError(string errors) =>
        errors.Split('\n').LastOrDefault(line => line.StartsWith("E: ", StringComparison.Ordinal))?[3..].Trim()
        ?? errors.Split('\n').LastOrDefault(line => line.Trim().Length > 0)?.Trim()
        ?? "nothing";

    private static string DigestOf(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
