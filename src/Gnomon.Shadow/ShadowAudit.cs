using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// The auditor: derives the invariants from scratch, from the tables themselves, and compares. The numbers are those of the
/// specification; see docs/invariants.md.
/// </summary>
// SAFETY: table numbers run to the pool's high water, page numbers to the memory's end, indices to a table's end.
internal sealed unsafe class ShadowAudit<TFormat>
    where TFormat : struct, IPagingFormat
{
    private readonly ShadowMmu<TFormat> _mmu;
    private readonly ShadowTables<TFormat> _tables;
    private readonly Dictionary<TableKey, int> _byKey = [];
    private readonly PositionSet _leaves = new();
    private readonly PositionSet _links = new();
    private readonly int[] _leavesOfPage;
    private readonly int[] _watchedTables;
    private long _mappings;
    private string? _broken;

    public ShadowAudit(ShadowMmu<TFormat> mmu)
    {
        _mmu = mmu;
        _tables = mmu.Tables;
        _leavesOfPage = new int[_tables.Memory.PageCount];
        _watchedTables = new int[_tables.Memory.PageCount];
    }

    /// <summary>Checks everything; remembers nothing of the last time.</summary>
    /// <returns>Null when all holds, else the first invariant that does not, and where.</returns>
    public string? Run()
    {
        _broken = null;
        _mappings = 0;
        _byKey.Clear();
        _leavesOfPage.AsSpan().Clear();
        _watchedTables.AsSpan().Clear();
        _leaves.Reset(PositionOf(_tables.Pool.HighWater + 1, 0));
        _links.Reset(PositionOf(_tables.Pool.HighWater + 1, 0));
        for (int number = 1; number <= _tables.Pool.HighWater && _broken is null; number++)
        {
            if (_tables.Table[number].Is(TableFlags.Active))
            {
                CheckTable(number);
            }
        }

        for (uint page = 0; page < _tables.Memory.PageCount && _broken is null; page++)
        {
            CheckPage(page);
        }

        CheckParents();
        CheckRoots();
        CheckSwitcher();
        CheckCounts();
        return _broken;
    }

    private ulong EntryOf(int number, int index) => ShadowTables<TFormat>.EntryOf(ref _tables.Table[number], index);

    private ulong RememberedOf(int number, int index) => ShadowTables<TFormat>.RememberedOf(ref _tables.Table[number], index);

    private static uint PositionOf(int number, int index) => ShadowTables<TFormat>.PositionOf(number, index);

    private static (int Number, int Index) PlaceOf(uint position) =>
        ((int)(position >> ShadowTables<TFormat>.PositionShift), (int)(position & ((1 << ShadowTables<TFormat>.PositionShift) - 1)));

    // Said only of what is broken: an audit looks at every entry, and to say each would cost more than to check it.
    private string Where(int number, int index)
    {
        TableKey key = _tables.Table[number].Key;
        return $"{(key.Level > 1 ? "link" : "leaf")} 0x{index:x} of table {number} ({key})";
    }

    private void Break(int invariant, string what) => _broken ??= $"invariant {invariant}: {what}";

    private void CheckTable(int number)
    {
        ref ShadowTable table = ref _tables.Table[number];
        TableKey key = table.Key;
        if (_tables.Pool.OfFrame(table.Frame) != number || _tables.Host.References(new Pfn(table.Frame)) != 1
            || _tables.Host.References(new Pfn(table.RememberedFrame)) != 1)
        {
            Break(3, $"shadow table {number} ({key}) does not hold its frames alone");
        }

        if (!table.Is(TableFlags.Permanent | TableFlags.Obsolete))
        {
            CheckListed(number, key);
        }

        int live = 0;
        for (int index = 0; index < Paging<TFormat>.TableEntries && _broken is null; index++)
        {
            ulong entry = EntryOf(number, index);
            ulong remembered = RememberedOf(number, index);
            if (entry == 0)
            {
                if (remembered != 0)
                {
                    Break(7, $"table {number} ({key}) remembers 0x{remembered:x} for empty entry 0x{index:x}");
                }

                index += EmptyAfter(ref table, index + 1);
                continue;
            }

            live++;
            if ((table.Lines & ShadowTables<TFormat>.LineOf(index)) == 0)
            {
                Break(8, $"table {number} ({key}) has a live entry 0x{index:x} in a line that it calls empty");
            }

            if (index >= Paging<TFormat>.EntriesOf(key.Level))
            {
                Break(1, $"table {number} ({key}) has an entry 0x{index:x} past its end");
            }
            else if (key.Level > 1)
            {
                CheckLink(number, index, entry, remembered);
            }
            else if (!table.Is(TableFlags.Permanent))
            {
                CheckLeaf(number, index, entry, remembered);
            }
        }

        if (live != table.Live)
        {
            Break(8, $"table {number} ({key}) counts 0x{table.Live:x} live entries and has 0x{live:x}");
        }
    }

    // How many entries from this one on are empty and remember nothing. Most entries of most tables are.
    private static int EmptyAfter(ref ShadowTable table, int index)
    {
        int offset = index * TFormat.EntrySize;
        int rest = PageSize.Bytes - offset;
        int entries = new ReadOnlySpan<byte>(table.Entries + offset, rest).IndexOfAnyExcept((byte)0);
        int remembered = new ReadOnlySpan<byte>(table.Remembered + offset, rest).IndexOfAnyExcept((byte)0);
        return Math.Min(entries < 0 ? rest : entries, remembered < 0 ? rest : remembered) / TFormat.EntrySize;
    }

    private void CheckListed(int number, TableKey key)
    {
        if (!_byKey.TryAdd(key, number))
        {
            Break(6, $"tables {_byKey[key]} and {number} have the same key ({key})");
        }

        if (_tables.Find(key) != number)
        {
            Break(6, $"table {number} ({key}) is not found by its key");
        }

        if (_tables.IsWatchable(key))
        {
            _watchedTables[key.Address >> PageSize.Shift]++;
        }
    }

    private void CheckLeaf(int number, int index, ulong entry, ulong remembered)
    {
        ref ShadowTable table = ref _tables.Table[number];
        TableKey key = table.Key;
        Gfn page = new(ShadowTables<TFormat>.PageOf(ref table, index));
        uint frame = (uint)((entry & TFormat.AddressMask) >> PageSize.Shift);
        if (!_tables.Memory.Contains(page) || (_tables.Memory.Page(page).Flags & (GuestPageState.Present | GuestPageState.Device)) != GuestPageState.Present
            || _tables.Memory.Page(page).Frame.Value != frame)
        {
            Break(1, $"{Where(number, index)} maps frame 0x{frame:x}, which does not back guest page {page}");
            return;
        }

        const ulong allowed = PageEntry.Present | PageEntry.Writable | PageEntry.User | PageEntry.Accessed | PageEntry.Dirty | PageEntry.NoExecute;
        if ((entry & ~TFormat.AddressMask & ~allowed) != 0)
        {
            Break(1, $"{Where(number, index)} holds bits 0x{entry:x} that no shadow leaf has");
        }

        GuestPageState state = _tables.Memory.Page(page).Flags;
        bool writable = (entry & PageEntry.Writable) != 0;
        bool user = (entry & PageEntry.User) != 0;
        if (writable && (state & (GuestPageState.Shared | GuestPageState.ReadOnly | GuestPageState.Watched)) != 0)
        {
            Break(2, $"{Where(number, index)} is writable, but guest page {page} is {state}");
        }

        if (key.HasGuestTable)
        {
            const ulong written = PageEntry.Writable | PageEntry.Dirty;
            bool overridden = key.IsWriteProtectOff && !user && (remembered & PageEntry.Dirty) != 0;
            if (writable && (remembered & written) != written && !overridden)
            {
                Break(2, $"{Where(number, index)} is writable, but was made from 0x{remembered:x}");
            }

            if (user && (remembered & PageEntry.User) == 0)
            {
                Break(5, $"{Where(number, index)} lets user code in, but was made from 0x{remembered:x}");
            }

            const ulong used = PageEntry.Present | PageEntry.Accessed;
            if ((remembered & used) != used)
            {
                Break(7, $"{Where(number, index)} was made from 0x{remembered:x}, which was not present and accessed");
            }

            CheckStillTrue(number, index, remembered);
        }

        _leaves.Add(PositionOf(number, index));
        _leavesOfPage[page.Value]++;
    }

    private void CheckLink(int number, int index, ulong entry, ulong remembered)
    {
        ref ShadowTable table = ref _tables.Table[number];
        int child = _tables.ChildOf(entry);
        if (child == 0 || !_tables.Table[child].Is(TableFlags.Active) || _tables.Table[child].Key.Level != table.Key.Level - 1)
        {
            Break(1, $"{Where(number, index)} leads to frame 0x{(entry & TFormat.AddressMask) >> PageSize.Shift:x}, which is no table of the level below");
            return;
        }

        _links.Add(PositionOf(number, index));
        TableKey key = _tables.Table[child].Key;
        if (_tables.Table[child].Is(TableFlags.Permanent))
        {
            if (remembered != 0 || key.Cpu != table.Key.Cpu || (entry & PageEntry.User) != 0)
            {
                Break(4, $"{Where(number, index)} shows the Switcher of cpu {key.Cpu}, or shows it to user code");
            }

            return;
        }

        if (!key.IsLinear)
        {
            bool large = TFormat.IsLarge(remembered, table.Key.Level, table.Key.Controls);
            ulong wanted = remembered & TFormat.AddressMask & ~(large ? (1UL << Paging<TFormat>.ShiftOf(table.Key.Level)) - 1 : 0);
            if (large != key.IsDirect || key.Address != wanted || key.Controls != table.Key.Controls)
            {
                Break(5, $"{Where(number, index)} was made from 0x{remembered:x} and leads to table {child} ({key})");
            }

            bool mayWrite = (remembered & PageEntry.Writable) != 0 && (!large || (remembered & PageEntry.Dirty) != 0);
            if (!table.Key.IsWriteProtectOff && TFormat.HasRights(table.Key.Level)
                && (((entry & PageEntry.Writable) != 0 && !mayWrite) || ((entry & ~remembered & PageEntry.User) != 0)))
            {
                Break(2, $"{Where(number, index)} lets through more than 0x{remembered:x} does");
            }

            if (large && (remembered & PageEntry.Accessed) == 0)
            {
                Break(7, $"{Where(number, index)} splinters a large page that was not accessed (0x{remembered:x})");
            }

            CheckStillTrue(number, index, remembered);
        }
    }

    // Where stores are watched, what is remembered is what stands there, except where a guest may leave tables out of step.
    private void CheckStillTrue(int number, int index, ulong remembered)
    {
        ref ShadowTable table = ref _tables.Table[number];
        if (!_tables.IsWatchable(table.Key) || table.Is(TableFlags.Obsolete) || _tables.Pages[table.Key.Address >> PageSize.Shift].OutOfStep)
        {
            return;
        }

        ulong now = _mmu.Guest.Look(table.Key.Address, index);
        if (now != remembered)
        {
            Break(5, $"{Where(number, index)} was made from 0x{remembered:x}, and the watched guest table holds 0x{now:x}");
        }
    }

    private void CheckPage(uint page)
    {
        ref ShadowPage state = ref _tables.Pages[page];
        GuestPage memory = _tables.Memory.Page(new Gfn(page));
        bool watched = (memory.Flags & GuestPageState.Watched) != 0;
        if (state.WatchedTables != _watchedTables[page])
        {
            Break(2, $"guest page 0x{page:x} counts 0x{state.WatchedTables:x} watched tables and has 0x{_watchedTables[page]:x}");
        }

        if (watched != (state.WatchedTables > 0 && !state.OutOfStep))
        {
            Break(2, $"guest page 0x{page:x} holds 0x{state.WatchedTables:x} tables that stores matter to and is {(watched ? "" : "not ")}watched");
        }

        int mappings = 0;
        for (uint cursor = state.Leaves; _tables.Leaves.Next(ref cursor, out uint position);)
        {
            (int number, int index) = PlaceOf(position);
            mappings++;
            if (!_leaves.Remove(position) || ShadowTables<TFormat>.PageOf(ref _tables.Table[number], index) != page)
            {
                Break(8, $"the reverse map of guest page 0x{page:x} names entry {number}:0x{index:x}, which is no leaf of it");
            }
        }

        _mappings += mappings;
        if (mappings != _leavesOfPage[page] && _broken is null)
        {
            BreakMissingLeaf(page);
        }

        if ((memory.Flags & GuestPageState.Present) != 0 && (memory.Flags & GuestPageState.Shared) == 0)
        {
            int expected = 1 + mappings + _tables.Memory.PinsOf(new Gfn(page));
            int references = _tables.Host.References(memory.Frame);
            if (references != expected)
            {
                Break(3, $"frame {memory.Frame} of guest page 0x{page:x} has 0x{references:x} references instead of 0x{expected:x}");
            }
        }
    }

    private void BreakMissingLeaf(uint page)
    {
        (int number, int index) = _leaves.All.Select(PlaceOf)
            .First(place => ShadowTables<TFormat>.PageOf(ref _tables.Table[place.Number], place.Index) == page);
        Break(8, $"{Where(number, index)} is missing in the reverse map of guest page 0x{page:x}");
    }

    private void CheckParents()
    {
        if (_broken is not null)
        {
            return;
        }

        for (int number = 1; number <= _tables.Pool.HighWater && _broken is null; number++)
        {
            ref ShadowTable table = ref _tables.Table[number];
            if (!table.Is(TableFlags.Active))
            {
                continue;
            }

            int parents = 0;
            for (uint cursor = table.Parents; _tables.Parents.Next(ref cursor, out uint position);)
            {
                (int parent, int index) = PlaceOf(position);
                parents++;
                if (!_links.Remove(position) || _tables.ChildOf(EntryOf(parent, index)) != number)
                {
                    Break(8, $"table {number} ({table.Key}) names parent {parent}:0x{index:x}, which does not link it");
                }
            }

            if (_tables.Counts.AreExact && table.Parents != 0 && parents != table.HomeParents)
            {
                Break(6, $"table {number} ({table.Key}) counts {table.HomeParents} parents at its place");
            }
        }

        // Each link that was found among the parents of what it links has been taken off.
        if (_links.Count != 0 && _broken is null)
        {
            (int number, int index) = PlaceOf(_links.All.First());
            Break(8, $"{Where(number, index)} is not among the parents of table {_tables.ChildOf(EntryOf(number, index))}");
        }

        for (int number = 1; number <= _tables.Pool.HighWater && _broken is null; number++)
        {
            ref ShadowTable table = ref _tables.Table[number];
            if (table.Is(TableFlags.Active) && table.Parents == 0 && !table.Is(TableFlags.Root | TableFlags.Permanent))
            {
                Break(8, $"table {number} ({table.Key}) has no parents and is still there");
            }
        }
    }

    private void CheckRoots()
    {
        foreach (ShadowCpu cpu in _mmu.AllCpus)
        {
            if (cpu.RootTable == 0 || _broken is not null)
            {
                continue;
            }

            ref ShadowTable root = ref _tables.Table[cpu.RootTable];
            if (!root.Is(TableFlags.Root) || cpu.Root.Value != root.Frame || (root.Key.Cpu >= 0 && root.Key.Cpu != cpu.Number)
                || root.Key.IsLinear != cpu.IsLinear || (!cpu.IsLinear && root.Key.Address != (cpu.Directory.Value & ((1UL << PageEntry.PhysicalWidth) - 1))))
            {
                Break(6, $"virtual CPU {cpu.Number} is in table {cpu.RootTable} ({root.Key}), which is not its root");
            }
        }

        for (int number = 1; number <= _tables.Pool.HighWater && _broken is null; number++)
        {
            ref ShadowTable table = ref _tables.Table[number];
            if (!table.Is(TableFlags.Root))
            {
                continue;
            }

            int inside = 0;
            foreach (ShadowCpu cpu in _mmu.AllCpus)
            {
                inside += cpu.RootTable == number ? 1 : 0;
            }

            bool slotted = table.Slot >= 0 && _mmu.Roots.Roots[table.Slot] == number;
            if (inside != table.InUse || slotted == table.Is(TableFlags.Obsolete))
            {
                Break(6, $"root {number} ({table.Key}) counts {table.InUse} virtual CPUs in it, has {inside}, and its slot is {table.Slot}");
            }
        }
    }

    private void CheckSwitcher()
    {
        if (!_tables.HasSwitcher || _broken is not null)
        {
            return;
        }

        foreach (ShadowCpu cpu in _mmu.AllCpus)
        {
            int leaf = _tables.SwitcherLeaf[cpu.Number];
            int seen = 0;
            for (int index = 0; leaf != 0 && index < Paging<TFormat>.TableEntries; index++)
            {
                ulong entry = EntryOf(leaf, index);
                if (entry == 0)
                {
                    continue;
                }

                seen++;
                uint frame = (uint)((entry & TFormat.AddressMask) >> PageSize.Shift);
                bool code = index == 0 && frame == _mmu.SwitcherPages!.Code.Value;
                bool paired = cpu.HostCpu >= 0;
                bool registers = paired && index == 1 + (2 * cpu.HostCpu) && frame == cpu.RegisterPage.Value;
                bool state = paired && index == 2 + (2 * cpu.HostCpu) && frame == _mmu.SwitcherPages!.State(cpu.HostCpu).Value;
                if ((entry & PageEntry.User) != 0 || (!code && !registers && !state) || (!registers && (entry & PageEntry.Writable) != 0))
                {
                    Break(4, $"virtual CPU {cpu.Number} sees 0x{entry:x} at page 0x{index:x} of the Switcher");
                }
            }

            if (seen != (cpu.HostCpu >= 0 ? 3 : 1))
            {
                Break(4, $"virtual CPU {cpu.Number} sees {seen} pages of the Switcher");
            }
        }

        foreach (int root in _mmu.Roots.Roots)
        {
            if (root != 0 && (!_tables.TryGetLeafTable(root, (uint)_tables.SwitcherAddress, out int leaf) || leaf != _tables.SwitcherLeaf[_tables.Table[root].Key.Cpu]))
            {
                Break(4, $"root {root} ({_tables.Table[root].Key}) does not show the Switcher");
            }
        }
    }

    private void CheckCounts()
    {
        if (_broken is not null)
        {
            return;
        }

        if (_mappings != _mmu.Statistics.LeavesPresent)
        {
            Break(3, $"{_mmu.Statistics.LeavesPresent} leaves are counted and {_mappings} are there");
        }

        if (_tables.Pool.Count > _tables.Pool.Budget)
        {
            Break(3, $"{_tables.Pool.Count} shadow tables exceed the budget of {_tables.Pool.Budget}");
        }
    }
}
