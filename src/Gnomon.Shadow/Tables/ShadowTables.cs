using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// The shadow tables of one guest and everything that ties them together: keys, links to children and parents, leaves and their
/// reverse map. Every change of a shadow entry is made here, and each function leaves all ties consistent.
/// </summary>
/// <typeparam name="TFormat">The format of the guest's tables and of the shadows.</typeparam>
// SAFETY: Table has one element per table of the pool, Pages one per guest page; both live as long as this object. Table numbers
// come from the pool, page numbers are compared with the memory's size at full width before they are used as an index, and entry
// indices come from Paging<TFormat>.IndexOf or from loops over a table's lines.
internal sealed unsafe class ShadowTables<TFormat> : IDisposable
    where TFormat : struct, IPagingFormat
{
    public const int PositionShift = 10;
    private const int LineShift = 6;

    private int _outside;

    public ShadowTables(GuestMemory memory, ShadowOptions options, ShadowStatistics statistics, GuestFate fate, ShadowCpu[] cpus, int budget)
    {
        Memory = memory;
        Host = memory.Host;
        Options = options;
        Statistics = statistics;
        Fate = fate;
        Cpus = cpus;
        Shootdown = new Shootdown(cpus, statistics);
        Pool = new TablePool(memory.Host, budget, Shootdown);
        Table = Pool.Tables;
        Pages = (ShadowPage*)NativeMemory.AllocZeroed(memory.PageCount, (nuint)sizeof(ShadowPage));
        Counts = new LinkCounts(TFormat.Levels, TFormat.IndexBits, TFormat.TopEntries);
        HasSwitcher = options.Guest == GuestKind.Paravirtual;
        HasPointerRegisters = !HasSwitcher && TFormat.Levels == 3;
        IsNotified = options.Coherence == Coherence.Notified;
        SwitcherAddress = HasSwitcher
            ? options.SwitcherAddress?.Value ?? (uint)((1UL << 32) - Paging<TFormat>.ReachOf(1))
            : Invalidation.WholeSpace;
        SwitcherTop = HasSwitcher ? Paging<TFormat>.IndexOf((uint)SwitcherAddress, TFormat.Levels) : -1;
        KernelAddress = HasSwitcher ? options.KernelAddress.Value : Invalidation.WholeSpace;
        SwitcherLeaf = new int[cpus.Length];
        NullMid = new int[cpus.Length];
    }

    public GuestMemory Memory { get; }

    public HostMemory Host { get; }

    public ShadowOptions Options { get; }

    public ShadowStatistics Statistics { get; }

    public GuestFate Fate { get; }

    public ShadowCpu[] Cpus { get; }

    public Shootdown Shootdown { get; }

    public TablePool Pool { get; }

    public LinkCounts Counts { get; }

    /// <summary>The descriptors, numbered from 1.</summary>
    public ShadowTable* Table { get; }

    /// <summary>What is known of each guest page.</summary>
    public ShadowPage* Pages { get; }

    /// <summary>From guest pages to their leaves.</summary>
    public ReverseMap Leaves { get; } = new();

    /// <summary>From tables to the entries that link them.</summary>
    public ReverseMap Parents { get; } = new();

    public bool HasSwitcher { get; }

    /// <summary>Whether the top entries are registers of the virtual CPU, taken at a load: unmodified PAE guests.</summary>
    public bool HasPointerRegisters { get; }

    public bool IsNotified { get; }

    /// <summary>From here on only the Switcher lives; 4 GiB where there is none.</summary>
    public ulong SwitcherAddress { get; }

    /// <summary>The top-level index of the Switcher; -1 where there is none.</summary>
    public int SwitcherTop { get; }

    /// <summary>From here on it is kernel, the same in every address space; 4 GiB where nobody says so.</summary>
    public ulong KernelAddress { get; set; }

    /// <summary>Each virtual CPU's leaf table of Switcher pages.</summary>
    public int[] SwitcherLeaf { get; }

    /// <summary>PAE: each virtual CPU's middle table with nothing but the Switcher, for address spaces without a table there.</summary>
    public int[] NullMid { get; }

    /// <summary>Who watches guest pages for stores; set once, by the maker.</summary>
    public TableWatch<TFormat> Watch { get; set; } = null!;

    /// <summary>Moves on when a stack is set and when a leaf of a pinned stack page goes or loses the right to write. A root whose own
    /// number is older may lack a stack: it is pinned again before the guest runs.</summary>
    public ulong StackVersion { get; set; } = 1;

    /// <summary>Whether the guest has said of any virtual CPU where its stack is.</summary>
    public bool HasStacks { get; set; }

    /// <summary>Reads a shadow entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong EntryOf(ref ShadowTable table, int index) => Entry<TFormat>.Read(table.Entries + (index * TFormat.EntrySize));

    /// <summary>Reads the guest entry that a shadow entry was made from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong RememberedOf(ref ShadowTable table, int index) => Entry<TFormat>.Read(table.Remembered + (index * TFormat.EntrySize));

    /// <summary>The table that a shadow entry links.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ChildOf(ulong entry) => Pool.OfFrame((uint)((entry & TFormat.AddressMask) >> PageSize.Shift));

    /// <summary>The guest page that a live leaf maps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PageOf(ref ShadowTable table, int index) => table.Key.HasGuestTable
        ? (uint)((RememberedOf(ref table, index) & TFormat.AddressMask) >> PageSize.Shift)
        : (uint)(table.Key.Address >> PageSize.Shift) + (uint)index;

    /// <summary>Finds the shadow with this key.</summary>
    /// <returns>Zero when there is none.</returns>
    public int Find(TableKey key)
    {
        int table = FirstOf(key);
        while (table != 0 && Table[table].Key != key)
        {
            table = Table[table].NextInPage;
        }

        return table;
    }

    /// <summary>The first of the shadows whose guest table lies in the same page as this key's.</summary>
    public ref int FirstOf(TableKey key)
    {
        ulong page = key.Address >> PageSize.Shift;
        return ref page < Memory.PageCount ? ref Pages[page].FirstTable : ref _outside;
    }

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

    /// <summary>Whether stores to the guest table behind a key must be seen.</summary>
    public bool IsWatchable(TableKey key) =>
        !IsNotified && key.HasGuestTable && !(HasPointerRegisters && key.Level == TFormat.Levels);

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

    /// <summary>Whether an address lies in a device window, inside memory or beyond it. A window covers the pages that it touches.</summary>
    public bool IsDevice(Gpa address)
    {
        foreach (DeviceWindow window in Options.Devices)
        {
            ulong first = window.Start.Value >> PageSize.Shift;
            ulong last = (window.Start.Value + window.Length - 1) >> PageSize.Shift;
            if (address.Page.Value >= first && address.Page.Value <= last)
            {
                return true;
            }
        }

        return false;
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

    /// <summary>Whether an entry is the link to the Switcher's leaf table, which is the host's own.</summary>
    public bool IsSwitcherLink(ref ShadowTable table, int index)
    {
        if (!HasSwitcher || table.Key.Level != 2)
        {
            return false;
        }

        // Two-level: the root's own entry. PAE: an entry of the middle tables that are private to a virtual CPU.
        return table.Key.Cpu >= 0 && index == Paging<TFormat>.IndexOf((uint)SwitcherAddress, 2);
    }

    /// <summary>Ends an operation: what it took away is gone everywhere, and its tables can be used again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Settle()
    {
        Shootdown.Complete();
        Pool.SettleRetired();
    }

    /// <summary>The leaf table on the shadow path of an address.</summary>
    /// <returns>False where the path ends above.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGetLeafTable(int root, uint address, out int number)
    {
        number = root;
        for (int level = TFormat.Levels; level > 1; level--)
        {
            ulong entry = EntryOf(ref Table[number], Paging<TFormat>.IndexOf(address, level));
            if (entry == 0)
            {
                return false;
            }

            number = ChildOf(entry);
        }

        return true;
    }

    /// <summary>The first address that an entry reaches, if there is one way to it only.</summary>
    public bool TryGetAddress(int number, int index, out uint address)
    {
        address = 0;
        while (true)
        {
            ref ShadowTable table = ref Table[number];
            address += (uint)index << Paging<TFormat>.ShiftOf(table.Key.Level);
            if (table.Is(TableFlags.Root))
            {
                return true;
            }

            if (!ReverseMap.IsSingle(table.Parents))
            {
                return false;
            }

            uint position = Parents.First(table.Parents);
            number = (int)(position >> PositionShift);
            index = (int)(position & ((1 << PositionShift) - 1));
        }
    }

    /// <summary>Entries in one line of a table.</summary>
    public static int EntriesPerLine => (1 << LineShift) / TFormat.EntrySize;

    /// <summary>The first entry of the lowest line in a set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FirstIndexOf(ulong lines) => System.Numerics.BitOperations.TrailingZeroCount(lines) * EntriesPerLine;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LineOf(int index) => 1UL << (index * TFormat.EntrySize >> LineShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PositionOf(int table, int index) => ((uint)table << PositionShift) | (uint)index;

    public void Dispose()
    {
        Pool.Dispose();
        NativeMemory.Free(Pages);
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
