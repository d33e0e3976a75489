using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>(iv) The address spaces that are kept: a root is a shadow table with a slot. Which one goes is a policy's choice.</summary>
// SAFETY: the roots are numbers from the pool, or zero, whose descriptor is all zero; slots are compared with their number.
internal sealed unsafe class RootCache<TFormat>
    where TFormat : struct, IPagingFormat
{
    private readonly ShadowTables<TFormat> _tables;
    private readonly Comparison<TFormat> _comparison;
    private readonly RootSlot[] _slots;
    private readonly int[] _roots;
    private ulong _clock;

    public RootCache(ShadowTables<TFormat> tables, Comparison<TFormat> comparison)
    {
        _tables = tables;
        _comparison = comparison;
        _slots = new RootSlot[tables.Options.Slots];
        _roots = new int[tables.Options.Slots];
    }

    /// <summary>The root tables, by slot; zero where a slot is free.</summary>
    public ReadOnlySpan<int> Roots => _roots;

    /// <summary>The key of the root for a guest's top-level table, as this virtual CPU would use it.</summary>
    public TableKey KeyOf(ShadowCpu cpu, Gpa directory)
    {
        TableKey role = TableKey.Role(cpu.Controls);
        if (!_tables.Memory.Contains(directory.Page))
        {
            // An unmodified guest's own mistake: the table reads as zero.
            role = new TableKey(role.Bits | TableKey.Null.Bits);
        }

        role = _tables.HasSwitcher || _tables.HasPointerRegisters ? role.PrivateTo(cpu.Number) : role;
        cpu.RootRole = role;
        return role.At(directory.Value, TFormat.Levels);
    }

    public TableKey LinearKeyOf(ShadowCpu cpu)
    {
        TableKey key = TableKey.Linear.At(0, TFormat.Levels);
        return _tables.HasSwitcher ? key.PrivateTo(cpu.Number) : key;
    }

    /// <summary>Makes a root for a key that is not known, in a free slot or in place of another.</summary>
    /// <remarks>A spare table must be reserved, and at least one root must not be in use.</remarks>
    public int Acquire(TableKey key)
    {
        int slot = Array.IndexOf(_roots, 0);
        if (slot < 0)
        {
            slot = ChooseVictim();
            _tables.Statistics.RootsReplaced++;
            int victim = _roots[slot];
            if (TryReuse(victim, key))
            {
                return victim;
            }

            Evict(victim);
        }

        int root = _tables.Make(key, TableFlags.Root);
        Occupy(root, slot);
        if (_tables.HasSwitcher)
        {
            AttachSwitcher(root, key);
        }

        return root;
    }

    /// <summary>A virtual CPU goes into a root.</summary>
    public void Enter(ShadowCpu cpu, int root)
    {
        ref ShadowTable table = ref _tables.Table[root];
        table.InUse++;
        cpu.RootTable = root;
        cpu.Root = new Pfn(table.Frame);
        Touch(root);
    }

    /// <summary>A switch between two roots that are known, with nothing else to do: nearly every context switch.</summary>
    /// <returns>False when there is more to do; nothing has changed then.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TrySwitch(ShadowCpu cpu, Gpa directory)
    {
        int root = _tables.Pages[directory.Page.Value].FirstTable;
        ref ShadowTable table = ref _tables.Table[root];
        ref ShadowTable old = ref _tables.Table[cpu.RootTable];
        if (table.Key != cpu.RootRole.At(directory.Value, TFormat.Levels) || table.StackVersion != _tables.StackVersion
            || (old.Flags & TableFlags.Obsolete) != 0 || old.Key.IsLinear)
        {
            return false;
        }

        old.InUse--;
        table.InUse++;
        table.LastUse = ++_clock;
        cpu.RootTable = root;
        cpu.Root = new Pfn(table.Frame);
        cpu.Directory = directory;
        return true;
    }

    /// <summary>Notes for the policy that an address space was switched to.</summary>
    public void Touch(int root)
    {
        _tables.Table[root].LastUse = ++_clock;
    }

    /// <summary>A virtual CPU leaves its root. An obsolete one and the linear one go with their last.</summary>
    public void Leave(ShadowCpu cpu)
    {
        int root = cpu.RootTable;
        if (root == 0)
        {
            return;
        }

        cpu.RootTable = 0;
        ref ShadowTable table = ref _tables.Table[root];
        if (--table.InUse > 0)
        {
            return;
        }

        if (table.Is(TableFlags.Obsolete) || table.Key.IsLinear)
        {
            Evict(root);
        }
    }

    /// <summary>All roots go, those without a slot too: the guest has ended.</summary>
    public void EvictAll()
    {
        for (int number = 1; number <= _tables.Pool.HighWater; number++)
        {
            if (_tables.Table[number].Is(TableFlags.Root) && _tables.Table[number].Is(TableFlags.Active))
            {
                Evict(number);
            }
        }
    }

    /// <summary>A root goes, with all that only it links. Nobody may be in it.</summary>
    public void Evict(int root)
    {
        FreeSlot(root);
        _tables.Release(root);
    }

    /// <summary>A root's guest table is no table any more.</summary>
    public void Abandon(int root)
    {
        ref ShadowTable table = ref _tables.Table[root];
        if (table.InUse == 0)
        {
            Evict(root);
            return;
        }

        // Whoever is in it stays until it loads another; what it maps meanwhile is checked against the guest's table at each walk.
        FreeSlot(root);
        _tables.Delist(root);
        table.Flags |= TableFlags.Obsolete;
        UnlinkAll(root);
    }

    /// <summary>Unlinks everything below a root but the Switcher.</summary>
    public void UnlinkAll(int root)
    {
        ref ShadowTable table = ref _tables.Table[root];
        for (ulong lines = table.Lines; lines != 0; lines &= lines - 1)
        {
            int first = ShadowTables<TFormat>.FirstIndexOf(lines);
            for (int index = first; index < first + ShadowTables<TFormat>.EntriesPerLine; index++)
            {
                _tables.Unlink(root, index);
            }
        }
    }

    /// <summary>A root that nobody is in, chosen by the policy, gives its frames back.</summary>
    /// <returns>False when all are in use.</returns>
    public bool TryEvictOne()
    {
        int best = -1;
        for (int slot = 0; slot < _roots.Length; slot++)
        {
            ref ShadowTable table = ref _tables.Table[_roots[slot]];
            if (_roots[slot] != 0 && table.InUse == 0 && (best < 0 || table.LastUse < _tables.Table[_roots[best]].LastUse))
            {
                best = slot;
            }
        }

        if (best < 0)
        {
            return false;
        }

        Evict(_roots[best]);
        return true;
    }

    // "Reused, keeping only entries equal to those of the new table": the kernel half, mostly.
    private bool TryReuse(int root, TableKey key)
    {
        ref ShadowTable table = ref _tables.Table[root];
        bool same = table.Key.SameRole(key) && table.Key.Cpu == key.Cpu && key.HasGuestTable;
        if (!same || _tables.Options.OnFlush == FlushPolicy.Discard)
        {
            return false;
        }

        int slot = table.Slot;
        _tables.Delist(root);
        table.Key = key;
        table.StackVersion = 0;
        _tables.Enlist(root);
        _tables.Watch.FinishBegun();
        _comparison.BeginRound();
        _comparison.CompareTree(root, 0, _tables.KernelAddress);
        _slots[slot] = default;
        return true;
    }

    private int ChooseVictim()
    {
        // A switch only notes its time; what a policy may know is made of it when it is asked.
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            ref ShadowTable table = ref _tables.Table[_roots[slot]];
            _slots[slot].Referenced |= table.LastUse != _slots[slot].LastUse;
            _slots[slot].LastUse = table.LastUse;
            _slots[slot].InUse = table.InUse > 0;
        }

        int victim = _tables.Options.Policy.ChooseVictim(_slots);
        if ((uint)victim < (uint)_slots.Length && !_slots[victim].InUse)
        {
            return victim;
        }

        for (int slot = 0; slot < _slots.Length; slot++)
        {
            if (!_slots[slot].InUse)
            {
                return slot;
            }
        }

        throw new InvalidOperationException("Every root is in use: there are fewer slots than virtual CPUs.");
    }

    private void AttachSwitcher(int root, TableKey key)
    {
        int child = TFormat.Levels == 2 ? _tables.SwitcherLeaf[key.Cpu] : _tables.NullMid[key.Cpu];
        _tables.Attach(root, _tables.SwitcherTop, child, 0, PageEntry.Writable);
    }

    private void Occupy(int root, int slot)
    {
        _roots[slot] = root;
        _slots[slot] = default;
        _tables.Table[root].Slot = slot;
    }

    private void FreeSlot(int root)
    {
        ref ShadowTable table = ref _tables.Table[root];
        if (table.Slot >= 0)
        {
            _roots[table.Slot] = 0;
            _slots[table.Slot] = default;
            table.Slot = -1;
        }
    }
}
