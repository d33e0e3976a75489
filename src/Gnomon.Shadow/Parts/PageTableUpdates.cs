using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>(iii) The guest says what it has changed: one leaf entry, one top-level entry, one middle entry.</summary>
// SAFETY: a page number is compared with the memory's size before Pages is indexed; table numbers come from the page's list.
internal sealed unsafe class PageTableUpdates<TFormat>(
    ShadowTables<TFormat> tables,
    GuestTables<TFormat> guest,
    LeafMaker<TFormat> leaves,
    Comparison<TFormat> comparison,
    RootCache<TFormat> roots)
    where TFormat : struct, IPagingFormat
{
    // The walk ends above the leaf level: no table holds the entry.
    private const ulong NoTable = ulong.MaxValue;

    /// <summary>A leaf entry. The guest table that holds it is found in guest memory; each shadow of it is brought up to date.</summary>
    public void SetPte(ShadowCpu cpu, Gpa directory, Gva address, ulong entry)
    {
        if (address.Value >= tables.SwitcherAddress)
        {
            KillInSwitcher(address);
        }

        ulong table = directory.Value & ~(ulong)(TFormat.TopAlignment - 1);
        guest.Check(new Gpa(table));
        if (cpu.IsLinear)
        {
            return;
        }

        bool large = false;
        for (int level = TFormat.Levels; level > 1 && !large; level--)
        {
            ulong upper = guest.Read(table, Paging<TFormat>.IndexOf(address.Value, level));
            if ((upper & PageEntry.Present) == 0 || (upper & TFormat.ReservedBits(upper, level, cpu.Controls)) != 0)
            {
                table = NoTable;
                break;
            }

            large = TFormat.IsLarge(upper, level, cpu.Controls);
            table = upper & TFormat.AddressMask & ~(large ? Paging<TFormat>.ReachOf(level - 1) - 1 : 0);
        }

        if (!large && table != NoTable && !guest.Check(new Gpa(table)))
        {
            table = NoTable;
        }

        int place = PlaceOf(address.Value);
        int sharing = Update(table, large, Paging<TFormat>.IndexOf(address.Value, 1), place, entry);
        if (address.Value >= tables.KernelAddress)
        {
            DropElsewhere(address, place, table, sharing);
        }
    }

    /// <summary>A top-level entry: what hangs below it is unlinked; at a kernel index also where other address spaces' links are no longer true.</summary>
    public void SetPgd(ShadowCpu cpu, Gpa directory, uint index)
    {
        Gpa table = new(directory.Value & ~(ulong)(TFormat.TopAlignment - 1));
        if (index >= (uint)TFormat.TopEntries)
        {
            tables.Fate.Kill($"index 0x{index:x} lies past the end of a top-level table of 0x{TFormat.TopEntries:x} entries");
        }

        if (!guest.Check(table) || cpu.IsLinear)
        {
            return;
        }

        Unlink(table, TFormat.Levels, (int)index);
        if (tables.KernelAddress < Invalidation.WholeSpace && index >= Paging<TFormat>.IndexOf((uint)tables.KernelAddress, TFormat.Levels))
        {
            foreach (int root in roots.Roots)
            {
                if (root != 0)
                {
                    comparison.CompareEntry(root, (int)index);
                }
            }
        }
    }

    /// <summary>A middle entry, in every shadow of that table.</summary>
    public void SetPmd(ShadowCpu cpu, Gpa directory, uint index)
    {
        Gpa table = new(directory.Value & ~(ulong)PageSize.OffsetMask);
        if (index >= (uint)Paging<TFormat>.TableEntries)
        {
            tables.Fate.Kill($"index 0x{index:x} lies past the end of a middle table of 0x{Paging<TFormat>.TableEntries:x} entries");
        }

        if (guest.Check(table) && !cpu.IsLinear)
        {
            Unlink(table, 2, (int)index);
        }
    }

    private void KillInSwitcher(Gva address) =>
        tables.Fate.Kill($"the address {address} of a changed page table entry lies in the Switcher's range");

    private void Unlink(Gpa table, int level, int index)
    {
        int number = tables.Pages[table.Page.Value].FirstTable;
        while (number != 0)
        {
            ref ShadowTable shadow = ref tables.Table[number];
            if (shadow.Key.HasGuestTable && shadow.Key.Level == level && shadow.Key.Address == table.Value)
            {
                tables.Unlink(number, index);
            }

            // An upper table never releases one of its own page's upper tables; a leaf table of the page may go.
            number = shadow.Is(TableFlags.Active) ? shadow.NextInPage : tables.Pages[table.Page.Value].FirstTable;
        }
    }

    // Returns how many links at this place lead to shadows of the table.
    private int Update(ulong table, bool large, int index, int place, ulong entry)
    {
        int sharing = 0;
        ulong page = table >> PageSize.Shift;
        if (page >= tables.Memory.PageCount)
        {
            return 0;
        }

        for (int number = tables.Pages[page].FirstTable; number != 0; number = tables.Table[number].NextInPage)
        {
            ref ShadowTable shadow = ref tables.Table[number];
            TableKey key = shadow.Key;
            if (key.Level != 1 || key.Address != table || (large ? !key.IsDirect : !key.HasGuestTable))
            {
                continue;
            }

            sharing += shadow.Home == place ? shadow.HomeParents : 0;
            if (large)
            {
                tables.ReleaseLeaf(number, index);
            }
            else
            {
                // Where stores are watched the table itself is the truth, whatever the guest says of it.
                leaves.Replace(number, index, tables.IsNotified ? entry : guest.Look(table, index));
            }
        }

        return sharing;
    }

    /// <summary>The place of the leaf table that maps an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PlaceOf(uint address)
    {
        int place = 0;
        for (int level = TFormat.Levels; level > 1; level--)
        {
            place = LinkCounts.Place(place, Paging<TFormat>.IndexOf(address, level), TFormat.IndexBits);
        }

        return place;
    }

    // A kernel address is the same everywhere, but another address space may have a table of its own there: its leaf goes, to be
    // filled from its own table. Where a count says that every address space shares the table there is nothing to visit.
    private void DropElsewhere(Gva address, int place, ulong table, int sharing)
    {
        if (tables.Counts.AreExact && tables.Counts.At(1, place) == sharing)
        {
            return;
        }

        int index = Paging<TFormat>.IndexOf(address.Value, 1);
        foreach (int root in roots.Roots)
        {
            if (root != 0 && tables.TryGetLeafTable(root, address.Value, out int number)
                && !(tables.Table[number].Key.HasGuestTable && tables.Table[number].Key.Address == table))
            {
                tables.ReleaseLeaf(number, index);
            }
        }
    }
}
