namespace Gnomon.Shadow.Tests.Rules;

/// <summary>Spec §4a, "Watching" and "No longer a table".</summary>
public sealed class WatchTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Watching_PageThatBecomesATable_LosesItsWritableMappings(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace();
        ulong table = guest.NewTable();
        space.Map(User, (uint)(table >> 12), UserPage);
        guest.Load(space);
        Assert.Equal(TraceWords.Hex(table), guest.Access(User, "wu"));

        space.Link(User2, table);
        guest.Poke(table, 0x50_000 | UserPage);
        Assert.Equal("0x50000", guest.Access(User2, "wu"));

        Assert.Equal($"{TraceWords.Hex(table)} r-u", guest.Leaf(User));
        Assert.Equal($"watched {TraceWords.Hex(table)}", guest.Fault(User, 6));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Watching_StoreThatSlipsInBeforeTheShootdown_IsStillSeen(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace();
        ulong table = guest.NewTable();
        guest.Poke(table, 0x50_000 | UserPage);
        space.Map(User, (uint)(table >> 12), UserPage).Link(User2, table);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);
        Assert.Equal(TraceWords.Hex(table), guest.Access(User, "wu", cpu: 1));
        TranslationMailbox mailbox = guest.Mmu.Cpu(1).Mailbox;
        byte[] late = BitConverter.GetBytes(0x51_000 | UserPage);
        GuestPageState seen = default;
        string leaf = "";

        // CPU 1 still has the page in its TLB for writing when it hears of the shootdown: its last store goes in unseen.
        guest.Tlb(1).OnInvalidate = () =>
        {
            seen = guest.Memory.Page(new Gpa(table).Page).Flags;
            leaf = guest.Leaf(User, cpu: 1);
            late.AsSpan(0, guest.Shape.EntrySize).CopyTo(guest.Host.Bytes(guest.Memory.Page(new Gpa(table).Page).Frame));
        };
        using Inside inside = new(mailbox);
        string result = guest.Access(User2, "ru", cpu: 0);
        inside.Dispose();

        Assert.Equal("0x51000", result);
        Assert.Equal(GuestPageState.Watched, seen & GuestPageState.Watched);
        Assert.Equal($"{TraceWords.Hex(table)} r-u", leaf);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ReportedStore_IsReadAgainAndConvertedAtOnce(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);
        guest.Fill(0x58, 1);
        long faults = guest.Statistics.Faults;

        space.Poke(User, 0x58_000 | UserPage | A | D);

        guest.Check();
        Assert.Equal("0x58000 rwu", guest.Leaf(User));
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal(faults, guest.Statistics.Faults);
        Assert.Equal(1, guest.Statistics.WatchedStores);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ReportedStore_OverSeveralEntries_IsReadAgainInEach(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);

        guest.Store(space.PlaceOf(User), new byte[3 * guest.Shape.EntrySize]);

        Assert.Equal(["0x403000 0x53000 rwxu"], guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ReportedStore_ToADirectory_UnlinksWhatHungThere(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);

        space.Poke(User, 0, 2);

        guest.Check();
        Assert.Empty(guest.Dump());
        Assert.Equal("guest-fault 0x6", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ReportedStore_OfADeviceOrTheHost_GoesThroughTheSameDoor(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);

        Assert.Equal(PageStatus.Ok, guest.Memory.Write(new Gpa(space.TableOf(User)), new byte[4096]));

        guest.Check();
        Assert.Empty(guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ThreeStoresInARow_MakeThePageNoTable(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);
        Gfn page = new Gpa(space.TableOf(User)).Page;

        space.Poke(User + 0x8000, 1 << 9);
        space.Poke(User + 0x9000, 1 << 9);
        Assert.NotEqual(GuestPageState.None, guest.Memory.Page(page).Flags & GuestPageState.Watched);
        space.Poke(User + 0xA000, 1 << 9);

        guest.Check();
        Assert.Equal(GuestPageState.None, guest.Memory.Page(page).Flags & GuestPageState.Watched);
        Assert.Empty(guest.Dump());
        Assert.Equal(1, guest.Statistics.TablesAbandoned);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void StoresWithAWalkInBetween_LeaveThePageATable(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);
        for (uint i = 0; i < 10; i++)
        {
            space.Poke(User + 0x8000, 0);
            space.Poke(User + 0x9000, ((ulong)(0x80 + i) << 12) | UserPage);
            Assert.Equal(TraceWords.Hex((0x80 + i) << 12), guest.Access(User + 0x9000, "wu"));
        }

        Assert.Equal(0, guest.Statistics.TablesAbandoned);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }

    [Theory]
    [InlineData(Format.TwoLevel, 1, 4)]
    [InlineData(Format.Pae, 2, 8)]
    [InlineData(Format.TwoLevel, 0, 1)]
    [InlineData(Format.Pae, 0, 1)]
    [InlineData(Format.TwoLevel, 2, 2)]
    [InlineData(Format.Pae, 4, 2)]
    public void CrookedStore_MakesThePageNoTableAtOnce(Format format, int offset, int length)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);

        guest.Store(space.TableOf(User) + 0x800 + (ulong)offset, new byte[length]);

        Assert.Equal(1, guest.Statistics.TablesAbandoned);
        Assert.Empty(guest.Dump());
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Fact]
    public void HalvesOfAPaeEntry_AreStoresOfATable()
    {
        using TestGuest guest = Watched(Format.Pae, out AddressSpace space);
        ulong place = space.PlaceOf(User);

        guest.Store(place + 4, 0, 0, 0, 0x80);
        Assert.Equal("guest-fault 0x15", guest.Access(User, "xu"));
        guest.Store(place, BitConverter.GetBytes((uint)(0x58_000 | UserPage)));

        Assert.Equal("0x58000", guest.Access(User, "wu"));
        Assert.Equal(0, guest.Statistics.TablesAbandoned);
        Assert.Equal("0x51000 rwu", guest.Leaf(User + 0x1000));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Lazy_FirstStoreToALeafTable_LeavesItOutOfStepUntilAFlush(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space, Coherence.Lazy);

        space.Poke(User, 0x58_000 | UserPage);
        space.Poke(User + 0x1000, 0x59_000 | UserPage);

        guest.Check();
        Assert.Equal(1, guest.Statistics.WatchedStores);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
        guest.Invlpg(User);
        Assert.Equal("0x58000", guest.Access(User, "wu"));
        Assert.Equal("0x51000 rwu", guest.Leaf(User + 0x1000));
        guest.Load(space);
        Assert.Equal("0x59000", guest.Access(User + 0x1000, "wu"));
        space.Poke(User, 0);
        Assert.Equal(2, guest.Statistics.WatchedStores);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Lazy_StoreToADirectory_IsHonouredAtOnce(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space, Coherence.Lazy);

        space.Poke(User, 0, 2);

        guest.Check();
        Assert.Empty(guest.Dump());
        Assert.NotEqual(GuestPageState.None, guest.Memory.Page(new Gpa(space.TableOf(User, 2)).Page).Flags & GuestPageState.Watched);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LastParentGone_UnwatchesThePage(Format format)
    {
        using TestGuest guest = Watched(format, out AddressSpace space);
        Gfn page = new Gpa(space.TableOf(User)).Page;
        Assert.NotEqual(GuestPageState.None, guest.Memory.Page(page).Flags & GuestPageState.Watched);

        space.Poke(User, 0, 2);

        Assert.Equal(GuestPageState.None, guest.Memory.Page(page).Flags & GuestPageState.Watched);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ObsoleteRoot_IsNotFoundAgainAndGoesAtItsLastExit(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Coherence = Coherence.Watched });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");
        Pfn root = guest.Mmu.Cpu(0).Root;
        guest.Store(space.Directory + 0x11, 0, 0);
        long tables = guest.Statistics.TablesPresent;

        guest.Load(space);

        Assert.Equal(tables, guest.Statistics.TablesPresent);
        Assert.NotEqual(root, guest.Mmu.Cpu(0).Root);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    // User + 0x0000 … 0x3000 → 0x50 … 0x53, mapped writable, their table watched.
    private static TestGuest Watched(Format format, out AddressSpace space, Coherence coherence = Coherence.Watched)
    {
        TestGuest guest = GuestBuilder.Unmodified(format, coherence);
        space = guest.NewSpace().MapRange(User, 0x50, 4, UserPage);
        guest.Load(space);
        for (uint i = 0; i < 4; i++)
        {
            guest.Access(User + (i << 12), "wu");
        }

        return guest;
    }
}
