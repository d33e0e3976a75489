namespace Gnomon.Monitor;

/// <summary>How a kernel is entered.</summary>
public enum BootProtocol
{
    /// <summary>As the file is: a bzImage by <see cref="BzImage32"/>, an ELF file by <see cref="Elf"/>.</summary>
    Auto,

    /// <summary>A bzImage's 32-bit entry; it unpacks itself (Linux Documentation/x86/boot.rst, "32-bit Boot Protocol").</summary>
    BzImage32,

    /// <summary>The entry of an unpacked kernel (<c>vmlinux</c>), as a bzImage's own unpacker enters it.</summary>
    Elf,

    /// <summary>The PVH entry that an ELF file's Xen note names (Xen, docs/misc/pvh.pandoc).</summary>
    Pvh,
}

/// <summary>What a kernel is booted with.</summary>
public sealed record LinuxBootOptions
{
    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>The initial RAM disk; empty for none.</summary>
    public ReadOnlyMemory<byte> RamDisk { get; init; }

    /// <summary>How the kernel is entered.</summary>
    public BootProtocol Protocol { get; init; }

    /// <summary>The physical address of ACPI's root pointer; zero for "search for it, or there is none".</summary>
    public ulong RsdpAddress { get; init; }

    /// <summary>What is no RAM besides the holes of a PC; see <see cref="BootMemoryMap.Build"/>.</summary>
    public IReadOnlyList<BootMemoryRange> Reserved { get; init; } = [];
}

/// <summary>A kernel that is in memory, and the state in which the processor must enter it: protected mode without paging, interrupts
/// off, CS the flat code segment and all others the flat data segment, both of the table at <paramref name="GdtAddress"/>;
/// general registers not named here are zero. The kernel brings its own stack.</summary>
/// <param name="Protocol">How it is entered; never <see cref="BootProtocol.Auto"/>.</param>
/// <param name="Eip">The first instruction.</param>
/// <param name="Esi">The zero page; zero for PVH.</param>
/// <param name="Ebx">PVH's start information; zero otherwise.</param>
/// <param name="GdtAddress">The descriptor table's physical address.</param>
/// <param name="GdtLimit">Its limit: its bytes less one.</param>
/// <param name="RamDisk">Where the RAM disk is.</param>
/// <param name="MemoryMap">The memory map that the kernel was given.</param>
public sealed record BootedKernel(
    BootProtocol Protocol,
    uint Eip,
    uint Esi,
    uint Ebx,
    uint GdtAddress,
    ushort GdtLimit,
    RamDisk RamDisk,
    IReadOnlyList<BootMemoryRange> MemoryMap)
{
    /// <summary>The selector of the flat 32-bit code segment (Linux' <c>__BOOT_CS</c>).</summary>
    public const ushort CodeSelector = 0x10;

    /// <summary>The selector of the flat 32-bit data segment (Linux' <c>__BOOT_DS</c>).</summary>
    public const ushort DataSelector = 0x18;

    /// <summary>EFLAGS at the entry: all clear but bit 1, which is always set.</summary>
    public const uint Eflags = 2;

    /// <summary>CR0 at the entry: PE and ET.</summary>
    public const uint Cr0 = 0x11;
}
