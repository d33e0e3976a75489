using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// (vi) The Switcher's pages in the guest: one page of code, then of the pairs of all host CPUs the one about to run. Each virtual CPU
/// has one leaf table for them, which all its roots link.
/// </summary>
// SAFETY: the leaf table is the virtual CPU's own; the pairs of all host CPUs fit one leaf table (OptionCheck).
internal sealed unsafe class SwitcherMapping<TFormat>(ShadowTables<TFormat> tables, Switcher switcher)
    where TFormat : struct, IPagingFormat
{
    private const int PairsBehindCode = 1;

    /// <summary>Makes a virtual CPU's tables and its register page. Spare tables must be reserved.</summary>
    /// <returns>False when the host has no frame for the register page.</returns>
    public bool TryBegin(ShadowCpu cpu)
    {
        if (!tables.Host.TryAllocate(out Pfn registers))
        {
            return false;
        }

        cpu.RegisterPage = registers;
        int leaf = tables.Make(TableKey.Null.At(0, 1).PrivateTo(cpu.Number), TableFlags.Permanent);
        tables.Table[leaf].InUse = 1;
        tables.Table[leaf].Home = PageTableUpdates<TFormat>.PlaceOf((uint)tables.SwitcherAddress);
        tables.SwitcherLeaf[cpu.Number] = leaf;
        Map(leaf, 0, switcher.Code, 0);
        if (TFormat.Levels > 2)
        {
            int mid = tables.Make(TableKey.Null.At(0, 2).PrivateTo(cpu.Number), TableFlags.Permanent);
            tables.Table[mid].InUse = 1;
            tables.Table[mid].Home = tables.SwitcherTop;
            tables.NullMid[cpu.Number] = mid;
            tables.Attach(mid, Paging<TFormat>.IndexOf((uint)tables.SwitcherAddress, 2), leaf, 0, PageEntry.Writable);
        }

        return true;
    }

    /// <summary>Shows a virtual CPU the pair of a host CPU, and no other.</summary>
    public void Show(ShadowCpu cpu, int hostCpu)
    {
        if (hostCpu == cpu.HostCpu)
        {
            return;
        }

        int leaf = tables.SwitcherLeaf[cpu.Number];
        if (cpu.HostCpu >= 0)
        {
            int old = PairsBehindCode + (2 * cpu.HostCpu);
            tables.ReleaseLeaf(leaf, old);
            tables.ReleaseLeaf(leaf, old + 1);
        }

        ulong noExecute = TFormat.HasNoExecute(PagingControls.All) ? PageEntry.NoExecute : 0;
        int pair = PairsBehindCode + (2 * hostCpu);
        Map(leaf, pair, cpu.RegisterPage, PageEntry.Writable | noExecute);
        Map(leaf, pair + 1, switcher.State(hostCpu), noExecute);
        cpu.HostCpu = hostCpu;
        tables.Statistics.SwitcherMaps++;
    }

    /// <summary>Gives a virtual CPU's register page and tables back.</summary>
    public void End(ShadowCpu cpu)
    {
        Release(ref tables.NullMid[cpu.Number]);
        Release(ref tables.SwitcherLeaf[cpu.Number]);
        if (cpu.RegisterPage != Pfn.None)
        {
            tables.Host.DropSharedReference(cpu.RegisterPage);
            cpu.RegisterPage = Pfn.None;
        }
    }

    private void Release(ref int number)
    {
        if (number != 0)
        {
            tables.Table[number].InUse = 0;
            tables.Release(number);
            number = 0;
        }
    }

    private void Map(int leaf, int index, Pfn frame, ulong rights)
    {
        ref ShadowTable table = ref tables.Table[leaf];
        tables.Host.AddSharedReference(frame);
        table.Live++;
        table.Lines |= ShadowTables<TFormat>.LineOf(index);
        Entry<TFormat>.Write(table.Entries + (index * TFormat.EntrySize), ((ulong)frame.Value << PageSize.Shift) | PageEntry.Present | rights);
    }
}
