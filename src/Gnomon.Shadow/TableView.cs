using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>Looking at tables without touching them: no A, no D, no cache, no frame.</summary>
// SAFETY: as the engine's own walks: numbers from live links, indices by IndexOf.
internal static unsafe class TableView<TFormat>
    where TFormat : struct, IPagingFormat
{
    /// <summary>Every present leaf of the shadows.</summary>
    public static IEnumerable<ShadowLeaf> Shadow(ShadowMmu<TFormat> mmu, ShadowCpu cpu)
    {
        ulong address = 0;
        while (address < Invalidation.WholeSpace)
        {
            mmu.ThrowIfDisposed();
            address = Find(mmu.Tables, cpu, address, out ShadowLeaf? leaf);
            if (leaf is { } found)
            {
                yield return found;
            }
        }
    }

    /// <summary>Every present leaf of the guest's own tables in a range.</summary>
    public static IEnumerable<ShadowLeaf> Guest(ShadowMmu<TFormat> mmu, ShadowCpu cpu, uint first, uint last)
    {
        ulong address = first & ~PageSize.OffsetMask;
        while (address <= last)
        {
            mmu.ThrowIfDisposed();
            address = FindGuest(mmu, cpu, address, out ShadowLeaf? leaf);
            if (leaf is { } found)
            {
                yield return found;
            }
        }
    }

    // Looks at one address; returns the next that is worth a look.
    private static ulong Find(ShadowTables<TFormat> tables, ShadowCpu cpu, ulong address, out ShadowLeaf? leaf)
    {
        leaf = null;
        int number = cpu.RootTable;
        bool writable = true, user = true, executable = true;
        for (int level = TFormat.Levels; number != 0; level--)
        {
            int index = Paging<TFormat>.IndexOf((uint)address, level);
            ref ShadowTable table = ref tables.Table[number];
            ulong entry = ShadowTables<TFormat>.EntryOf(ref table, index);
            ulong reach = 1UL << Paging<TFormat>.ShiftOf(level);
            if (entry == 0)
            {
                return (address & ~(reach - 1)) + reach;
            }

            Narrow(entry, level, PagingControls.All, ref writable, ref user, ref executable);
            if (level == 1)
            {
                bool isSwitcher = table.Is(TableFlags.Permanent);
                Gfn page = isSwitcher ? default : new Gfn(ShadowTables<TFormat>.PageOf(ref table, index));
                leaf = new ShadowLeaf(new Gva((uint)address), page, writable, executable, user, isSwitcher);
                return address + PageSize.Bytes;
            }

            number = tables.ChildOf(entry);
        }

        return Invalidation.WholeSpace;
    }

    private static ulong FindGuest(ShadowMmu<TFormat> mmu, ShadowCpu cpu, ulong address, out ShadowLeaf? leaf)
    {
        leaf = null;
        ulong next = address + PageSize.Bytes;
        if (cpu.IsLinear)
        {
            leaf = new ShadowLeaf(new Gva((uint)address), new Gfn(address >> PageSize.Shift), true, true, !mmu.Tables.HasSwitcher, false);
            return next;
        }

        ulong table = cpu.Directory.Value;
        bool writable = true, user = true, executable = true;
        for (int level = TFormat.Levels; ; level--)
        {
            int index = Paging<TFormat>.IndexOf((uint)address, level);
            ulong entry = level == TFormat.Levels && mmu.Tables.HasPointerRegisters ? cpu.Pointers[index] : mmu.Guest.Look(table, index);
            ulong reach = 1UL << Paging<TFormat>.ShiftOf(level);
            if ((entry & PageEntry.Present) == 0 || (entry & TFormat.ReservedBits(entry, level, cpu.Controls)) != 0)
            {
                return (address & ~(reach - 1)) + reach;
            }

            Narrow(entry, level, cpu.Controls, ref writable, ref user, ref executable);
            if (level == 1 || TFormat.IsLarge(entry, level, cpu.Controls))
            {
                Gpa page = new(GuestTables<TFormat>.PageAddress(entry, level, (uint)address));
                leaf = new ShadowLeaf(new Gva((uint)address), page.Page, writable, executable, user, false);
                return next;
            }

            table = entry & TFormat.AddressMask;
        }
    }

    private static void Narrow(ulong entry, int level, PagingControls controls, ref bool writable, ref bool user, ref bool executable)
    {
        if (TFormat.HasRights(level))
        {
            writable &= (entry & PageEntry.Writable) != 0;
            user &= (entry & PageEntry.User) != 0;
        }

        executable &= !TFormat.HasNoExecute(controls) || (entry & PageEntry.NoExecute) == 0;
    }
}
