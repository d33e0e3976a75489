using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Recording;

/// <summary>What a recorded trace has said so far about the guest's page tables; writes what has changed since.</summary>
/// <remarks>
/// Of a guest that announces its changes, the entries are said that a request depends on. Of one whose tables are watched, a page of
/// tables is said whole, before its watch begins: a line for an entry that was there all along would be a store, of which the shadows
/// hear once they watch. While a page is watched its stores are lines of their own, and nothing else is to be said of it.
/// </remarks>
/// <param name="memory">The guest's memory.</param>
/// <param name="shape">The format.</param>
/// <param name="isWatched">Whether the guest's tables are watched, always or at times.</param>
/// <param name="write">Takes the lines.</param>
internal sealed class RecordedTables(GuestMemory memory, FormatShape shape, bool isWatched, Action<TraceOperation> write)
{
    private readonly SortedDictionary<ulong, ulong> _known = [];
    private readonly SortedDictionary<ulong, byte[]> _pages = [];

    /// <summary>Says what has changed in the entries on the way to an address, and in the leaf entries around it.</summary>
    /// <param name="directory">The top-level table.</param>
    /// <param name="address">The address.</param>
    /// <param name="window">Leaf entries in the aligned group around it.</param>
    public void SayPath(Gpa directory, Gva address, int window) => Walk(directory, address, window, place =>
    {
        if (isWatched && !IsPointer(directory, place))
        {
            SayPage(place.Page);
        }
        else
        {
            Say(place);
        }
    });

    /// <summary>Takes note of the bits that the host has set on the way to an address.</summary>
    public void LearnPath(Gpa directory, Gva address) => Walk(directory, address, 1, place =>
    {
        if (_known.ContainsKey(place.Value) || _pages.ContainsKey(place.Page.Value))
        {
            Learn(place);
        }
    });

    /// <summary>Takes note of what a store has written, which was said.</summary>
    public void LearnStore(Gpa address, int length)
    {
        ulong entry = (ulong)shape.EntryBytes;
        for (ulong place = address.Value & ~(entry - 1); place < address.Value + (ulong)length; place += entry)
        {
            Learn(new Gpa(place));
        }
    }

    /// <summary>Says what has changed in one entry of a table.</summary>
    public void SayEntry(Gpa table, uint index) => Say(new Gpa(table.Value + ((ulong)index * (ulong)shape.EntryBytes)));

    /// <summary>Says what has changed in a top-level table.</summary>
    public void SayTop(Gpa directory)
    {
        for (uint index = 0; index < shape.TopEntries; index++)
        {
            SayEntry(Aligned(directory), index);
        }
    }

    /// <summary>Says what has changed in every entry, and every page, that was said before.</summary>
    public void SayAll()
    {
        foreach (ulong page in _pages.Keys.ToArray())
        {
            SayPage(new Gfn(page));
        }

        foreach (ulong place in _known.Keys.ToArray())
        {
            Say(new Gpa(place));
        }
    }

    private static Gpa Aligned(Gpa table, ulong alignment) => new(table.Value & ~(alignment - 1));

    private Gpa Aligned(Gpa directory) => Aligned(directory, (ulong)shape.TopEntries * (ulong)shape.EntryBytes);

    private void Walk(Gpa directory, Gva address, int window, Action<Gpa> visit)
    {
        Gpa table = Aligned(directory);
        for (int level = shape.Levels; level > 1; level--)
        {
            Gpa place = new(table.Value + (ulong)(shape.IndexOf(address.Value, level) * shape.EntryBytes));
            visit(place);
            ulong entry = Read(place);
            if ((entry & PageEntry.Present) == 0 || (level == 2 && (entry & PageEntry.LargePage) != 0))
            {
                return;
            }

            table = new Gpa(entry & PageEntry.AddressMask);
        }

        int index = shape.IndexOf(address.Value, 1);
        int first = index - (index % window);
        for (int i = first; i < Math.Min(first + window, shape.TableEntries); i++)
        {
            visit(new Gpa(table.Value + (ulong)(i * shape.EntryBytes)));
        }
    }

    // The four pointers of PAE fill no page, and are read only when the guest loads them.
    private bool IsPointer(Gpa directory, Gpa place) =>
        shape.TopEntries < shape.TableEntries && place.Value - Aligned(directory).Value < (ulong)(shape.TopEntries * shape.EntryBytes);

    private void SayPage(Gfn page)
    {
        if (!memory.Contains(page) || (_pages.ContainsKey(page.Value) && (memory.Page(page).Flags & GuestPageState.Watched) != 0))
        {
            return;
        }

        if (!_pages.TryGetValue(page.Value, out byte[]? said))
        {
            _pages[page.Value] = said = new byte[PageSize.Bytes];
        }

        Span<byte> now = stackalloc byte[PageSize.Bytes];
        now.Clear();
        Look(new Gpa(page.Value << PageSize.Shift), now);
        if (now.SequenceEqual(said))
        {
            return;
        }

        for (int at = 0; at < now.Length; at += shape.EntryBytes)
        {
            ulong entry = ReadEntry(now[at..]);
            if (entry != ReadEntry(said.AsSpan(at)))
            {
                write(new TraceOperation.Poke(new Gpa((page.Value << PageSize.Shift) + (uint)at), entry));
            }
        }

        now.CopyTo(said);
    }

    private void Learn(Gpa place)
    {
        if (_pages.TryGetValue(place.Page.Value, out byte[]? said))
        {
            Look(place, said.AsSpan((int)place.PageOffset, shape.EntryBytes));
        }
        else
        {
            _known[place.Value] = Read(place);
        }
    }

    private void Say(Gpa place)
    {
        if (!memory.Contains(place.Page) || _pages.ContainsKey(place.Page.Value))
        {
            SayPage(place.Page);
            return;
        }

        ulong now = Read(place);
        if (now != _known.GetValueOrDefault(place.Value))
        {
            write(new TraceOperation.Poke(place, now));
        }

        if (now != 0 || _known.ContainsKey(place.Value))
        {
            _known[place.Value] = now;
        }
    }

    private ulong Read(Gpa place)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Look(place, bytes[..shape.EntryBytes]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private ulong ReadEntry(ReadOnlySpan<byte> bytes) =>
        shape.EntryBytes == sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    // Looking brings nothing back.
    private void Look(Gpa place, Span<byte> bytes)
    {
        if (!memory.Contains(place.Page) || (memory.Page(place.Page).Flags & GuestPageState.Stored) == 0)
        {
            memory.Read(place, bytes);
            return;
        }

        Span<byte> stored = stackalloc byte[PageSize.Bytes];
        if (memory.TryLookAtStored(place.Page, stored))
        {
            stored.Slice((int)place.PageOffset, bytes.Length).CopyTo(bytes);
        }
    }
}
