namespace Gnomon.Shadow.Tests.Audit;

/// <summary>The inside of an engine, whatever its format: what the auditor's tests spoil. Each change is undone by a second call.</summary>
internal interface IEngineRoom
{
    /// <summary>The table of a level on the current path of an address.</summary>
    int TableOf(uint address, int level);

    /// <summary>Flips bits of a shadow entry.</summary>
    void FlipShadow(uint address, int level, ulong bits);

    /// <summary>Flips bits of what is remembered for a shadow entry.</summary>
    void FlipRemembered(uint address, int level, ulong bits);

    /// <summary>Takes a leaf out of its page's reverse map, or puts it in.</summary>
    void ReverseMap(uint address, uint page, bool add);

    /// <summary>Takes a link out of the parents of the child below, or puts it in.</summary>
    void Parent(uint address, int level, bool add);

    /// <summary>Changes the count of live entries.</summary>
    void AddLive(uint address, int level, int delta);

    /// <summary>Flips the line of an entry in the set of lines that may hold live entries.</summary>
    void FlipLine(uint address, int level);

    /// <summary>Exchanges a table's key for another table's.</summary>
    void SwapKey(int table, ref ulong key);

    /// <summary>Changes the number of tables that depend on stores to a page.</summary>
    void AddWatchedTables(uint page, int delta);

    /// <summary>Changes how many virtual CPUs a root counts.</summary>
    void AddInUse(int table, int delta);

    /// <summary>Changes how many parents a table counts at its place.</summary>
    void AddHomeParents(int table, int delta);
}

/// <summary>The same for one format.</summary>
// SAFETY: tables and indices come from the engine's own current path; the engine outlives the call.
internal sealed unsafe class EngineRoom<TFormat>(IShadowMmu mmu) : IEngineRoom
    where TFormat : struct, IPagingFormat
{
    private readonly ShadowTables<TFormat> _tables = ((ShadowMmu<TFormat>)mmu).Tables;

    public int TableOf(uint address, int level)
    {
        int table = mmu.Cpu(0).RootTable;
        for (int above = TFormat.Levels; above > level; above--)
        {
            table = _tables.ChildOf(ShadowTables<TFormat>.EntryOf(ref _tables.Table[table], Paging<TFormat>.IndexOf(address, above)));
        }

        return table;
    }

    public void FlipShadow(uint address, int level, ulong bits) => Flip(_tables.Table[TableOf(address, level)].Entries, address, level, bits);

    public void FlipRemembered(uint address, int level, ulong bits) => Flip(_tables.Table[TableOf(address, level)].Remembered, address, level, bits);

    public void ReverseMap(uint address, uint page, bool add)
    {
        uint position = Position(address, 1);
        if (add)
        {
            _tables.Leaves.Add(ref _tables.Pages[page].Leaves, position);
        }
        else
        {
            _tables.Leaves.Remove(ref _tables.Pages[page].Leaves, position);
        }
    }

    public void Parent(uint address, int level, bool add)
    {
        ref uint parents = ref _tables.Table[TableOf(address, level - 1)].Parents;
        if (add)
        {
            _tables.Parents.Add(ref parents, Position(address, level));
        }
        else
        {
            _tables.Parents.Remove(ref parents, Position(address, level));
        }
    }

    public void AddLive(uint address, int level, int delta) => _tables.Table[TableOf(address, level)].Live += delta;

    public void FlipLine(uint address, int level) =>
        _tables.Table[TableOf(address, level)].Lines ^= ShadowTables<TFormat>.LineOf(Paging<TFormat>.IndexOf(address, level));

    public void SwapKey(int table, ref ulong key)
    {
        ulong old = _tables.Table[table].Key.Bits;
        _tables.Table[table].Key = new TableKey(key);
        key = old;
    }

    public void AddWatchedTables(uint page, int delta) => _tables.Pages[page].WatchedTables = (ushort)(_tables.Pages[page].WatchedTables + delta);

    public void AddInUse(int table, int delta) => _tables.Table[table].InUse += delta;

    public void AddHomeParents(int table, int delta) => _tables.Table[table].HomeParents += delta;

    private uint Position(uint address, int level) =>
        ShadowTables<TFormat>.PositionOf(TableOf(address, level), Paging<TFormat>.IndexOf(address, level));

    private static void Flip(byte* table, uint address, int level, ulong bits)
    {
        byte* place = table + (Paging<TFormat>.IndexOf(address, level) * TFormat.EntrySize);
        Entry<TFormat>.Write(place, Entry<TFormat>.Read(place) ^ bits);
    }
}
