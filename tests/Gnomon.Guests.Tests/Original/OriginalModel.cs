using Gnomon.Memory;
using Gnomon.Paging;
using static Gnomon.Guests.Tests.Original.GuestView;

namespace Gnomon.Guests.Tests.Original;

/// <summary>
/// The original's algorithm, told request by request in the plainest way: four page directories, a victim by chance, a fault fills one
/// entry, a flush throws away. It is fed with what the monitor asks of the engine, walks the guest's tables itself, and says what the
/// shadow tables must come to, which faults were not the guest's doing, and how many entries the original's loops would have visited.
/// </summary>
/// <remarks>
/// Five of Gnomon's departures hold under the classic policies too, so the model has them: a guest table that several address spaces
/// share has one shadow; free slots go before occupied ones, and a victim gives everything back, not only its user half; a fault on a page that is mapped already changes the leaf in place; an announced entry whose page has no frame
/// yet stays empty; and an entry becomes a leaf only with its accessed bit set.
/// </remarks>
internal sealed class OriginalModel
{
    private const int Slots = 4;

    private readonly GuestView _guest;
    private readonly ModelTables _tables;
    private readonly ModelTable?[] _slots = new ModelTable?[Slots];
    private readonly Random _chance;
    private readonly Mapped _mapped;
    private ModelTable _root;
    private bool _isLinear = true;
    private uint _kernel = 0xC000_0000;
    private uint[] _stack = [];

    public OriginalModel(GuestMemory memory, bool pae, int seed)
    {
        _guest = new GuestView(memory, pae);
        _tables = new ModelTables(_guest, Counts);
        _mapped = new Mapped(_guest);
        _chance = new Random(seed);
        _root = _tables.Make(new TableName(0, _guest.Levels, true, false));
        _root.Parents = 1;
        _slots[0] = _root;
        Counts.TablesMade = 0;
    }

    public ModelCounts Counts { get; } = new();

    /// <summary>Entries that the original's loops would have visited.</summary>
    public long Scanned { get; private set; }

    /// <summary>Faults that were not the guest's doing.</summary>
    public long Refaults { get; private set; }

    public FaultKindOfModel Fault(uint address, PageFaultCode code)
    {
        bool write = (code & PageFaultCode.Write) != 0;
        FaultKindOfModel kind = Access(address, write, (code & PageFaultCode.User) != 0, out bool wasRefault);
        Counts.Fixed += kind == FaultKindOfModel.Mapped ? 1 : 0;
        Counts.GuestFaults += kind == FaultKindOfModel.Guest ? 1 : 0;
        Counts.DeviceFaults += kind == FaultKindOfModel.Device ? 1 : 0;
        Refaults += wasRefault ? 1 : 0;
        Finish();
        return kind;
    }

    public void SetStack(uint top, int pages)
    {
        _stack = [.. Enumerable.Range(0, pages).Select(page => top - 1 - (4096 * (uint)page))];
        Finish();
    }

    public void SetPte(Gpa directory, uint address, ulong entry)
    {
        if (_isLinear)
        {
            _guest.EndRequest();
            return;
        }

        ulong top = _guest.TopOf(directory);
        Path path = _guest.Walk(top, address);
        ulong table = path.Tables[1];
        int index = _guest.Index(address, 1);
        bool converted = false;
        if (table != 0 && _tables.Find(new TableName(table, 1, false, false)) is { } shadow)
        {
            converted = Convert(shadow, index, entry);
        }

        if (address >= _kernel)
        {
            foreach (ModelTable root in _slots.OfType<ModelTable>())
            {
                if (_tables.LeafTable(root, address) is { } other && other.Name.Address != table)
                {
                    _tables.DropLeaf(other, index);
                }
            }
        }

        _mapped.Announced(top, address, address >= _kernel);
        if (converted)
        {
            _mapped.Remember(top, address, path with { Entries = [0, entry, path.Entries[2], path.Entries[3]] });
        }

        _guest.EndRequest();
    }

    public void SetPgd(Gpa directory, int index)
    {
        if (_isLinear)
        {
            return;
        }

        ulong top = _guest.TopOf(directory);
        bool isKernel = index >= _guest.Index(_kernel, _guest.Levels);
        if (_slots.OfType<ModelTable>().FirstOrDefault(root => root.Name.Address == top) is { } named)
        {
            Scanned += 1 + Below(named, index);
            _tables.Unlink(named, index);
        }

        foreach (ModelTable root in isKernel ? _slots.OfType<ModelTable>() : [])
        {
            if (root.Children.TryGetValue(index, out (ModelTable, ulong Entry) link) && _guest.Read(root.Name.Address, index) != link.Entry)
            {
                _tables.Unlink(root, index);
            }
        }

        _mapped.TopAnnounced(top, index, isKernel);
        Finish();
    }

    public void SetPmd(Gpa table, int index)
    {
        if (_isLinear)
        {
            return;
        }

        ScanAll();
        foreach (ModelTable middle in _tables.Of(AddressOf(table.Value), 2))
        {
            _tables.Unlink(middle, index);
        }

        _mapped.MiddleAnnounced(AddressOf(table.Value), index);
        ThrowAllAway();
        Finish();
    }

    public void Load(Gpa directory)
    {
        Counts.Loads++;
        ulong top = _guest.TopOf(directory);
        if (_slots.FirstOrDefault(root => root is not null && !root.Name.IsLinear && root.Name.Address == top) is { } known)
        {
            _root = known;
            return;
        }

        if (_isLinear)
        {
            _isLinear = false;
            _tables.Leave(_root);
            _slots[0] = null;
        }

        int slot = Array.IndexOf(_slots, null);
        if (slot < 0)
        {
            slot = _chance.Next(Slots);
            Counts.Replaced++;
            Scanned += UserHalf(_slots[slot]!);
            _tables.Leave(_slots[slot]!);
        }

        _root = _tables.Make(new TableName(top, _guest.Levels, false, false));
        _root.Parents = 1;
        _slots[slot] = _root;
        Finish();
    }

    public void FlushUser()
    {
        if (!_isLinear)
        {
            Scanned += UserHalf(_root);
        }

        foreach (int index in _root.Children.Keys.Where(index => index < _guest.Index(_kernel, _guest.Levels)).ToArray())
        {
            _tables.Unlink(_root, index);
        }

        Finish();
    }

    public void ClearAll()
    {
        if (!_isLinear)
        {
            ScanAll();
        }

        ThrowAllAway();
        Finish();
    }

    public void SetKernelAddress(uint address)
    {
        Assert.Equal(0u, address & 0x3FFF_FFFF);
        _kernel = address;
        ThrowAllAway();
        Finish();
    }

    /// <summary>The request is over: a stack that is missing in the current address space is pinned again.</summary>
    public void Finish()
    {
        _guest.EndRequest();
        foreach (uint page in _stack)
        {
            Pin(page);
        }
    }

    /// <summary>A page is mapped for writing by the guest kernel, or found to be so.</summary>
    public void Pin(uint address)
    {
        if (!IsWritable(address))
        {
            Assert.Equal(FaultKindOfModel.Mapped, Access(address, true, false, out _, isPin: true));
            _guest.EndRequest();
        }
    }

    private FaultKindOfModel Access(uint address, bool write, bool user, out bool wasRefault, bool isPin = false)
    {
        wasRefault = false;
        Path path = _isLinear ? _guest.Linear(address) : _guest.Walk(_root.Name.Address, address);
        if (address >= _guest.Switcher || !path.Complete)
        {
            return FaultKindOfModel.Guest;
        }

        for (int level = _guest.Levels; level > 0; level--)
        {
            ulong entry = path.Entries[level];
            if (_guest.HasRights(level) && ((write && (entry & W) == 0) || (user && (entry & U) == 0)))
            {
                return FaultKindOfModel.Guest;
            }
        }

        if (!_guest.IsMemory(AddressOf(path.Leaf)))
        {
            return FaultKindOfModel.Device;
        }

        ulong marked = path.Leaf | A | (write ? D : 0);
        if (!_isLinear)
        {
            wasRefault = !isPin && _mapped.Has(_root.Name.Address, address, path, write);
            int index = _guest.Index(address, 1);
            foreach (ModelTable table in _tables.Of(path.Tables[1], 1).Where(table => table.Leaves.GetValueOrDefault(index) == path.Leaf))
            {
                table.Leaves[index] = marked;
            }

            _guest.Mark(path.Tables[1], index, marked);
            if (!isPin)
            {
                _mapped.Remember(_root.Name.Address, address, path with { Entries = [0, marked, path.Entries[2], path.Entries[3]] });
            }
        }

        Put(address, path, marked);
        return FaultKindOfModel.Mapped;
    }

    private void Put(uint address, Path path, ulong leaf)
    {
        ModelTable table = _root;
        for (int level = _guest.Levels; level > 1; level--)
        {
            int index = _guest.Index(address, level);
            ulong entry = path.Entries[level];
            bool onSwitcherPath = level == 3 && index == _guest.Index(_guest.Switcher, 3);
            TableName name = new(path.Tables[level - 1], level - 1, _isLinear, onSwitcherPath);
            if (!table.Children.TryGetValue(index, out (ModelTable Child, ulong Entry) link) || link.Entry != entry || link.Child.Name != name)
            {
                Relink(table, index, name, entry);
            }

            table = table.Children[index].Child;
        }

        int last = _guest.Index(address, 1);
        if (table.Leaves.TryGetValue(last, out ulong old) && AddressOf(old) == AddressOf(leaf))
        {
            Counts.Upgraded++;
        }
        else
        {
            _tables.DropLeaf(table, last);
            Counts.Mapped++;
        }

        table.Leaves[last] = leaf;
    }

    private void Relink(ModelTable parent, int index, TableName name, ulong entry)
    {
        ModelTable? child = _tables.Find(name);
        if (child is not null)
        {
            // The old link may be its last one.
            child.Parents++;
        }

        _tables.Unlink(parent, index);
        if (child is not null)
        {
            _tables.DropWhatIsStale(child);
            child.Parents--;
        }

        _tables.Link(parent, index, child ?? _tables.Make(name), entry);
    }

    private bool Convert(ModelTable table, int index, ulong entry)
    {
        if ((entry & (P | A)) != (P | A) || !_guest.IsBacked(AddressOf(entry)))
        {
            _tables.DropLeaf(table, index);
            return false;
        }

        Counts.Converted++;
        if (table.Leaves.TryGetValue(index, out ulong old) && AddressOf(old) != AddressOf(entry))
        {
            _tables.DropLeaf(table, index);
        }

        table.Leaves[index] = entry;
        return true;
    }

    private bool IsWritable(uint address)
    {
        ModelTable table = _root;
        for (int level = _guest.Levels; level > 1; level--)
        {
            if (!table.Children.TryGetValue(_guest.Index(address, level), out (ModelTable Child, ulong Entry) link)
                || (_guest.HasRights(level) && (link.Entry & W) == 0))
            {
                return false;
            }

            table = link.Child;
        }

        return (table.Leaves.GetValueOrDefault(_guest.Index(address, 1)) & (W | D)) == (W | D);
    }

    private void ThrowAllAway()
    {
        foreach (ModelTable root in _slots.OfType<ModelTable>())
        {
            _tables.UnlinkAll(root);
        }
    }

    private void ScanAll() => Scanned += _slots.OfType<ModelTable>().Sum(root => Whole(root, _guest.Tops));

    private long UserHalf(ModelTable root) => Whole(root, _guest.Index(_kernel, _guest.Levels));

    private long Whole(ModelTable root, int tops) => tops + Enumerable.Range(0, tops).Sum(index => Below(root, index));

    // Every entry of every table below a top-level entry. What only the Switcher needs is not counted.
    private long Below(ModelTable root, int index)
    {
        if (!root.Children.TryGetValue(index, out (ModelTable Child, ulong) link))
        {
            return 0;
        }

        bool onlySwitcher = link.Child.Name.IsOnSwitcherPath && link.Child.Children.Count == 0;
        return onlySwitcher ? 0 : _guest.Entries * (1L + link.Child.Children.Count);
    }
}

/// <summary>Whose matter a fault is.</summary>
internal enum FaultKindOfModel
{
    Mapped,
    Guest,
    Device,
}
