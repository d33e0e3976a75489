using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>Whether the guest has tables: the third format, as a type parameter of the walk.</summary>
internal interface IGuestMode
{
    /// <summary>The guest has none yet: each address is its own guest-physical address, and the walk invents the entries.</summary>
    static abstract bool IsLinear { get; }
}

/// <summary>The guest's tables decide.</summary>
internal readonly struct PagedMode : IGuestMode
{
    public static bool IsLinear => false;
}

/// <summary>Entries are invented.</summary>
internal readonly struct LinearMode : IGuestMode
{
    public static bool IsLinear => true;
}

/// <summary>(i) A guest page fault. The steps are numbered as in the specification of the fault: walk, rights, page number, strict
/// mode, frame, accessed and dirty, shadow path.</summary>
// SAFETY: tables are reached by numbers from the root cache and from links that the tables themselves made; indices by IndexOf.
internal sealed unsafe class DemandPager<TFormat>(
    ShadowTables<TFormat> tables,
    GuestTables<TFormat> guest,
    LeafMaker<TFormat> leaves,
    Comparison<TFormat> comparison,
    Reclaimer<TFormat> reclaimer)
    where TFormat : struct, IPagingFormat
{
    // A guest that changes its entries under every walk gets its processor back instead, with its interrupts.
    private const int MaxWalks = 64;

    private const ulong LinkRights = PageEntry.Writable | PageEntry.User | PageEntry.NoExecute;

    private readonly bool _isStrict = tables.Options.Strict;
    private readonly int _prefault = tables.Options.Prefault;
    private readonly bool _marksUpperLevels = !tables.HasSwitcher;
    private readonly bool _isNotified = tables.IsNotified;

    /// <summary>Handles a fault outside the Switcher's range.</summary>
    public FaultOutcome Handle<TMode>(ShadowCpu cpu, Gva address, PageAccess access)
        where TMode : struct, IGuestMode
    {
        uint reclaims = reclaimer.Reclaims;
        for (int walk = 0; walk < MaxWalks; walk++)
        {
            if (TryHandle<TMode>(cpu, address, access, out FaultOutcome outcome))
            {
                return outcome;
            }

            tables.Statistics.Retries++;
        }

        if (reclaimer.Reclaims != reclaims)
        {
            tables.Fate.Kill($"host memory is exhausted: the page at {address} could not be mapped after 0x{MaxWalks:x} tries");
        }

        return FaultOutcome.Mapped;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryHandle<TMode>(ShadowCpu cpu, Gva address, PageAccess access, out FaultOutcome outcome)
        where TMode : struct, IGuestMode
    {
        reclaimer.Reserve(TFormat.Levels - 1);
        uint reclaims = reclaimer.Reclaims;
        PagingControls controls = cpu.Controls;

        // 1. Walk the guest's tables.
        GuestPath path = default;
        bool writable = true, user = true, executable = true;
        ulong table = TMode.IsLinear ? 0 : cpu.Directory.Value;
        int leafLevel;
        for (int level = TFormat.Levels; ; level--)
        {
            ulong entry = TMode.IsLinear
                ? Invent(level, address.Value)
                : guest.Read(cpu, table, level, Paging<TFormat>.IndexOf(address.Value, level));
            if ((entry & PageEntry.Present) == 0)
            {
                outcome = GuestFault(access, controls, PageFaultCode.None);
                return true;
            }

            if ((entry & TFormat.ReservedBits(entry, level, controls)) != 0)
            {
                outcome = GuestFault(access, controls, PageFaultCode.Present | PageFaultCode.Reserved);
                return true;
            }

            if (TFormat.HasRights(level))
            {
                writable &= (entry & PageEntry.Writable) != 0;
                user &= (entry & PageEntry.User) != 0;
            }

            executable &= !TFormat.HasNoExecute(controls) || (entry & PageEntry.NoExecute) == 0;
            path[level] = entry;
            if (level == 1 || TFormat.IsLarge(entry, level, controls))
            {
                leafLevel = level;
                break;
            }

            table = entry & TFormat.AddressMask;
        }

        // 2. Rights over the whole path.
        bool overrides = !writable && !access.IsUser && (controls & PagingControls.WriteProtect) == 0;
        if ((access.IsWrite && !writable && !overrides) || (access.IsUser && !user) || (access.IsFetch && !executable))
        {
            outcome = GuestFault(access, controls, PageFaultCode.Present);
            return true;
        }

        // 3. The page number, at full width; a device window wins over memory.
        Gpa target = new(GuestTables<TFormat>.PageAddress(path[leafLevel], leafLevel, address.Value) | address.PageOffset);
        Gfn page = target.Page;
        if (!tables.Memory.Contains(page) || (tables.Memory.Page(page).Flags & GuestPageState.Device) != 0)
        {
            outcome = OutsideMemory(target);
            return true;
        }

        // 4. Strict mode.
        if (_isStrict && !TMode.IsLinear)
        {
            CheckStrict(ref path, leafLevel);
        }

        // 5. The frame: before anything is written, so that a failure leaves no trace.
        PageStatus status = tables.Memory.Bring(page, access.IsWrite, out _);
        if (status != PageStatus.Ok)
        {
            return Failed(status, target, out outcome);
        }

        // 6. Accessed and dirty.
        ulong marks = access.IsWrite ? PageEntry.Accessed | PageEntry.Dirty : PageEntry.Accessed;
        if (!TMode.IsLinear && ((path[leafLevel] & marks) != marks || _marksUpperLevels) && !TryMark(cpu, ref path, table, leafLevel, address.Value, access.IsWrite))
        {
            outcome = default;
            return false;
        }

        if (reclaimer.Reclaims != reclaims)
        {
            outcome = default;
            return false;
        }

        // 7. The shadow path, and the leaf.
        int number = cpu.RootTable;
        TableKey role = TMode.IsLinear ? TableKey.Linear : cpu.Role;
        PathRights rightsAbove = PathRights.All;
        for (int level = TFormat.Levels; level > 1; level--)
        {
            ulong entry = path[level];
            int index = Paging<TFormat>.IndexOf(address.Value, level);
            ref ShadowTable upper = ref tables.Table[number];
            ulong link = ShadowTables<TFormat>.EntryOf(ref upper, index);
            int child = tables.ChildOf(link);
            bool plain = !TMode.IsLinear && level > leafLevel && !role.IsWriteProtectOff && !(level == 3 && index == tables.SwitcherTop);
            if (!plain
                || ShadowTables<TFormat>.RememberedOf(ref upper, index) != entry
                || tables.Table[child].Key != role.At(entry & TFormat.AddressMask, level - 1))
            {
                child = Follow<TMode>(cpu, number, level, leafLevel, address.Value, entry, role, ref rightsAbove);
            }

            if (!_isNotified)
            {
                tables.Watch.NoteWalk(upper.Key);
            }

            number = child;
        }

        if (tables.Watch.HasBegun)
        {
            // A table of this path was not watched when its entries were read: read them again.
            tables.Watch.FinishBegun();
            outcome = default;
            return false;
        }

        outcome = Map(number, address, access, target, path[TMode.IsLinear ? 1 : leafLevel], overrides);
        return true;
    }

    // The child that a guest entry asks for, in the cases that are not plain, or where the link is not what it should be.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Follow<TMode>(ShadowCpu cpu, int parent, int level, int leafLevel, uint address, ulong entry, TableKey role, ref PathRights above)
        where TMode : struct, IGuestMode
    {
        bool large = !TMode.IsLinear && level <= leafLevel;
        ulong inside = (1UL << Paging<TFormat>.ShiftOf(level)) - 1;
        TableKey key;
        ulong rights;
        if (TMode.IsLinear)
        {
            key = role.At(address & ~inside, level - 1);
            rights = PageEntry.Writable | PageEntry.User;
        }
        else
        {
            key = role.At(entry & TFormat.AddressMask & ~(large ? inside : 0), level - 1);
            key = large ? key.Direct() : key;
            rights = entry & (PageEntry.Writable | PageEntry.User | (TFormat.HasNoExecute(cpu.Controls) ? PageEntry.NoExecute : 0));
            if (large && (entry & PageEntry.Dirty) == 0)
            {
                rights &= ~PageEntry.Writable;
            }

            if (role.IsWriteProtectOff)
            {
                // With WP off the leaf holds the rights of the whole path, and the links let everything through.
                if (TFormat.HasRights(level))
                {
                    above = new PathRights(above.Writable && (rights & PageEntry.Writable) != 0, above.User && (rights & PageEntry.User) != 0);
                }

                key = level == 2 ? key.WithPath(above.Writable, above.User) : key;
                rights |= PageEntry.Writable | PageEntry.User;
            }
        }

        int index = Paging<TFormat>.IndexOf(address, level);
        if (level == 3 && index == tables.SwitcherTop)
        {
            key = key.PrivateTo(cpu.Number);
        }

        rights = TFormat.HasRights(level) ? rights : 0;
        ref ShadowTable upper = ref tables.Table[parent];
        ulong link = ShadowTables<TFormat>.EntryOf(ref upper, index);
        int child = tables.ChildOf(link);
        return link != 0
            && ShadowTables<TFormat>.RememberedOf(ref upper, index) == entry
            && tables.Table[child].Key == key
            && (link & LinkRights) == rights
            ? child
            : Link(parent, index, entry, key, rights);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FaultOutcome Map(int number, Gva address, PageAccess access, Gpa target, ulong guestEntry, bool overrides)
    {
        Gfn page = target.Page;
        int index = Paging<TFormat>.IndexOf(address.Value, 1);
        ref ShadowTable leafTable = ref tables.Table[number];
        leafTable.Flags |= TableFlags.Referenced;
        if (!_isNotified)
        {
            tables.Watch.NoteWalk(leafTable.Key);
        }

        GuestPage state = tables.Memory.Page(page);
        ulong rights = leaves.RightsOf(leafTable.Key, guestEntry, state);
        bool watched = (state.Flags & GuestPageState.Watched) != 0;
        if (overrides && access.IsWrite && !watched)
        {
            // WP off: the supervisor may write here and the user may not come; the shadows run with WP on.
            rights = (rights & PageEntry.NoExecute) | PageEntry.Writable;
        }

        ulong old = ShadowTables<TFormat>.EntryOf(ref leafTable, index);
        if (old == 0)
        {
            tables.SetLeaf(number, index, page, state.Frame, guestEntry, rights);
            tables.Statistics.LeavesMapped++;
        }
        else if (ShadowTables<TFormat>.PageOf(ref leafTable, index) == page.Value)
        {
            tables.ChangeLeaf(number, index, guestEntry, rights);
            tables.Statistics.LeavesUpgraded++;
        }
        else
        {
            tables.ReleaseLeaf(number, index);
            tables.SetLeaf(number, index, page, state.Frame, guestEntry, rights);
            tables.Statistics.LeavesMapped++;
        }

        if (_prefault > 1)
        {
            leaves.Prefault(number, index, _prefault);
        }

        return watched && access.IsWrite ? FaultOutcome.Watched(target) : FaultOutcome.Mapped;
    }

    // Finds or makes the child that the guest's entry asks for and links it; an older link goes first.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Link(int parent, int index, ulong guestEntry, TableKey key, ulong rights)
    {
        ref ShadowTable upper = ref tables.Table[parent];
        int child = tables.Find(key);
        bool known = child != 0;
        if (known)
        {
            // It must outlive the old link, which may be its own last one.
            tables.Table[child].InUse++;
        }

        if (ShadowTables<TFormat>.EntryOf(ref upper, index) != 0)
        {
            tables.Detach(parent, index);
        }

        if (known)
        {
            // No stale entry may come in by this door.
            tables.Table[child].InUse--;
            tables.Statistics.TablesShared++;
            comparison.BeginRound();
            comparison.CompareTree(child, 0, Invalidation.WholeSpace);
        }
        else
        {
            child = tables.Make(key, TableFlags.None);
        }

        tables.Attach(parent, index, child, guestEntry, rights);
        if (!known && key.Level == 2 && key.Cpu >= 0)
        {
            tables.Attach(child, Paging<TFormat>.IndexOf((uint)tables.SwitcherAddress, 2), tables.SwitcherLeaf[key.Cpu], 0, PageEntry.Writable);
        }

        return child;
    }

    // Sets A (and D) by compare-and-exchange with what was read. False: another value stands there now, or memory was reclaimed.
    private bool TryMark(ShadowCpu cpu, ref GuestPath path, ulong leafTable, int leafLevel, uint address, bool write)
    {
        if (!tables.HasSwitcher)
        {
            ulong table = cpu.Directory.Value;
            for (int level = TFormat.Levels; level > leafLevel; level--)
            {
                ulong upper = path[level];
                if (TFormat.HasRights(level) && (upper & PageEntry.Accessed) == 0)
                {
                    ulong place = table + (ulong)(Paging<TFormat>.IndexOf(address, level) * TFormat.EntrySize);
                    if (!TryReplace(new Gpa(place), upper, upper | PageEntry.Accessed))
                    {
                        return false;
                    }

                    path[level] = upper | PageEntry.Accessed;
                }

                table = upper & TFormat.AddressMask;
            }
        }

        ulong leaf = path[leafLevel];
        ulong marked = leaf | PageEntry.Accessed | (write ? PageEntry.Dirty : 0);
        if (marked != leaf)
        {
            ulong place = leafTable + (ulong)(Paging<TFormat>.IndexOf(address, leafLevel) * TFormat.EntrySize);
            if (!TryReplace(new Gpa(place), leaf, marked))
            {
                return false;
            }

            path[leafLevel] = marked;
        }

        return StillHolds(cpu, ref path, leafLevel, address);
    }

    // In a table that maps itself the marked word may be an upper entry of the same path: then the walk begins again.
    private bool StillHolds(ShadowCpu cpu, ref GuestPath path, int leafLevel, uint address)
    {
        ulong table = cpu.Directory.Value;
        for (int level = TFormat.Levels; level > leafLevel; level--)
        {
            if (guest.Read(cpu, table, level, Paging<TFormat>.IndexOf(address, level)) != path[level])
            {
                return false;
            }

            table = path[level] & TFormat.AddressMask;
        }

        return true;
    }

    private bool TryReplace(Gpa place, ulong old, ulong marked)
    {
        switch (tables.Memory.CompareExchange(place, TFormat.EntrySize, old, marked))
        {
            case PageStatus.Ok:
                tables.PatchRemembered(place, old, marked);
                return true;
            case PageStatus.Changed:
                return false;
            case PageStatus.OutOfMemory when reclaimer.TryMakeRoom():
                return false;
            case PageStatus.OutOfMemory:
                tables.Fate.Kill($"host memory is exhausted: no frame to copy the shared page table at {place} into");
                return false;
            default:
                tables.Fate.Kill($"the page table at {place} cannot be written: its accessed and dirty bits cannot be kept");
                return false;
        }
    }

    private bool Failed(PageStatus status, Gpa target, out FaultOutcome outcome)
    {
        outcome = default;
        switch (status)
        {
            case PageStatus.OutOfMemory when reclaimer.TryMakeRoom():
                return false;
            case PageStatus.OutOfMemory:
                tables.Fate.Kill($"host memory is exhausted: no frame for the guest page at {target.Page.Address}");
                break;
            case PageStatus.ReadOnly or PageStatus.Hole when !tables.HasSwitcher:
                outcome = FaultOutcome.Device(target);
                break;
            case PageStatus.ReadOnly:
                tables.Fate.Kill($"the guest page at {target.Page.Address} can only be read");
                break;
            case PageStatus.Hole:
                tables.Fate.Kill($"there is no memory behind the guest page at {target.Page.Address}");
                break;
            default:
                tables.Fate.Kill($"the guest page at {target.Page.Address} cannot be read back from the page store");
                break;
        }

        return true;
    }

    private FaultOutcome OutsideMemory(Gpa target)
    {
        if (tables.HasSwitcher && !tables.IsDevice(target))
        {
            tables.Fate.Kill($"page number {target.Page} lies outside guest memory of 0x{tables.Memory.PageCount:x} pages");
        }

        return FaultOutcome.Device(target);
    }

    private static FaultOutcome GuestFault(PageAccess access, PagingControls controls, PageFaultCode found)
    {
        PageFaultCode code = access.Code | found;
        return FaultOutcome.Fault(TFormat.HasNoExecute(controls) ? code : code & ~PageFaultCode.Fetch);
    }

    private void CheckStrict(ref GuestPath path, int leafLevel)
    {
        for (int level = TFormat.Levels; level >= leafLevel; level--)
        {
            if ((path[level] & ~TFormat.StrictFlags(level) & ~TFormat.AddressMask) != 0)
            {
                tables.Fate.Kill($"the level {level} entry 0x{path[level]:x} has flags that strict mode forbids");
            }
        }
    }

    private ulong Invent(int level, uint address)
    {
        ulong page = address & ~((1UL << Paging<TFormat>.ShiftOf(level)) - 1);
        ulong entry = page | PageEntry.Present;
        if (TFormat.HasRights(level))
        {
            entry |= PageEntry.Writable | PageEntry.Accessed | PageEntry.Dirty;
            entry |= level > 1 || !tables.HasSwitcher ? PageEntry.User : 0;
        }

        return level > 1 ? entry & ~PageEntry.Dirty : entry;
    }

    /// <summary>What the levels above a leaf table let through.</summary>
    private readonly record struct PathRights(bool Writable, bool User)
    {
        public static PathRights All => new(true, true);
    }

    /// <summary>The entries of one walk, by level.</summary>
    [InlineArray(5)]
    private struct GuestPath
    {
        private ulong _first;
    }
}
