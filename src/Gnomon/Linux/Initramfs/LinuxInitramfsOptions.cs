namespace Gnomon.Linux;

/// <summary>How a guest ends itself when its script or shell has ended.</summary>
public enum GuestEnding
{
    /// <summary>By ACPI's power-off.</summary>
    PowerOff,

    /// <summary>By a reset: for machines without ACPI, which take it for the end.</summary>
    Reboot,
}

/// <summary>A file or directory that goes into a guest.</summary>
/// <param name="Path">Where in the guest, as "/a/b".</param>
/// <param name="Content">Its bytes; null for a directory.</param>
/// <param name="IsExecutable">Whether the guest may run it.</param>
public readonly record struct GuestFile(string Path, ReadOnlyMemory<byte>? Content, bool IsExecutable);

/// <summary>What a guest's RAM disk is made of.</summary>
public sealed record LinuxInitramfsOptions
{
    /// <summary>A static busybox for 32-bit x86.</summary>
    public required ReadOnlyMemory<byte> Busybox { get; init; }

    /// <summary>The modules to load, in this order (<see cref="ModuleOrder.Sort"/>).</summary>
    public IReadOnlyList<KernelModule> Modules { get; init; } = [];

    /// <summary>The device of the console: ttyS0 or hvc0.</summary>
    public string Console { get; init; } = "ttyS0";

    /// <summary>A program that is run instead of a shell; one without a first line "#!" is run by the shell. Null for a shell.</summary>
    public ReadOnlyMemory<byte>? Script { get; init; }

    /// <summary>What else is in the guest; replaces what is there already.</summary>
    public IReadOnlyList<GuestFile> Files { get; init; } = [];

    /// <summary>The block device that takes /out and the exit status at the end (<see cref="OutDisk"/>), as "vda"; null for none.</summary>
    public string? OutDevice { get; init; }

    /// <summary>How the guest ends itself.</summary>
    public GuestEnding Ending { get; init; }
}
