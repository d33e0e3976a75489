using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>(ii) Guest stacks that stay mapped: a trap that goes straight to the guest's handler pushes onto them without the host.</summary>
// SAFETY: a walk follows the links of the virtual CPU's own root; page numbers come from live leaves.
internal sealed unsafe class StackPins<TFormat>(ShadowTables<TFormat> tables, DemandPager<TFormat> pager)
    where TFormat : struct, IPagingFormat
{
    /// <summary>Maps a page for writing by the guest kernel, or finds that it is.</summary>
    public void PinPage(ShadowCpu cpu, Gva address)
    {
        if (IsWritable(cpu, address))
        {
            return;
        }

        PageAccess write = new(PageFaultCode.Write);
        FaultOutcome outcome = address.Value >= tables.SwitcherAddress
            ? FaultOutcome.Fault(PageFaultCode.Write)
            : cpu.IsLinear
                ? pager.Handle<LinearMode>(cpu, address, write)
                : pager.Handle<PagedMode>(cpu, address, write);
        if (outcome.Kind != FaultKind.Mapped)
        {
            tables.Fate.Kill(outcome.Kind switch
            {
                FaultKind.GuestFault => $"the page at {address} cannot be pinned: the guest's tables do not let its kernel write there",
                FaultKind.Device => $"the page at {address} cannot be pinned: the device address {outcome.Address} lies behind it",
                _ => $"the page at {address} cannot be pinned: a page table lies in it at {outcome.Address}",
            });
        }
    }

    /// <summary>The guest says where its kernel stack is.</summary>
    public void SetStack(ShadowCpu cpu, Gva top, int pages)
    {
        if (pages is < 0 or > 2)
        {
            tables.Fate.Kill($"a stack of 0x{(uint)pages:x} pages: the guest kernel's stack has one or two");
        }

        cpu.StackTop = top;
        cpu.StackPages = pages;
        tables.StackVersion++;
        tables.HasStacks |= pages > 0;
        Repin(cpu);
    }

    /// <summary>Whether the stack may be missing in the virtual CPU's root.</summary>
    public bool MayBeMissing(ShadowCpu cpu) => tables.Table[cpu.RootTable].StackVersion != tables.StackVersion;

    /// <summary>The stack is no longer counted on any page: for a virtual CPU that ends.</summary>
    public void Forget(ShadowCpu cpu)
    {
        Uncount(cpu.StackPage0);
        Uncount(cpu.StackPage1);
        cpu.StackPage0 = cpu.StackPage1 = 0;
        cpu.StackTable0 = cpu.StackTable1 = 0;
    }

    /// <summary>Pins the stack in the virtual CPU's root, where it is not.</summary>
    public void Repin(ShadowCpu cpu)
    {
        (uint, uint) counted = (cpu.StackPage0, cpu.StackPage1);
        Forget(cpu);
        if (cpu.StackPages > 0)
        {
            (cpu.StackTable0, cpu.StackPage0) = Pin(cpu, new Gva(cpu.StackTop.Value - 1));
        }

        if (cpu.StackPages > 1)
        {
            (cpu.StackTable1, cpu.StackPage1) = Pin(cpu, new Gva(cpu.StackTop.Value - 1 - PageSize.Bytes));
        }

        if (counted != (cpu.StackPage0, cpu.StackPage1))
        {
            // Other address spaces may have the stack on the pages that are no longer counted: they must look again.
            tables.StackVersion++;
        }

        tables.Table[cpu.RootTable].StackVersion = tables.StackVersion;
    }

    private (int Table, uint PagePlusOne) Pin(ShadowCpu cpu, Gva address)
    {
        PinPage(cpu, address);
        tables.Statistics.StackPins++;
        int index = Paging<TFormat>.IndexOf(address.Value, 1);
        if (!tables.TryGetLeafTable(cpu.RootTable, address.Value, out int table) || ShadowTables<TFormat>.EntryOf(ref tables.Table[table], index) == 0)
        {
            return default;
        }

        uint page = ShadowTables<TFormat>.PageOf(ref tables.Table[table], index);
        tables.Pages[page].Stacks++;
        return (table, page + 1);
    }

    private void Uncount(uint pagePlusOne)
    {
        if (pagePlusOne != 0)
        {
            tables.Pages[pagePlusOne - 1].Stacks--;
        }
    }

    /// <summary>Whether the shadows let the guest kernel write to a page: the quick path.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsWritable(ShadowCpu cpu, Gva address)
    {
        int number = cpu.RootTable;
        for (int level = TFormat.Levels; ; level--)
        {
            ulong entry = ShadowTables<TFormat>.EntryOf(ref tables.Table[number], Paging<TFormat>.IndexOf(address.Value, level));
            if ((entry & PageEntry.Present) == 0 || (TFormat.HasRights(level) && (entry & PageEntry.Writable) == 0))
            {
                return false;
            }

            if (level == 1)
            {
                return address.Value < tables.SwitcherAddress;
            }

            number = tables.ChildOf(entry);
        }
    }
}
