using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// The ties between the shadow tables of one guest: keys, links to children and parents, leaves and their reverse map. Every change of a shadow entry is made here, and each function leaves all ties consistent.
/// </summary>
/// <typeparam name="TFormat">The format of the guest's tables and of the shadows.</typeparam>
// SAFETY: as in TableStore; a table's entries and remembered entries are whole frames, and indices are below a table's size.
internal sealed unsafe class ShadowTables<TFormat>(
    GuestMemory memory,
    ShadowOptions options,
    ShadowStatistics statistics,
    GuestFate fate,
    ShadowCpu[] cpus,
    int budget)
    : TableStore<TFormat>(memory, options, statistics, fate, cpus, budget)
    where TFormat : struct, IPagingFormat
{
    /// <summary>Makes a table from a spare one, without links. Its guest page is watched from now on, where stores matter.</summary>
    public int Make(TableKey key, TableFlags flags)
    {
        int number = Pool.Take();
        ref ShadowTable table = ref Table[number];
        table.Key = key;
        table.Flags = flags | TableFlags.Active | TableFlags.Referenced;
        table.Slot = -1;
        table.StackVersion = 0;
        table.LastUse = 0;
        Enlist(number);
        Statistics.TablesMade++;
        Statistics.TablesPresent++;
        Statistics.TablesPeak = Math.Max(Statistics.TablesPeak, Statistics.TablesPresent);
        return number;
    }

    /// <summary>Makes a table findable by its key.</summary>
    public void Enlist(int number)
    {
        ref ShadowTable table = ref Table[number];
        if (table.Is(TableFlags.Permanent))
        {
            return;
        }

        ref int first = ref FirstOf(table.Key);
        table.PreviousInPage = 0;
        table.NextInPage = first;
        if (first != 0)
        {
            Table[first].PreviousInPage = number;
        }

        first = number;
        if (IsWatchable(table.Key))
        {
            Watch.Begin(new Gfn(table.Key.Address >> PageSize.Shift));
        }
    }

    /// <summary>Makes a table not findable any more.</summary>
    public void Delist(int number)
    {
        ref ShadowTable table = ref Table[number];
        if (table.Is(TableFlags.Permanent | TableFlags.Obsolete))
        {
            return;
        }

        if (table.PreviousInPage != 0)
        {
            Table[table.PreviousInPage].NextInPage = table.NextInPage;
        }
        else
        {
            FirstOf(table.Key) = table.NextInPage;
        }

        if (table.NextInPage != 0)
        {
            Table[table.NextInPage].PreviousInPage = table.PreviousInPage;
        }

        table.NextInPage = table.PreviousInPage = 0;
        if (IsWatchable(table.Key))
        {
            Watch.End(new Gfn(table.Key.Address >> PageSize.Shift));
        }
    }

    /// <summary>Links a child below an entry that is empty.</summary>
    /// <param name="parent">The upper table.</param>
    /// <param name="index">The entry.</param>
    /// <param name="child">The lower table.</param>
    /// <param name="guestEntry">What the guest has there; zero for the Switcher's own links.</param>
    /// <param name="rights">RW, US and NX that the link itself lets through.</param>
    public void Attach(int parent, int index, int child, ulong guestEntry, ulong rights)
    {
        ref ShadowTable upper = ref Table[parent];
        ref ShadowTable lower = ref Table[child];
        int place = LinkCounts.Place(upper.Home, index, TFormat.IndexBits);
        if (lower.Parents == 0 && !lower.Is(TableFlags.Permanent))
        {
            lower.Home = place;
            lower.HomeParents = 1;
        }
        else if (lower.Home == place)
        {
            lower.HomeParents++;
        }
        else
        {
            Counts.AreExact = false;
        }

        Counts.At(lower.Key.Level, place)++;
        Parents.Add(ref lower.Parents, PositionOf(parent, index));
        upper.Live++;
        upper.Lines |= LineOf(index);
        Entry<TFormat>.Write(upper.Remembered + (index * TFormat.EntrySize), guestEntry);
        ulong entry = ((ulong)lower.Frame << PageSize.Shift) | PageEntry.Present;
        if (TFormat.HasRights(upper.Key.Level))
        {
            entry |= rights;
        }

        Entry<TFormat>.Write(upper.Entries + (index * TFormat.EntrySize), entry);
    }

    /// <summary>Empties an entry that may link a child. A child whose last parent this was goes. The Switcher stays mapped.</summary>
    public void Unlink(int parent, int index)
    {
        ref ShadowTable upper = ref Table[parent];
        if (EntryOf(ref upper, index) == 0 || IsSwitcherLink(ref upper, index))
        {
            return;
        }

        Detach(parent, index);
        if (index == SwitcherTop && upper.Is(TableFlags.Root))
        {
            // PAE: the Switcher shares its top entry with the guest; what is left of it is a middle table of its own.
            Attach(parent, index, NullMid[upper.Key.Cpu], 0, PageEntry.Writable);
        }
    }

    /// <summary>Empties an entry for good, the Switcher's link too: for tables that go, and to put another link there at once.</summary>
    public void Detach(int parent, int index)
    {
        ref ShadowTable upper = ref Table[parent];
        byte* place = upper.Entries + (index * TFormat.EntrySize);
        int child = ChildOf(Entry<TFormat>.Read(place));
        Entry<TFormat>.Write(place, 0);
        Entry<TFormat>.Write(upper.Remembered + (index * TFormat.EntrySize), 0);
        upper.Live--;
        NoteGone(parent, index, InvalidationKind.Translations);
        if (HasStacks)
        {
            // A stack's leaf may hang below in this address space and stay linked in another.
            StackVersion++;
        }

        ref ShadowTable lower = ref Table[child];
        int home = LinkCounts.Place(upper.Home, index, TFormat.IndexBits);
        Counts.At(lower.Key.Level, home)--;
        if (lower.Home == home)
        {
            lower.HomeParents--;
        }

        Parents.Remove(ref lower.Parents, PositionOf(parent, index));
        if (lower.Parents == 0 && lower.InUse == 0)
        {
            Release(child);
        }
    }

    /// <summary>Releases a table that nobody links and nobody is in: everything below it, its key, its frames.</summary>
    public void Release(int number)
    {
        Empty(number);
        Delist(number);
        ref ShadowTable table = ref Table[number];
        table.Flags = TableFlags.None;
        table.Key = default;
        table.Lines = 0;
        table.Home = table.HomeParents = 0;
        table.Slot = -1;
        Statistics.TablesReleased++;
        Statistics.TablesPresent--;
        Pool.Retire(number);
    }

    /// <summary>Empties a table: every leaf, every link, the Switcher's too. Costs what is mapped.</summary>
    public void Empty(int number)
    {
        ref ShadowTable table = ref Table[number];
        bool upper = table.Key.Level > 1;
        for (ulong lines = table.Lines; lines != 0; lines &= lines - 1)
        {
            int first = FirstIndexOf(lines);
            for (int index = first; index < first + EntriesPerLine; index++)
            {
                if (EntryOf(ref table, index) == 0)
                {
                    continue;
                }

                if (upper)
                {
                    Detach(number, index);
                }
                else
                {
                    ReleaseLeaf(number, index);
                }
            }
        }

        table.Lines = 0;
    }

    /// <summary>Puts a leaf into an empty entry; it takes one reference to the frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetLeaf(int number, int index, Gfn page, Pfn frame, ulong guestEntry, ulong rights)
    {
        ref ShadowTable table = ref Table[number];
        Memory.AddMapping(page);
        Leaves.Add(ref Pages[page.Value].Leaves, PositionOf(number, index));
        table.Live++;
        table.Lines |= LineOf(index);
        Statistics.LeavesPresent++;
        Entry<TFormat>.Write(table.Remembered + (index * TFormat.EntrySize), guestEntry);
        Entry<TFormat>.Write(table.Entries + (index * TFormat.EntrySize), ((ulong)frame.Value << PageSize.Shift) | PageEntry.Present | rights);
    }

    /// <summary>Gives a leaf that keeps its frame other rights.</summary>
    public void ChangeLeaf(int number, int index, ulong guestEntry, ulong rights)
    {
        const ulong kept = PageEntry.Accessed | PageEntry.Dirty;
        ref ShadowTable table = ref Table[number];
        ulong old = EntryOf(ref table, index);
        Entry<TFormat>.Write(table.Remembered + (index * TFormat.EntrySize), guestEntry);
        Entry<TFormat>.Write(
            table.Entries + (index * TFormat.EntrySize),
            (old & (TFormat.AddressMask | kept)) | PageEntry.Present | rights);
        ulong lost = (old & ~rights & (PageEntry.Writable | PageEntry.User)) | (rights & ~old & PageEntry.NoExecute);
        if (lost != 0)
        {
            NoteGone(number, index, lost == PageEntry.Writable ? InvalidationKind.WriteAccess : InvalidationKind.Translations);
            NoteStack(PageOf(ref table, index));
        }
    }

    /// <summary>Clears a leaf, gives its reference back, and forgets what it was made from. An empty entry is left alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReleaseLeaf(int number, int index)
    {
        ref ShadowTable table = ref Table[number];
        byte* place = table.Entries + (index * TFormat.EntrySize);
        ulong entry = Entry<TFormat>.Read(place);
        if (entry == 0)
        {
            return;
        }

        if (table.Is(TableFlags.Permanent))
        {
            ReleaseSwitcherLeaf(ref table, place, entry);
            return;
        }

        uint page = PageOf(ref table, index);
        Entry<TFormat>.Write(place, 0);
        Entry<TFormat>.Write(table.Remembered + (index * TFormat.EntrySize), 0);
        table.Live--;
        Leaves.Remove(ref Pages[page].Leaves, PositionOf(number, index));
        Memory.DropMapping(new Gfn(page));
        Statistics.LeavesReleased++;
        Statistics.LeavesPresent--;
        NoteGone(number, index, InvalidationKind.Translations);
        NoteStack(page);
    }

    /// <summary>Drops every leaf that maps a page. Costs what maps it.</summary>
    public void ReleaseLeavesOf(Gfn page)
    {
        ref uint head = ref Pages[page.Value].Leaves;
        while (head != 0)
        {
            uint position = Leaves.First(head);
            ReleaseLeaf((int)(position >> PositionShift), (int)(position & ((1 << PositionShift) - 1)));
        }
    }

    /// <summary>Takes the right to write from every leaf that maps a page.</summary>
    public void RevokeWrite(Gfn page)
    {
        uint cursor = Pages[page.Value].Leaves;
        while (Leaves.Next(ref cursor, out uint position))
        {
            int number = (int)(position >> PositionShift);
            int index = (int)(position & ((1 << PositionShift) - 1));
            byte* place = Table[number].Entries + (index * TFormat.EntrySize);
            ulong entry = Entry<TFormat>.Read(place);
            if ((entry & PageEntry.Writable) == 0)
            {
                continue;
            }

            while (!Entry<TFormat>.Replace(place, entry, entry & ~PageEntry.Writable))
            {
                entry = Entry<TFormat>.Read(place);
            }

            NoteGone(number, index, InvalidationKind.WriteAccess);
            NoteStack((uint)page.Value);
        }
    }

    /// <summary>
    /// The engine itself has set A or D in a guest entry: whoever remembers the old value remembers the new one. This is no store of
    /// the guest.
    /// </summary>
    public void PatchRemembered(Gpa place, ulong old, ulong marked)
    {
        for (int number = Pages[place.Page.Value].FirstTable; number != 0; number = Table[number].NextInPage)
        {
            ref ShadowTable table = ref Table[number];
            ulong offset = place.Value - table.Key.Address;
            if (!table.Key.HasGuestTable || offset >= (ulong)(Paging<TFormat>.EntriesOf(table.Key.Level) * TFormat.EntrySize))
            {
                continue;
            }

            byte* remembered = table.Remembered + offset;
            if (Entry<TFormat>.Read(remembered) == old && !(HasPointerRegisters && table.Key.Level == TFormat.Levels))
            {
                Entry<TFormat>.Write(remembered, marked);
            }
        }
    }

    /// <summary>Drops whatever an entry holds: a leaf or a link.</summary>
    public void Drop(int number, int index)
    {
        if (Table[number].Key.Level > 1)
        {
            Unlink(number, index);
        }
        else
        {
            ReleaseLeaf(number, index);
        }
    }

    /// <summary>Ends an operation: what it took away is gone everywhere, and its tables can be used again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Settle()
    {
        Shootdown.Complete();
        Pool.SettleRetired();
    }

    /// <summary>A translation has gone or lost a right: whoever keeps it must hear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void NoteGone(int number, int index, InvalidationKind kind)
    {
        if (Shootdown.HasListeners)
        {
            NoteGoneSlowly(number, index, kind);
        }
    }

    private void NoteGoneSlowly(int number, int index, InvalidationKind kind)
    {
        if (TryGetAddress(number, index, out uint address))
        {
            Shootdown.Add(new Gva(address), 1UL << Paging<TFormat>.ShiftOf(Table[number].Key.Level), kind);
        }
        else
        {
            Shootdown.AddEverything();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void NoteStack(uint page)
    {
        if (Pages[page].Stacks != 0)
        {
            StackVersion++;
        }
    }

    private void ReleaseSwitcherLeaf(ref ShadowTable table, byte* place, ulong entry)
    {
        Entry<TFormat>.Write(place, 0);
        table.Live--;
        Host.DropSharedReference(new Pfn((uint)((entry & TFormat.AddressMask) >> PageSize.Shift)));
        Shootdown.AddEverything();
    }
}
