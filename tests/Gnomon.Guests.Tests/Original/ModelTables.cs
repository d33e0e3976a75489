namespace Gnomon.Guests.Tests.Original;

/// <summary>The model's shadow tables and their links. A table goes with its last link.</summary>
internal sealed class ModelTables(GuestView guest, ModelCounts counts)
{
    private readonly Dictionary<TableName, ModelTable> _all = [];

    public ModelTable? Find(TableName name) => _all.GetValueOrDefault(name);

    public IEnumerable<ModelTable> Of(ulong address, int level) =>
        _all.Values.Where(table => table.Name.Address == address && table.Name.Level == level && !table.Name.IsLinear).ToArray();

    public ModelTable Make(TableName name)
    {
        counts.TablesMade++;
        return _all[name] = new ModelTable(name);
    }

    public void Link(ModelTable parent, int index, ModelTable child, ulong entry)
    {
        child.Parents++;
        parent.Children[index] = (child, entry);
    }

    public void Unlink(ModelTable parent, int index)
    {
        if (parent.Children.Remove(index, out (ModelTable Child, ulong Entry) link))
        {
            Leave(link.Child);
        }
    }

    /// <summary>One link less.</summary>
    public void Leave(ModelTable table)
    {
        if (--table.Parents > 0)
        {
            return;
        }

        counts.Released += table.Leaves.Count;
        table.Leaves.Clear();
        foreach (int index in table.Children.Keys.ToArray())
        {
            Unlink(table, index);
        }

        _all.Remove(table.Name);
        counts.TablesReleased++;
    }

    public void UnlinkAll(ModelTable table)
    {
        foreach (int index in table.Children.Keys.ToArray())
        {
            Unlink(table, index);
        }
    }

    public void DropLeaf(ModelTable table, int index) => counts.Released += table.Leaves.Remove(index) ? 1 : 0;

    /// <summary>The leaf table that maps an address below a root.</summary>
    public ModelTable? LeafTable(ModelTable root, uint address)
    {
        ModelTable table = root;
        for (int level = guest.Levels; level > 1; level--)
        {
            if (!table.Children.TryGetValue(guest.Index(address, level), out (ModelTable Child, ulong) link))
            {
                return null;
            }

            table = link.Child;
        }

        return table;
    }

    /// <summary>A table that is found again is linked only with what is still true.</summary>
    public void DropWhatIsStale(ModelTable table)
    {
        if (table.Name.IsLinear)
        {
            return;
        }

        foreach (int index in table.Leaves.Where(leaf => guest.Read(table.Name.Address, leaf.Key) != leaf.Value).Select(leaf => leaf.Key).ToArray())
        {
            DropLeaf(table, index);
        }

        foreach ((int index, (ModelTable child, ulong entry)) in table.Children.ToArray())
        {
            if (guest.Read(table.Name.Address, index) != entry)
            {
                Unlink(table, index);
            }
            else
            {
                DropWhatIsStale(child);
            }
        }
    }
}
