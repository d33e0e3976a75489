using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Memory;

/// <summary>
/// A guest's physical memory behind a second set of page tables, the host's: the two-dimensional walk of nested paging. Every
/// guest-physical address that the processor uses, those of the guest's own tables included, goes through it. What it does not let through
/// becomes an exit (<see cref="CpuExitReason.NestedFault"/>).
/// </summary>
/// <remarks>As on hardware, its accesses count as user accesses and its tables are read with write protection and no-execute on
/// (AMD APM vol. 2, 15.25.5). It reaches 4 GiB of guest-physical addresses; beyond them is nothing.</remarks>
/// <typeparam name="TFormat">The format of the second set of tables.</typeparam>
public sealed class NestedMemory<TFormat> : PhysicalMemory
    where TFormat : struct, IPagingFormat
{
    private readonly HostMemory _host;

    /// <summary>Guest memory behind tables.</summary>
    /// <param name="host">Where the tables and the guest's frames lie.</param>
    /// <param name="root">The frame of the top-level table; it starts at the frame's first byte.</param>
    public NestedMemory(HostMemory host, Pfn root)
    {
        _host = host;
        Root = root;
    }

    /// <summary>The frame of the top-level table. Who changes it drops the processor's translations.</summary>
    public Pfn Root { get; set; }

    /// <summary>Walks of the second set of tables so far.</summary>
    public long Walks { get; private set; }

    /// <inheritdoc/>
    // SAFETY: the frame that a walk of the host's own tables gives is one of its memory.
    public override unsafe PhysicalPage Find(ulong page, bool write)
    {
        const ulong reach = 1UL << (32 - PageSize.Shift);
        if (page >= reach)
        {
            return PhysicalPage.Device;
        }

        Walks++;
        PageAccess access = new(PageFaultCode.User | (write ? PageFaultCode.Write : 0));
        return HardwareWalk<TFormat>.TryTranslate(
            _host, Root, new Gva((uint)(page << PageSize.Shift)), access, PagingControls.All, out HardwareTranslation translation, out PageFaultCode code)
            ? PhysicalPage.Memory(_host.Address(translation.Frame), _host.GenerationOf(translation.Frame))
            : PhysicalPage.Refused((uint)code);
    }
}
