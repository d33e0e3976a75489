namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>
/// One of the guest's own address spaces, in its memory: a top-level table and what hangs below. Building it is what a guest kernel
/// does before it loads it: plain stores, which nobody is told of.
/// </summary>
internal sealed class AddressSpace(TestGuest guest, ulong directory)
{
    /// <summary>The guest-physical address of the top-level table.</summary>
    public ulong Directory => directory;

    /// <summary>What entries above a leaf are made with.</summary>
    public ulong UpperFlags { get; set; } = P | RW | US;

    private Shape Shape => guest.Shape;

    /// <summary>Maps a 4 KiB page; tables on the way are made.</summary>
    public AddressSpace Map(uint address, uint page, ulong flags)
    {
        guest.Poke(PlaceOf(address, make: true), ((ulong)page << 12) | flags);
        return this;
    }

    /// <summary>Maps several pages in a row.</summary>
    public AddressSpace MapRange(uint address, uint firstPage, int count, ulong flags)
    {
        for (uint i = 0; i < count; i++)
        {
            Map(address + (i << 12), firstPage + i, flags);
        }

        return this;
    }

    /// <summary>Maps a large page (4 MiB, or in PAE 2 MiB).</summary>
    public AddressSpace MapLarge(uint address, uint firstPage, ulong flags)
    {
        guest.Poke(PlaceOf(address, level: 2, make: true), ((ulong)firstPage << 12) | flags | PS);
        return this;
    }

    /// <summary>Makes the entry above <paramref name="address"/>'s leaf table point at a table that is there already.</summary>
    public AddressSpace Link(uint address, ulong table, ulong flags = P | RW | US)
    {
        guest.Poke(PlaceOf(address, level: 2, make: true), table | flags);
        return this;
    }

    /// <summary>Takes over the other's top-level entry for an address, and with it all that hangs below.</summary>
    public AddressSpace Share(uint address, AddressSpace other)
    {
        guest.Poke(PlaceOf(address, Shape.Levels), other.Entry(address, Shape.Levels));
        return this;
    }

    /// <summary>The entry of a level for an address, as it stands in memory now; A and D that the host wrote included.</summary>
    public ulong Entry(uint address, int level = 1) => guest.Peek(PlaceOf(address, level));

    /// <summary>Puts an entry of a level, a plain store.</summary>
    public void Poke(uint address, ulong entry, int level = 1) => guest.Poke(PlaceOf(address, level), entry);

    /// <summary>The guest-physical address of the table that holds the entry of a level.</summary>
    public ulong TableOf(uint address, int level = 1) =>
        level == Shape.Levels ? directory : PlaceOf(address, level) & ~0xFFFUL;

    /// <summary>The guest-physical address of the entry of a level.</summary>
    public ulong PlaceOf(uint address, int level = 1, bool make = false)
    {
        ulong table = directory;
        for (int above = Shape.Levels; ; above--)
        {
            ulong place = table + (ulong)(Shape.IndexOf(address, above) * Shape.EntrySize);
            if (above == level)
            {
                return place;
            }

            ulong entry = guest.Peek(place);
            if ((entry & P) == 0)
            {
                Assert.True(make, $"the test's address space has no table at level {above - 1} for 0x{address:x}");
                ulong flags = Shape.Levels == 3 && above == 3 ? P : UpperFlags;
                entry = guest.NewTable() | flags;
                guest.Poke(place, entry);
            }

            table = entry & Shape.AddressMask;
        }
    }
}
