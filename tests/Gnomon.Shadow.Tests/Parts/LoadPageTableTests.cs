namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (iv): switching tables.</summary>
public sealed class LoadPageTableTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_TheFirstTime_EndsLinearModeOfThisProcessorAlone(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Cpus = 2 });
        guest.Access(0x50_000, "wk", cpu: 0);
        guest.Access(0x51_000, "wk", cpu: 1);

        guest.Load(guest.NewSpace().Map(User, 0x52, UserPage), cpu: 0);

        Assert.False(guest.Mmu.Cpu(0).IsLinear);
        Assert.True(guest.Mmu.Cpu(1).IsLinear);
        Assert.Equal("guest-fault 0x2", guest.Access(0x50_000, "wk", cpu: 0));
        Assert.Equal("0x51000", guest.Access(0x51_000, "wk", cpu: 1));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_OfTheLastLinearProcessor_LetsTheLinearRootGo(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });
        guest.Access(0x50_000, "wk", cpu: 0);
        AddressSpace space = guest.NewSpace().Map(User, 0x52, UserPage);

        guest.Load(space, cpu: 0);
        Assert.Equal(2, guest.References(0x50));
        guest.Load(space, cpu: 1);

        Assert.Equal(1, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_OfAKnownTable_ChangesTheRootAndNothingElse(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace one = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace two = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(one);
        guest.Access(User, "wu");
        Pfn root = guest.Mmu.Cpu(0).Root;
        guest.Load(two);
        guest.Access(User, "wu");
        (long, long, long) before = (guest.Statistics.Faults, guest.Statistics.TablesMade, guest.Statistics.LeavesReleased);

        guest.Load(one);

        Assert.Equal(root, guest.Mmu.Cpu(0).Root);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(before, (guest.Statistics.Faults, guest.Statistics.TablesMade, guest.Statistics.LeavesReleased));
        Assert.Equal(1, guest.Statistics.LoadsKnown);
        Assert.Equal(3, guest.Statistics.Loads);
    }

    [Theory]
    [MemberData(nameof(Rows.Policies), MemberType = typeof(Rows))]
    public void LoadPageTable_MoreSpacesThanSlots_ShowsEachItsOwnPages(Format format, string policy)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Slots = 3, Policy = Rows.Policy(policy) });
        AddressSpace[] spaces = [.. Enumerable.Range(0, 7).Select(i => guest.NewSpace().Map(User, 0x50 + (uint)i, UserPage))];
        Random random = new(3);
        for (int step = 0; step < 60; step++)
        {
            uint chosen = (uint)random.Next(spaces.Length);
            guest.Load(spaces[chosen]);
            Assert.Equal(TraceWords.Hex((0x50 + chosen) << 12), guest.Access(User, "wu"));
        }

        Assert.True(guest.Statistics.RootsReplaced > 0);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_Lru_GivesUpTheSpaceNotUsedForTheLongest(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Slots = 3, Policy = new LruPolicy() });
        AddressSpace[] spaces = [.. Enumerable.Range(0, 4).Select(_ => guest.NewSpace())];
        guest.Load(spaces[0]);
        guest.Load(spaces[1]);
        guest.Load(spaces[2]);
        guest.Load(spaces[0]);
        guest.Load(spaces[3]);
        long known = guest.Statistics.LoadsKnown;

        guest.Load(spaces[0]);
        guest.Load(spaces[2]);
        Assert.Equal(2, guest.Statistics.LoadsKnown - known);
        guest.Load(spaces[1]);
        Assert.Equal(2, guest.Statistics.LoadsKnown - known);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_LowBitsOfTheAddress_AreIgnored(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.Mmu.LoadPageTable(0, new Gpa(space.Directory | (format == Format.TwoLevel ? 0xFF8u : 0x18u)));

        Assert.Equal(1, guest.Statistics.LoadsKnown);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
        Assert.Equal("0x51000", guest.Access(User2, "wu"));
    }

    [Fact]
    public void LoadPageTable_TwoPointerTablesInOnePage_AreTwoSpaces()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        ulong page = guest.NewTable();
        AddressSpace one = guest.NewSpace(page).Map(User, 0x50, UserPage);
        AddressSpace two = guest.NewSpace(page + 32).Map(User, 0x51, UserPage);

        guest.Load(one);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        guest.Load(two);
        Assert.Equal("0x51000", guest.Access(User, "wu"));
        guest.Load(one);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));

        // An index past the pointer table's four entries is not the neighbour's.
        Assert.NotEmpty(guest.Killed(() => guest.AnnounceTop(one.Directory, 4)));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_OfAnUnknownTable_ShowsTheSwitcherBeforeTheGuestRuns(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Run(1);
        string[] pages = guest.DumpSwitcher();
        Assert.Equal(3, pages.Length);

        guest.Load(guest.NewSpace());

        Assert.Equal(pages, guest.DumpSwitcher());
    }

    [Theory]
    [InlineData(1UL << 1)]
    [InlineData(1UL << 2)]
    [InlineData(1UL << 5)]
    [InlineData(1UL << 8)]
    [InlineData(1UL << 36)]
    [InlineData(1UL << 63)]
    public void LoadPageTable_ReservedPointerBitOfAnUnmodifiedGuest_IsRefusedAndChangesNothing(ulong bit)
    {
        using TestGuest guest = GuestBuilder.Unmodified(Format.Pae);
        AddressSpace good = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace bad = guest.NewSpace().Map(User, 0x51, UserPage).Map(FarUser, 0x52, UserPage);
        bad.Poke(FarUser, bad.Entry(FarUser, 3) | bit, 3);
        Assert.True(guest.Load(good));
        guest.Access(User, "wu");

        Assert.False(guest.Load(bad));

        Assert.Equal(good.Directory, guest.Mmu.Cpu(0).Directory.Value);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        bad.Poke(FarUser, (bad.Entry(FarUser, 3) | bit) & ~P, 3);
        Assert.True(guest.Load(bad));
    }

    [Fact]
    public void LoadPageTable_PointerTableChangedAfterwards_IsSeenAtTheNextLoadOnly()
    {
        using TestGuest guest = GuestBuilder.Unmodified(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace fresh = guest.NewSpace().Map(User, 0x51, UserPage).Map(FarUser, 0x52, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));

        space.Poke(User, fresh.Entry(User, 3), 3);
        space.Poke(FarUser, fresh.Entry(FarUser, 3), 3);
        guest.Invlpg(User);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("guest-fault 0x6", guest.Access(FarUser, "wu"));
        guest.Load(space);
        Assert.Equal("0x51000", guest.Access(User, "wu"));
        Assert.Equal("0x52000", guest.Access(FarUser, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void EnterLinear_BringsLinearModeBack(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.Then(() => guest.Mmu.EnterLinear(0));

        Assert.True(guest.Mmu.Cpu(0).IsLinear);
        Assert.Equal("0x400000", guest.Access(User, "wk"));
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }
}
