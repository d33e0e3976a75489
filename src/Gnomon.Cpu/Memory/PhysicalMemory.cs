namespace Gnomon.Cpu.Memory;

/// <summary>What lies at a physical page.</summary>
public enum PhysicalPageKind
{
    /// <summary>Memory: <see cref="PhysicalPage.Address"/> is valid.</summary>
    Memory,

    /// <summary>No memory for this kind of access: a device, a store into ROM, or nothing. The access becomes an exit.</summary>
    Device,

    /// <summary>A second translation, below the guest's own, refuses: the access becomes an exit that says so.</summary>
    Refused,
}

/// <summary>The answer to a look-up of a physical page.</summary>
/// <param name="Kind">What lies there.</param>
/// <param name="Address">The page's first byte, where it is memory.</param>
/// <param name="Version">Another number whenever bytes behind <paramref name="Address"/> may have changed by other than stores of
/// processors that were told so: decoded code of another version is thrown away.</param>
/// <param name="Code">The second translation's error code, where it refuses.</param>
// SAFETY: only converts: whoever implements PhysicalMemory answers for the pointer.
public readonly unsafe record struct PhysicalPage(PhysicalPageKind Kind, nint Address, uint Version, uint Code)
{
    /// <summary>A page of memory.</summary>
    public static PhysicalPage Memory(byte* address, uint version = 0) => new(PhysicalPageKind.Memory, (nint)address, version, 0);

    /// <summary>Not memory.</summary>
    public static PhysicalPage Device => new(PhysicalPageKind.Device, 0, 0, 0);

    /// <summary>Refused by the second translation.</summary>
    public static PhysicalPage Refused(uint code) => new(PhysicalPageKind.Refused, 0, 0, code);
}

/// <summary>
/// The physical address space that a processor sees: the host's frames under shadow tables, a machine's RAM and ROM when it runs bare,
/// a guest's memory behind a second translation when it runs nested. Asked only when the TLB misses.
/// </summary>
public abstract class PhysicalMemory
{
    /// <summary>Finds a page.</summary>
    /// <param name="page">The physical page number (address / 4096).</param>
    /// <param name="write">Whether it will be written.</param>
    /// <returns>What lies there. The address stays valid until the processor is told to drop its translations.</returns>
    public abstract PhysicalPage Find(ulong page, bool write);
}
