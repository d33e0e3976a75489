using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// Room for what must be made: spare tables before a walk, frames when the host has none. First cold shadow tables are trimmed,
/// then guest pages go to the store, then whole address spaces; only when nothing is left is the guest killed.
/// </summary>
// SAFETY: the hands stay inside the pool's budget and the memory's pages; positions come from the reverse maps.
internal sealed unsafe class Reclaimer<TFormat>(ShadowTables<TFormat> tables, RootCache<TFormat> roots)
    where TFormat : struct, IPagingFormat
{
    private const int TablesAtOnce = 4;
    private const int PagesAtOnce = 16;

    /// <summary>Counts reclaims: a walk that began before one must begin again, its spare tables may be gone.</summary>
    public uint Reclaims { get; private set; }

    private int _tableHand;
    private uint _pageHand;

    /// <summary>Sees to it that so many tables can be made without an allocation. To be called before the guest's tables are read.</summary>
    public void Reserve(int count)
    {
        if (tables.Pool.Spare < count)
        {
            ReserveSlowly(count);
        }
    }

    /// <summary>Gives cold tables' frames back to the host.</summary>
    /// <returns>How many tables went.</returns>
    public int Trim(int count)
    {
        int trimmed = 0;
        while (trimmed < count && TryTrimOne())
        {
            trimmed++;
        }

        tables.Pool.ReturnSpares(0);
        return trimmed;
    }

    // What a walk has reserved for itself stays reserved: else the walk and the page that it maps would take the frames from each other.
    private bool TryReturnSpares() => tables.Pool.ReturnSpares(TFormat.Levels - 1) > 0;

    /// <summary>The host has no frame left: gives some back.</summary>
    /// <returns>False when nothing can be given.</returns>
    public bool TryMakeRoom()
    {
        Reclaims++;
        for (int trimmed = 0; trimmed < TablesAtOnce && TryTrimOne(); trimmed++)
        {
        }

        if (TryReturnSpares() || TryEvictPages())
        {
            return true;
        }

        while (roots.TryEvictOne())
        {
            if (TryReturnSpares())
            {
                return true;
            }
        }

        return false;
    }

    private void ReserveSlowly(int count)
    {
        while (tables.Pool.Spare < count)
        {
            if (tables.Pool.TryMakeSpare())
            {
                continue;
            }

            Reclaims++;
            bool freed = tables.Pool.IsBudgetSpent
                ? TryTrimOne() || roots.TryEvictOne()
                : TryTrimOne() || TryEvictPages() || roots.TryEvictOne();
            if (!freed)
            {
                tables.Settle();
                tables.Fate.Kill(tables.Pool.IsBudgetSpent
                    ? $"the budget of 0x{tables.Pool.Budget:x} shadow tables is spent and none can be taken back"
                    : $"host memory is exhausted: no frame for a shadow table, 0x{tables.Host.FramesInUse:x} frames in use");
            }
        }
    }

    // The clock: a table that was used since the hand came by stays for another round. What the CPU's A bits in the link say counts too.
    private bool TryTrimOne()
    {
        for (int step = 0; step < 2 * tables.Pool.Budget; step++)
        {
            _tableHand = (_tableHand % tables.Pool.Budget) + 1;
            ref ShadowTable table = ref tables.Table[_tableHand];
            if (!table.Is(TableFlags.Active) || table.Is(TableFlags.Permanent | TableFlags.Root) || (table.Key.Level > 1 && HasGuestLinks(ref table)))
            {
                continue;
            }

            if (WasUsed(ref table) || HoldsStack(_tableHand))
            {
                continue;
            }

            Take(_tableHand);
            tables.Statistics.TablesTrimmed++;
            return true;
        }

        return false;
    }

    private void Take(int number)
    {
        while (tables.Table[number].Is(TableFlags.Active))
        {
            uint position = tables.Parents.First(tables.Table[number].Parents);
            tables.Unlink((int)(position >> ShadowTables<TFormat>.PositionShift), (int)(position & ((1 << ShadowTables<TFormat>.PositionShift) - 1)));
        }
    }

    private bool WasUsed(ref ShadowTable table)
    {
        bool used = table.Is(TableFlags.Referenced);
        table.Flags &= ~TableFlags.Referenced;
        uint cursor = table.Parents;
        while (tables.Parents.Next(ref cursor, out uint position))
        {
            ref ShadowTable parent = ref tables.Table[position >> ShadowTables<TFormat>.PositionShift];
            byte* place = parent.Entries + ((position & ((1 << ShadowTables<TFormat>.PositionShift) - 1)) * (uint)TFormat.EntrySize);
            ulong entry = Entry<TFormat>.Read(place);
            if (TFormat.HasRights(parent.Key.Level) && (entry & PageEntry.Accessed) != 0)
            {
                used = true;
                Entry<TFormat>.Replace(place, entry, entry & ~PageEntry.Accessed);
            }
        }

        return used;
    }

    private static bool HasGuestLinks(ref ShadowTable table) => table.Live > (table.Key.Cpu >= 0 ? 1 : 0);

    private bool HoldsStack(int number)
    {
        foreach (ShadowCpu cpu in tables.Cpus)
        {
            if (cpu.StackTable0 == number || cpu.StackTable1 == number)
            {
                return true;
            }
        }

        return false;
    }

    private bool TryEvictPages()
    {
        if (tables.Memory.Store is null)
        {
            return false;
        }

        int evicted = 0;
        uint pages = tables.Memory.PageCount;
        for (uint step = 0; step < 2 * pages && evicted < PagesAtOnce; step++)
        {
            _pageHand = (_pageHand + 1) % pages;
            Gfn page = new(_pageHand);
            if ((tables.Memory.Page(page).Flags & GuestPageState.Present) == 0 || (step < pages && IsWarm(page)))
            {
                continue;
            }

            if (tables.Memory.Reclaim(page) == PageStatus.Ok)
            {
                evicted++;
                tables.Statistics.PagesEvicted++;
            }
        }

        return evicted > 0;
    }

    // A page with a mapping that the CPU has used since the last round, or one that holds a shadowed table, stays.
    private bool IsWarm(Gfn page)
    {
        bool warm = tables.Pages[page.Value].FirstTable != 0;
        uint cursor = tables.Pages[page.Value].Leaves;
        while (tables.Leaves.Next(ref cursor, out uint position))
        {
            ref ShadowTable table = ref tables.Table[position >> ShadowTables<TFormat>.PositionShift];
            byte* place = table.Entries + ((position & ((1 << ShadowTables<TFormat>.PositionShift) - 1)) * (uint)TFormat.EntrySize);
            ulong entry = Entry<TFormat>.Read(place);
            if ((entry & PageEntry.Accessed) != 0)
            {
                warm = true;
                Entry<TFormat>.Replace(place, entry, entry & ~PageEntry.Accessed);
            }
        }

        return warm;
    }
}
