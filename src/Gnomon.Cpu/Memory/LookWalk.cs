using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Memory;

/// <summary>A walk for who only looks: no rights are asked for, no A or D is set, no TLB filled (Intel SDM vol. 3, 4.3, 4.4).</summary>
// SAFETY: the state is that of a live Processor; a table's page is found by PhysicalMemory, which answers for its 4096 bytes.
internal static unsafe class LookWalk
{
    /// <summary>Translates a linear address as the control registers stand.</summary>
    /// <returns>False where nothing is mapped.</returns>
    public static bool TryTranslate(CpuState* c, PhysicalMemory memory, uint address, out ulong physical)
    {
        physical = address;
        if ((c->Cr0 & Cr0.Paging) == 0)
        {
            return true;
        }

        PagingControls controls = LinearMemory.ControlsOf(c);
        if ((c->Cr4 & Cr4.PhysicalAddressExtension) == 0)
        {
            return TryWalk<TwoLevel>(memory, c->Cr3 & 0xFFFF_F000, address, controls, out physical);
        }

        ulong pointer = c->Pointers[address >> 30];
        return (pointer & PageEntry.Present) != 0 && TryWalk<Pae>(memory, pointer & Pae.AddressMask, address, controls, out physical);
    }

    private static bool TryWalk<TFormat>(PhysicalMemory memory, ulong table, uint address, PagingControls controls, out ulong physical)
        where TFormat : struct, IPagingFormat
    {
        physical = 0;
        for (int level = 2; ; level--)
        {
            ulong place = table + (ulong)(Paging<TFormat>.IndexOf(address, level) * TFormat.EntrySize);
            PhysicalPage page = memory.Find(place >> PageSize.Shift, write: false);
            if (page.Kind != PhysicalPageKind.Memory)
            {
                return false;
            }

            ulong entry = Entry<TFormat>.Read((byte*)page.Address + (place & PageSize.OffsetMask));
            if ((entry & PageEntry.Present) == 0 || (entry & TFormat.ReservedBits(entry, level, controls)) != 0)
            {
                return false;
            }

            if (level > 1 && !TFormat.IsLarge(entry, level, controls))
            {
                table = entry & TFormat.AddressMask;
                continue;
            }

            ulong inside = Paging<TFormat>.ReachOf(level - 1) - 1;
            physical = (entry & TFormat.AddressMask & ~inside) | (address & inside);
            return true;
        }
    }
}
