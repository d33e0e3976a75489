using System.Text;

namespace Gnomon.Linux;

/// <summary>What a Debian kernel package has for a guest.</summary>
/// <param name="Release">The kernel's release, as <c>uname -r</c> says it.</param>
/// <param name="Vmlinuz">The bzImage.</param>
/// <param name="Vmlinux">The same kernel, unpacked on the host; empty when only the guest can unpack it.</param>
/// <param name="Modules">The modules, in an order in which they can be loaded.</param>
public sealed record KernelPackage(string Release, ReadOnlyMemory<byte> Vmlinuz, ReadOnlyMemory<byte> Vmlinux, IReadOnlyList<KernelModule> Modules)
{
    private const string KernelPrefix = "boot/vmlinuz-";

    /// <summary>Takes the kernel and some modules out of a package.</summary>
    /// <param name="package">A <c>linux-image</c> package.</param>
    /// <param name="modules">The modules that are wanted; what they need comes with them.</param>
    /// <exception cref="LinuxFileException">There is no kernel, more than one, or a module is missing.</exception>
    /// <exception cref="Gnomon.Monitor.KernelFormatException">The kernel is none that can run.</exception>
    public static KernelPackage Read(DebFile package, IReadOnlyList<string> modules)
    {
        ArgumentNullException.ThrowIfNull(package);
        string[] files = [.. package.Files];
        string[] kernels = [.. files.Where(file => file.StartsWith(KernelPrefix, StringComparison.Ordinal))];
        if (kernels.Length != 1)
        {
            throw new LinuxFileException(kernels.Length == 0
                ? "The package has no kernel: it is not a linux-image package, or one that only names the newest kernel's."
                : $"The package has {kernels.Length} kernels, not one.");
        }

        string release = kernels[0][KernelPrefix.Length..];
        byte[] kernel = package.ReadFile(kernels[0]);
        UnpackedKernel unpacked = KernelPayload.Unpack(Monitor.KernelImage.Parse(kernel));

        // Newer packages have /usr/lib/modules, older ones /lib/modules.
        string folder = $"lib/modules/{release}/";
        Dictionary<string, string> paths = new(StringComparer.Ordinal);
        HashSet<string> builtIn = [];
        foreach (string file in files)
        {
            int at = file.StartsWith(folder, StringComparison.Ordinal) ? 0
                : file.StartsWith("usr/" + folder, StringComparison.Ordinal) ? 4
                : -1;
            if (at < 0)
            {
                continue;
            }

            if (KernelModule.NameOfFile(file) is { } name)
            {
                paths[name] = file;
            }
            else if (file[at..] == folder + "modules.builtin")
            {
                builtIn.UnionWith(Encoding.UTF8.GetString(package.ReadFile(file)).Split('\n').Select(KernelModule.NameOfFile).OfType<string>());
            }
        }

        IReadOnlyList<KernelModule> order = ModuleOrder.Sort(
            modules,
            name => paths.TryGetValue(name, out string? path) ? KernelModule.Read(package.ReadFile(path), path) : null,
            builtIn.Contains);
        return new KernelPackage(release, kernel, unpacked.Vmlinux, order);
    }
}
