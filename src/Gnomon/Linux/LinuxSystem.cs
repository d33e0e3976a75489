using Gnomon.Shadow;

namespace Gnomon.Linux;

/// <summary>A kernel that Debian builds for 32-bit x86.</summary>
public enum LinuxFlavour
{
    /// <summary>Two-level page tables, at most 4 GiB of memory.</summary>
    I686,

    /// <summary>PAE page tables, with no-execute.</summary>
    I686Pae,
}

/// <summary>What a small Linux is made of: a stock kernel with the modules that a guest needs, and busybox.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Busybox">A static busybox for 32-bit x86.</param>
public sealed record LinuxSystem(KernelPackage Kernel, ReadOnlyMemory<byte> Busybox)
{
    private const string BusyboxPath = "bin/busybox";

    /// <summary>Without these words the kernel tests its own cryptography for 3,800 million instructions, and looks for hardware that
    /// a guest does not have. A kernel that panics asks to be started anew at once; it would stand still for ever, or come to the same
    /// end again and again.</summary>
    public const string CommandLine = "console=ttyS0 cryptomgr.notests tsc=reliable panic=-1";

    /// <summary>Gets the newest stock kernel and busybox from Debian's archive, or from the cache.</summary>
    /// <param name="flavour">Which kernel.</param>
    /// <param name="options">Where from, and where they are kept; null for the host's sources and the user's cache.</param>
    /// <param name="cancel">Ends it early.</param>
    /// <exception cref="LinuxFileException">There is no such package to be had, or it is damaged; one sentence says why and what to do.</exception>
    public static LinuxSystem Fetch(LinuxFlavour flavour = LinuxFlavour.I686Pae, PackageFetcherOptions? options = null, CancellationToken cancel = default)
    {
        PackageFetcher fetcher = new(options ??= DefaultOptions);
        string kernel = fetcher.Fetch(flavour == LinuxFlavour.I686 ? PackageFetcher.Kernel : PackageFetcher.PaeKernel, cancel);
        return Read(kernel, fetcher.Fetch(PackageFetcher.Busybox, cancel), options.CacheFolder);
    }

    /// <summary>Takes a kernel from a package that is at hand. Busybox comes from another one, or from Debian's archive or the cache.</summary>
    /// <param name="package">A <c>linux-image</c> package's path.</param>
    /// <param name="busybox">A <c>busybox-static</c> package's path; null fetches it.</param>
    /// <param name="options">As for <see cref="Fetch"/>.</param>
    /// <param name="cancel">Ends it early.</param>
    /// <exception cref="LinuxFileException">A package cannot be used.</exception>
    public static LinuxSystem FromPackage(string package, string? busybox = null, PackageFetcherOptions? options = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(package);
        options ??= DefaultOptions;
        return Read(package, busybox ?? new PackageFetcher(options).Fetch(PackageFetcher.Busybox, cancel), options.CacheFolder);
    }

    /// <summary>A machine that boots this. It ends where the guest wants to be started anew: nothing would be different then.</summary>
    /// <param name="guest">What it runs: a shell, or a script.</param>
    /// <param name="basis">What else it is made of: memory, clock, paging, disks; null for the default. Its command line stands behind
    /// <see cref="CommandLine"/>.</param>
    /// <exception cref="LinuxFileException">A file cannot be where it shall be.</exception>
    public MachineOptions Machine(LinuxGuest? guest = null, MachineOptions? basis = null)
    {
        guest ??= new LinuxGuest();
        basis ??= new MachineOptions { Kernel = default, MemoryMiB = LinuxGuest.DefaultMemoryMiB };
        bool unpacked = basis.UnpacksKernel && !Kernel.Vmlinux.IsEmpty && basis.Protocol != Monitor.BootProtocol.BzImage32;
        return basis with
        {
            Guest = GuestKind.Unmodified,
            EndsAtRestart = true,
            Kernel = unpacked ? Kernel.Vmlinux : Kernel.Vmlinuz,
            CommandLine = $"{CommandLine}{(guest.IsQuiet ? " quiet" : "")} {basis.CommandLine}".TrimEnd(),
            RamDisk = LinuxInitramfs.Build(new LinuxInitramfsOptions
            {
                Busybox = Busybox,
                Modules = Kernel.Modules,
                Script = guest.Script,
                Files = guest.Files,
                OutDevice = guest.OutDevice,
            }),
        };
    }

    private static PackageFetcherOptions DefaultOptions => new() { CacheFolder = PackageFetcherOptions.DefaultCacheFolder() };

    private static LinuxSystem Read(string kernel, string busybox, string cacheFolder)
    {
        using DebFile package = DebFile.Open(busybox);
        return new LinuxSystem(new KernelCache(cacheFolder).Get(kernel, ModuleOrder.Virtio), package.ReadFile(BusyboxPath));
    }
}

/// <summary>What a small Linux does after its boot.</summary>
public sealed record LinuxGuest
{
    /// <summary>A program that is run in place of a shell; null for a shell on the console.</summary>
    public ReadOnlyMemory<byte>? Script { get; init; }

    /// <summary>Files that it finds.</summary>
    public IReadOnlyList<GuestFile> Files { get; init; } = [];

    /// <summary>The block device that takes /out at the end (<see cref="OutDisk"/>), as "vda" for the first disk; null for none.</summary>
    public string? OutDevice { get; init; }

    /// <summary>Whether the kernel keeps its messages to itself.</summary>
    public bool IsQuiet { get; init; }

    /// <summary>Memory that is enough for it.</summary>
    public const int DefaultMemoryMiB = 128;
}
