using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// Guests that tell nothing: pages that hold shadowed tables are watched for stores. A reported store makes every entry that it
/// overlaps be read again, in every shadow of that table; a lazy guest's leaf tables may stay out of step until it flushes.
/// </summary>
// SAFETY: pages come from the memory's report or from the list of pages that were watched; table numbers from their lists.
internal sealed unsafe class TableWatch<TFormat>(ShadowTables<TFormat> tables, Comparison<TFormat> comparison, LeafMaker<TFormat> leaves, RootCache<TFormat> roots)
    where TFormat : struct, IPagingFormat
{
    /// <summary>So many stores in a row, without a walk in between, and a page is no table any more.</summary>
    public const int StoresOfNoTable = 3;

    private readonly List<uint> _outOfStep = new(64);

    /// <summary>A page began to be watched, or came back into step: entries read before may be old. Whoever reads it clears it.</summary>
    public bool HasBegun { get; set; }

    /// <summary>One more shadow depends on stores to a page.</summary>
    public void Begin(Gfn page)
    {
        ref ShadowPage state = ref tables.Pages[page.Value];
        bool first = state.WatchedTables++ == 0;
        if (!first && !state.OutOfStep)
        {
            return;
        }

        // In this order: mark the page, take RW from its leaves, shoot down; only then may its entries be read.
        state.StoresInRow = 0;
        tables.Memory.Watch(page, watched: true);
        tables.RevokeWrite(page);
        tables.Shootdown.Complete();
        tables.Statistics.PagesWatched++;
        HasBegun = true;
    }

    /// <summary>One shadow less depends on stores to a page.</summary>
    public void End(Gfn page)
    {
        ref ShadowPage state = ref tables.Pages[page.Value];
        if (--state.WatchedTables == 0)
        {
            state.OutOfStep = false;
            tables.Memory.Watch(page, watched: false);
        }
    }

    /// <summary>The processor walked through a table: it is one.</summary>
    public void NoteWalk(TableKey key)
    {
        if (tables.IsWatchable(key))
        {
            tables.Pages[key.Address >> PageSize.Shift].StoresInRow = 0;
        }
    }

    /// <summary>Brings every table that is out of step back: watched again, compared, true.</summary>
    public void Resume()
    {
        foreach (uint page in _outOfStep)
        {
            ref ShadowPage state = ref tables.Pages[page];
            state.Listed = false;
            if (!state.OutOfStep)
            {
                continue;
            }

            state.OutOfStep = false;
            state.StoresInRow = 0;
            tables.Memory.Watch(new Gfn(page), watched: true);
            tables.RevokeWrite(new Gfn(page));
            tables.Shootdown.Complete();
            ComparePage(page);
        }

        _outOfStep.Clear();
    }

    /// <summary>Compares the tables of pages that <see cref="Begin"/> brought back into step.</summary>
    public void FinishBegun()
    {
        HasBegun = false;
        for (int i = _outOfStep.Count - 1; i >= 0; i--)
        {
            uint page = _outOfStep[i];
            ref ShadowPage state = ref tables.Pages[page];
            if (state.OutOfStep && (tables.Memory.Page(new Gfn(page)).Flags & GuestPageState.Watched) != 0)
            {
                state.OutOfStep = false;
                state.Listed = false;
                _outOfStep.RemoveAt(i);
                ComparePage(page);
            }
        }
    }

    /// <summary>A store to a watched page has been performed.</summary>
    public void Stored(Gpa address, int length)
    {
        uint page = (uint)address.Page.Value;
        ref ShadowPage state = ref tables.Pages[page];
        tables.Statistics.WatchedStores++;
        if (tables.Options.Coherence == Coherence.Lazy && HasOnlyLeafTables(page))
        {
            state.OutOfStep = true;
            if (!state.Listed)
            {
                state.Listed = true;
                _outOfStep.Add(page);
            }

            tables.Memory.Watch(address.Page, watched: false);
            return;
        }

        // A PAE entry may be written as two halves; anything smaller or crooked is no update of a table.
        bool crooked = ((address.Value | (uint)length) & 3) != 0;
        if (crooked || ++state.StoresInRow >= StoresOfNoTable)
        {
            Abandon(address.Page);
        }
        else
        {
            ReadAgain(address, length);
        }

        tables.Settle();
    }

    /// <summary>A guest page is no table any more: its shadows go and it is not watched.</summary>
    public void Abandon(Gfn page)
    {
        tables.Statistics.TablesAbandoned++;
        int number;
        while ((number = FirstWatchable(tables.Pages[page.Value].FirstTable)) != 0)
        {
            Forget(number);
        }
    }

    /// <summary>Drops every shadow of tables that lie in a page, whatever the coherence: the page itself is about to go.</summary>
    public void ForgetAll(Gfn page)
    {
        int number;
        while ((number = FirstWithGuestTable(tables.Pages[page.Value].FirstTable)) != 0)
        {
            Forget(number);
        }
    }

    private void Forget(int number)
    {
        ref ShadowTable table = ref tables.Table[number];
        if (table.Is(TableFlags.Root))
        {
            roots.Abandon(number);
            return;
        }

        while (tables.Table[number].Is(TableFlags.Active) && table.Parents != 0)
        {
            uint position = tables.Parents.First(table.Parents);
            tables.Unlink((int)(position >> ShadowTables<TFormat>.PositionShift), (int)(position & ((1 << ShadowTables<TFormat>.PositionShift) - 1)));
        }
    }

    private int FirstWatchable(int number)
    {
        while (number != 0 && !tables.IsWatchable(tables.Table[number].Key))
        {
            number = tables.Table[number].NextInPage;
        }

        return number;
    }

    private int FirstWithGuestTable(int number)
    {
        while (number != 0 && !tables.Table[number].Key.HasGuestTable)
        {
            number = tables.Table[number].NextInPage;
        }

        return number;
    }

    private bool HasOnlyLeafTables(uint page)
    {
        for (int number = tables.Pages[page].FirstTable; number != 0; number = tables.Table[number].NextInPage)
        {
            if (tables.IsWatchable(tables.Table[number].Key) && tables.Table[number].Key.Level > 1)
            {
                return false;
            }
        }

        return true;
    }

    private void ReadAgain(Gpa address, int length)
    {
        ulong first = address.Value & ~(ulong)(TFormat.EntrySize - 1);
        for (ulong place = first; place < address.Value + (ulong)length; place += (uint)TFormat.EntrySize)
        {
            int number = tables.Pages[address.Page.Value].FirstTable;
            while (number != 0)
            {
                ref ShadowTable table = ref tables.Table[number];
                if (TryGetIndex(number, place, out int index) && !comparison.CompareEntry(number, index)
                    && table.Is(TableFlags.Active) && table.Key.Level == 1)
                {
                    leaves.Replace(number, index, Entry<TFormat>.Read(tables.Memory.Peek(new Gpa(place))));
                }

                // A drop may have released tables of this very page, this one too: then begin again; comparing twice does no harm.
                number = table.Is(TableFlags.Active) ? table.NextInPage : tables.Pages[address.Page.Value].FirstTable;
            }
        }
    }

    private bool TryGetIndex(int number, ulong place, out int index)
    {
        TableKey key = tables.Table[number].Key;
        ulong offset = place - key.Address;
        index = (int)(offset / (ulong)TFormat.EntrySize);
        return tables.IsWatchable(key) && offset < (ulong)(Paging<TFormat>.EntriesOf(key.Level) * TFormat.EntrySize);
    }

    private void ComparePage(uint page)
    {
        int number = tables.Pages[page].FirstTable;
        while (number != 0)
        {
            int next = tables.Table[number].NextInPage;
            if (tables.IsWatchable(tables.Table[number].Key))
            {
                // Only leaf tables are ever out of step, so a comparison releases no table.
                comparison.Compare(number);
            }

            number = next;
        }
    }
}
