using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Gnomon.Linux;

/// <summary>Keeps what was taken out of kernel packages: unpacking one takes ten seconds, reading it from here a tenth of one.</summary>
/// <remarks>An entry's name is the digest of the package and of what was wanted from it; its list of digests is verified when it is read,
/// and a damaged entry is made anew.</remarks>
public sealed class KernelCache
{
    private const string ListFile = "SHA256SUMS";
    private const string Version = "gnomon kernel 1\n";

    private readonly string _folder;

    /// <summary>A cache in a folder.</summary>
    /// <param name="cacheFolder">The folder, as <see cref="PackageFetcherOptions.CacheFolder"/>.</param>
    public KernelCache(string cacheFolder) => _folder = Path.Combine(Path.GetFullPath(cacheFolder), "kernels");

    /// <summary>Reads a package's kernel and modules, from the cache if they are there.</summary>
    /// <param name="deb">The package's path.</param>
    /// <param name="modules">The modules that are wanted; what they need comes with them.</param>
    /// <exception cref="LinuxFileException">The package cannot be used.</exception>
    /// <exception cref="Gnomon.Monitor.KernelFormatException">The kernel is none that can run.</exception>
    public KernelPackage Get(string deb, IReadOnlyList<string> modules)
    {
        ArgumentNullException.ThrowIfNull(modules);
        string entry = Path.Combine(_folder, NameOf(deb, modules));
        if (TryLoad(entry) is { } kept)
        {
            return kept;
        }

        using DebFile file = DebFile.Open(deb);
        KernelPackage kernel = KernelPackage.Read(file, modules);
        TrySave(entry, kernel);
        return kernel;
    }

    // The package is read through, not into memory: it is larger than all that is needed of it.
    private static string NameOf(string deb, IReadOnlyList<string> modules)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(Version + string.Join('\n', modules) + "\n\n"));
        try
        {
            using FileStream package = File.OpenRead(deb);
            byte[] buffer = new byte[1 << 16];
            for (int got = package.Read(buffer); got > 0; got = package.Read(buffer))
            {
                hash.AppendData(buffer, 0, got);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LinuxFileException($"The package {deb} cannot be read: {error.Message}", error);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static KernelPackage? TryLoad(string entry)
    {
        try
        {
            Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
            foreach (string line in File.ReadAllLines(Path.Combine(entry, ListFile)))
            {
                string[] fields = line.Split("  ", 2);
                if (fields.Length != 2 || fields[1] != Path.GetFileName(fields[1]))
                {
                    return null;
                }

                byte[] bytes = File.ReadAllBytes(Path.Combine(entry, fields[1]));
                if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != fields[0])
                {
                    return null;
                }

                files[fields[1]] = bytes;
            }

            return new KernelPackage(
                Encoding.UTF8.GetString(files["release"]),
                files["vmlinuz"],
                files["vmlinux"],
                [.. files.Where(file => file.Key.EndsWith(".ko", StringComparison.Ordinal)).OrderBy(file => file.Key, StringComparer.Ordinal)
                    .Select(file => KernelModule.Read(file.Value, file.Key))]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or KeyNotFoundException or LinuxFileException)
        {
            return null;
        }
    }

    /// <summary>What cannot be kept is made again next time.</summary>
    private static void TrySave(string entry, KernelPackage kernel)
    {
        string temporary = $"{entry}.{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(temporary);
            StringBuilder list = new();
            void Save(string name, ReadOnlySpan<byte> bytes)
            {
                File.WriteAllBytes(Path.Combine(temporary, name), bytes);
                list.Append(Convert.ToHexStringLower(SHA256.HashData(bytes))).Append("  ").Append(name).Append('\n');
            }

            Save("release", Encoding.UTF8.GetBytes(kernel.Release));
            Save("vmlinuz", kernel.Vmlinuz.Span);
            Save("vmlinux", kernel.Vmlinux.Span);
            for (int i = 0; i < kernel.Modules.Count; i++)
            {
                Save(string.Create(CultureInfo.InvariantCulture, $"{i:D4}-{kernel.Modules[i].Name}.ko"), kernel.Modules[i].Content.Span);
            }

            File.WriteAllText(Path.Combine(temporary, ListFile), list.ToString());
            if (Directory.Exists(entry))
            {
                Directory.Delete(entry, recursive: true);
            }

            Directory.Move(temporary, entry);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            try
            {
                Directory.Delete(temporary, recursive: true);
            }
            catch (Exception second) when (second is IOException or UnauthorizedAccessException)
            {
                // The next start writes over it.
            }
        }
    }
}
