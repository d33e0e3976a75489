using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>(v) Flushes: what is no longer true goes, what is still true stays; or, as the original did, all goes.</summary>
// SAFETY: table numbers are the pool's, up to its high water, or children of live links; indices run over a table's lines.
internal sealed unsafe class Flusher<TFormat>(ShadowTables<TFormat> tables, Comparison<TFormat> comparison, RootCache<TFormat> roots)
    where TFormat : struct, IPagingFormat
{
    /// <summary>The user half of one address space, in every virtual CPU's root of it.</summary>
    public void FlushUser(ShadowCpu cpu)
    {
        comparison.BeginRound();
        FlushUser(cpu.RootTable);
        TableKey key = tables.Table[cpu.RootTable].Key;
        if (tables.Cpus.Length == 1 || !key.HasGuestTable)
        {
            return;
        }

        foreach (int root in roots.Roots)
        {
            if (root != 0 && root != cpu.RootTable && tables.Table[root].Key.HasGuestTable && tables.Table[root].Key.Address == key.Address)
            {
                FlushUser(root);
            }
        }
    }

    /// <summary>Everything.</summary>
    public void ClearAll()
    {
        if (tables.Options.OnFlush == FlushPolicy.Discard)
        {
            DiscardAll();
            return;
        }

        for (int number = 1; number <= tables.Pool.HighWater; number++)
        {
            if (tables.Table[number].Is(TableFlags.Active))
            {
                comparison.Compare(number);
            }
        }
    }

    /// <summary>Everything, whether true or not.</summary>
    public void DiscardAll()
    {
        for (int number = 1; number <= tables.Pool.HighWater; number++)
        {
            if (tables.Table[number].Is(TableFlags.Root))
            {
                roots.UnlinkAll(number);
            }
        }
    }

    /// <summary>One page: every entry on its path that is no longer what the guest has.</summary>
    public void InvalidatePage(ShadowCpu cpu, Gva address)
    {
        int number = cpu.RootTable;
        for (int level = TFormat.Levels; ; level--)
        {
            int index = Paging<TFormat>.IndexOf(address.Value, level);
            if (!comparison.CompareEntry(number, index) || level == 1)
            {
                return;
            }

            number = tables.ChildOf(ShadowTables<TFormat>.EntryOf(ref tables.Table[number], index));
        }
    }

    private void FlushUser(int root)
    {
        if (tables.Options.OnFlush == FlushPolicy.Discard)
        {
            DropBelow(root, 0, tables.KernelAddress);
        }
        else
        {
            comparison.CompareTree(root, 0, tables.KernelAddress);
        }
    }

    // Whole entries below the limit go; the one that the limit divides is entered.
    private void DropBelow(int number, ulong start, ulong limit)
    {
        ref ShadowTable table = ref tables.Table[number];
        int level = table.Key.Level;
        ulong reach = 1UL << Paging<TFormat>.ShiftOf(level);
        for (ulong lines = table.Lines; lines != 0; lines &= lines - 1)
        {
            int first = ShadowTables<TFormat>.FirstIndexOf(lines);
            for (int index = first; index < first + ShadowTables<TFormat>.EntriesPerLine; index++)
            {
                ulong entry = ShadowTables<TFormat>.EntryOf(ref table, index);
                ulong address = start + ((ulong)index * reach);
                if (entry == 0 || address >= limit)
                {
                    continue;
                }

                if (address + reach <= limit || level == 1)
                {
                    tables.Drop(number, index);
                }
                else
                {
                    DropBelow(tables.ChildOf(entry), address, limit);
                }
            }
        }
    }
}
