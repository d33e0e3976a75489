using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Workloads;

/// <summary>The page tables of a generated guest: what it has written so far, and the lines that write more.</summary>
/// <param name="shape">The format.</param>
/// <param name="frames">Where tables come from.</param>
/// <param name="emit">Takes the lines.</param>
internal sealed class GuestTables(FormatShape shape, GuestFrames frames, Action<TraceOperation> emit)
{
    private const ulong TableFlags = PageEntry.Present | PageEntry.Writable | PageEntry.User | PageEntry.Accessed | PageEntry.Dirty;
    private readonly Dictionary<ulong, ulong> _entries = [];

    /// <summary>What the guest has written to an entry.</summary>
    public ulong Read(ulong place) => _entries.GetValueOrDefault(place);

    /// <summary>Writes an entry.</summary>
    public void Write(ulong place, ulong entry)
    {
        emit(new TraceOperation.Poke(new Gpa(place), entry));
        Note(place, entry);
    }

    /// <summary>What the host wrote to an entry: no line.</summary>
    public void Note(ulong place, ulong entry)
    {
        if (entry == 0)
        {
            _entries.Remove(place);
        }
        else
        {
            _entries[place] = entry;
        }
    }

    /// <summary>Takes a page for a table and clears what an earlier table left in it.</summary>
    public ulong NewTable()
    {
        ulong table = (ulong)frames.Take() << PageSize.Shift;
        for (int i = 0; i < PageSize.Bytes / shape.EntryBytes; i++)
        {
            ulong place = table + (ulong)(i * shape.EntryBytes);
            if (Read(place) != 0)
            {
                Write(place, 0);
            }
        }

        return table;
    }

    /// <summary>Where the entry of a level for an address stands, or null where an upper entry is missing.</summary>
    public ulong? Place(ulong directory, uint address, int level)
    {
        ulong table = directory;
        for (int at = shape.Levels; ; at--)
        {
            ulong place = table + (ulong)(shape.IndexOf(address, at) * shape.EntryBytes);
            if (at == level)
            {
                return place;
            }

            ulong entry = Read(place);
            if ((entry & PageEntry.Present) == 0)
            {
                return null;
            }

            table = entry & PageEntry.AddressMask;
        }
    }

    /// <summary>Where the leaf entry of an address stands; missing tables are made, linked and, if asked, announced.</summary>
    public ulong PlaceOrBuild(ulong directory, uint address, bool announce)
    {
        for (int level = shape.Levels; level > 1; level--)
        {
            ulong place = Place(directory, address, level)!.Value;
            if ((Read(place) & PageEntry.Present) == 0)
            {
                Link(directory, address, level, NewTable(), announce);
            }
        }

        return Place(directory, address, 1)!.Value;
    }

    /// <summary>Links a table (or nothing, 0) under an upper entry.</summary>
    public void Link(ulong directory, uint address, int level, ulong table, bool announce)
    {
        ulong place = Place(directory, address, level)!.Value;
        Write(place, table == 0 ? 0 : table | (level == 3 ? PageEntry.Present : TableFlags));
        if (announce)
        {
            uint index = (uint)shape.IndexOf(address, level);
            ulong parent = place - (index * (uint)shape.EntryBytes);
            emit(level == shape.Levels
                ? new TraceOperation.SetPgd(new Gpa(parent), index)
                : new TraceOperation.SetPmd(new Gpa(parent), index));
        }
    }
}
