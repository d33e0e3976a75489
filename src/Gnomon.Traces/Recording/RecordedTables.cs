using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Recording;

/// <summary>What a recorded trace has said so far about the guest's page tables; writes what has changed since.</summary>
/// <param name="memory">The guest's memory.</param>
/// <param name="shape">The format.</param>
/// <param name="write">Takes the lines.</param>
internal sealed class RecordedTables(GuestMemory memory, FormatShape shape, Action<TraceOperation> write)
{
    private readonly SortedDictionary<ulong, ulong> _known = [];

    /// <summary>Says what has changed in the entries on the way to an address, and in the leaf entries around it.</summary>
    /// <param name="directory">The top-level table.</param>
    /// <param name="address">The address.</param>
    /// <param name="window">Leaf entries in the aligned group around it.</param>
    public void SayPath(Gpa directory, Gva address, int window) => Walk(directory, address, window, Say);

    /// <summary>Takes note of the bits that the host has set on the way to an address.</summary>
    public void LearnPath(Gpa directory, Gva address) => Walk(directory, address, 1, place =>
    {
        if (_known.ContainsKey(place.Value))
        {
            _known[place.Value] = Read(place);
        }
    });

    /// <summary>Takes note of what a store has written, which was said.</summary>
    public void LearnStore(Gpa address, int length)
    {
        ulong entry = (ulong)shape.EntryBytes;
        for (ulong place = address.Value & ~(entry - 1); place < address.Value + (ulong)length; place += entry)
        {
            _known[place] = Read(new Gpa(place));
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

    /// <summary>Says what has changed in every entry that was said before.</summary>
    public void SayAll()
    {
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

    private void Say(Gpa place)
    {
        if (!memory.Contains(place.Page))
        {
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
        if (memory.Contains(place.Page) && (memory.Page(place.Page).Flags & GuestPageState.Stored) != 0)
        {
            return ReadStored(place);
        }

        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        memory.Read(place, bytes[..shape.EntryBytes]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    // Looking brings nothing back.
    private ulong ReadStored(Gpa place)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Span<byte> stored = stackalloc byte[PageSize.Bytes];
        if (memory.TryLookAtStored(place.Page, stored))
        {
            stored.Slice((int)place.PageOffset, shape.EntryBytes).CopyTo(bytes);
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }
}
