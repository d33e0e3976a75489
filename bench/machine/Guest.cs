using System.Text;
using Gnomon.Linux;

namespace Gnomon.Bench.Machine;

/// <summary>What every machine boots: the same files and the same command line.</summary>
/// <param name="Flavour">Which kernel.</param>
/// <param name="Release">The kernel's release.</param>
/// <param name="Kernel">The bzImage's path.</param>
/// <param name="Unpacked">The unpacked kernel's path; null where the host cannot unpack it.</param>
/// <param name="RamDisk">The RAM disk's path.</param>
internal sealed record Guest(LinuxFlavour Flavour, string Release, string Kernel, string? Unpacked, string RamDisk)
{
    /// <summary>Memory of every machine.</summary>
    public const int MemoryMiB = 128;

    /// <summary>The line that the first user program prints first.</summary>
    public const string FirstProgram = "first user program";

    private const string First = "/first";

    /// <summary>The kernel's command line.</summary>
    public static string CommandLine => $"{LinuxSystem.CommandLine} noisapnp quiet rdinit={First}";

    /// <summary>The kernel's name.</summary>
    public string Name => NameOf(Flavour);

    /// <summary>The name of a kernel, as options and tables have it.</summary>
    public static string NameOf(LinuxFlavour flavour) => flavour == LinuxFlavour.I686 ? "686" : "686-pae";

    /// <summary>Writes the files. No modules: no device is used but the serial port, which all machines have.</summary>
    public static Guest Prepare(LinuxFlavour flavour, string workload, string folder)
    {
        LinuxSystem system = LinuxSystem.Fetch(flavour, new PackageFetcherOptions
        {
            CacheFolder = PackageFetcherOptions.DefaultCacheFolder(),
            Progress = Console.Error.WriteLine,
        });
        string name = NameOf(flavour);
        byte[] ramDisk = LinuxInitramfs.Build(new LinuxInitramfsOptions
        {
            Busybox = system.Busybox,
            Script = File.ReadAllBytes(workload),
            Files = [new GuestFile(First, Encoding.ASCII.GetBytes($"#!/bin/busybox sh\necho \"{FirstProgram}\"\nexec /init\n"), true)],
        });
        return new Guest(
            flavour,
            system.Kernel.Release,
            Write($"vmlinuz-{name}", system.Kernel.Vmlinuz),
            system.Kernel.Vmlinux.IsEmpty ? null : Write($"vmlinux-{name}", system.Kernel.Vmlinux),
            Write($"initrd-{name}", ramDisk));

        string Write(string file, ReadOnlyMemory<byte> content)
        {
            string path = Path.Combine(folder, file);
            File.WriteAllBytes(path, content.Span);
            return path;
        }
    }
}
