using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>Descriptors in the global and local table.</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class DescriptorTable
{
    private const int IsLocal = 4;

    // The byte of a descriptor with type, S, DPL and P.
    private const uint RightsByte = 5;

    /// <summary>Whether a selector is null: index 0 of the global table, with any RPL.</summary>
    public static bool IsNull(ushort selector) => (selector & ~3) == 0;

    /// <summary>Whether a selector names the local table.</summary>
    public static bool NamesLocal(ushort selector) => (selector & IsLocal) != 0;

    /// <summary>Finds a descriptor. False: it is outside its table; nothing is recorded.</summary>
    public static bool TryLocate(CpuState* c, ushort selector, out uint address)
    {
        bool local = NamesLocal(selector);
        uint offset = (uint)(selector & ~7);
        uint limit = local ? c->Ldt.Limit : c->Gdt.Limit;
        address = (local ? c->Ldt.Base : c->Gdt.Base) + offset;
        return offset + 7 <= limit && (!local || (c->Ldt.Access & SegmentRegister.IsPresent) != 0);
    }

    /// <summary>Reads a descriptor.</summary>
    /// <param name="c">The state.</param>
    /// <param name="selector">Its selector, not null.</param>
    /// <param name="vector">What is raised when it is outside its table.</param>
    /// <param name="external">The EXT bit of that error code.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <returns>False: the reason is recorded.</returns>
    public static bool TryRead(CpuState* c, ushort selector, byte vector, uint external, out Descriptor descriptor)
    {
        descriptor = default;
        if (!TryLocate(c, selector, out uint address))
        {
            return Fail(c, vector, (selector & ~3u) | external);
        }

        if (!TryRead64(c, address, out ulong value))
        {
            return false;
        }

        descriptor = new Descriptor(selector, address, value);
        return true;
    }

    /// <summary>Sets the accessed bit of a code or data segment's descriptor, if it is clear.</summary>
    public static bool TryMarkAccessed(CpuState* c, in Descriptor descriptor) =>
        descriptor.IsSystem || descriptor.IsAccessed || TryChange(c, descriptor.Address + RightsByte, set: 1, clear: 0);

    /// <summary>Sets or clears the busy bit of a task state's descriptor.</summary>
    /// <param name="c">The state.</param>
    /// <param name="address">The descriptor's linear address.</param>
    /// <param name="busy">Whether the task is in use.</param>
    public static bool TryMarkBusy(CpuState* c, uint address, bool busy) =>
        TryChange(c, address + RightsByte, busy ? SystemType.Busy : (byte)0, busy ? (byte)0 : SystemType.Busy);

    /// <summary>Whether that bit could be changed: pages are checked, nothing is.</summary>
    public static bool TryProbeBusy(CpuState* c, uint address) => Find(c, address + RightsByte, 1, write: true, user: false) != null;
}
