namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (iii): the guest says that an entry changed.</summary>
public sealed class UpdateTests
{
    [Theory]
    [InlineData(Format.TwoLevel, A | D, "0x51000 rwu")]
    [InlineData(Format.Pae, A | D, "0x51000 rwu")]
    [InlineData(Format.TwoLevel, A, "0x51000 r-u")]
    [InlineData(Format.Pae, A, "0x51000 r-u")]
    [InlineData(Format.TwoLevel, D, "none")]
    [InlineData(Format.Pae, D, "none")]
    [InlineData(Format.TwoLevel, 0UL, "none")]
    [InlineData(Format.Pae, 0UL, "none")]
    public void SetPte_OfAShadowedTable_IsConvertedAtOnceAsFarAsAccessedAndDirtyAllow(Format format, ulong used, string leaf)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);

        guest.SetPte(space, User, 0x51_000 | UserPage | used);

        Assert.Equal(leaf, guest.Leaf(User));
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal(leaf == "none" ? 1 : 2, guest.References(0x51));
        Assert.Equal("0x51000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_WithoutTheRightToWrite_ConvertsReadOnly(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);

        guest.SetPte(space, User, 0x51_000 | P | US | A | D);

        Assert.Equal("0x51000 r-u", guest.Leaf(User));
        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OfTheSamePageWithFewerRights_IsHeardByTlbs(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);

        guest.SetPte(space, User, 0x50_000 | P | US | A | D);
        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
        Assert.Equal("0x50000", guest.Access(User, "ru"));

        guest.SetPte(space, User, 0x50_000 | P | A | D);
        Assert.Equal("guest-fault 0x5", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_Zero_ReleasesTheLeaf(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);

        guest.SetPte(space, User, 0);

        Assert.Empty(guest.Dump());
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal("guest-fault 0x6", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OfAnotherAddressSpace_ChangesItsTableAlone(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);
        AddressSpace current = guest.NewSpace().Map(User, 0x60, UserPage);
        guest.Load(current);
        guest.Access(User, "wu");

        guest.SetPte(space, User, 0x51_000 | UserPage | A | D);

        Assert.Equal("0x60000 rwu", guest.Leaf(User));
        guest.Load(space);
        Assert.Equal("0x51000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_WithLowBitsInTheDirectorysAddress_IgnoresThem(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);
        ulong entry = 0x51_000 | UserPage | A | D;
        space.Poke(User, entry);

        guest.Then(() => guest.Mmu.SetPte(0, new Gpa(space.Directory | 0x18), new Gva(User), entry));

        Assert.Equal("0x51000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OfATableWithoutAShadow_DoesNothing(Format format)
    {
        using TestGuest guest = Mapped(format, out _);
        AddressSpace stranger = guest.NewSpace().Map(User, 0x52, UserPage);
        long tables = guest.Statistics.TablesMade;

        guest.SetPte(stranger, User, 0x51_000 | UserPage | A | D);

        Assert.Equal(1, guest.References(0x51));
        Assert.Equal(tables, guest.Statistics.TablesMade);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_InTheSwitchersRange_Kills(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);

        string reason = guest.Killed(() => guest.Announce(space, guest.Shape.SwitcherAddress + 0x1000, 0x51_000 | UserPage));

        Assert.Contains(TraceWords.Hex(guest.Shape.SwitcherAddress + 0x1000), reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OfALargePage_DropsTheLeafAndConvertsNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().MapLarge(User, 0x400, UserPage);
        guest.Load(space);
        guest.Access(User + 0x1000, "wu");
        guest.Access(User + 0x2000, "wu");
        guest.Fill(0x51, 1);

        guest.Announce(space, User + 0x1000, 0x51_000 | UserPage | A | D);

        Assert.Equal(["0x402000 0x402000 rwxu"], guest.Dump());
        Assert.Equal("0x401000", guest.Access(User + 0x1000, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OntoAPageWithoutAFrame_AllocatesNothing(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);
        long allocations = guest.Host.Allocations;

        guest.SetPte(space, User, 0x70_000 | UserPage | A | D);

        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(allocations, guest.Host.Allocations);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OntoAPageInTheStore_DoesNotBringIt(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);
        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x51));
        int stored = guest.Memory.PagesStored;

        guest.SetPte(space, User, 0x51_000 | UserPage | A | D);

        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(1, stored);
        Assert.Equal(stored, guest.Memory.PagesStored);
    }

    [Theory]
    [InlineData(Format.TwoLevel, 0x1000u)]
    [InlineData(Format.Pae, 0x1000u)]
    [InlineData(Format.TwoLevel, 0x58u)]
    [InlineData(Format.Pae, 0x58u)]
    [InlineData(Format.TwoLevel, 0x59u)]
    [InlineData(Format.Pae, 0x59u)]
    public void SetPte_OntoNoPageADeviceOrAHole_NeitherKillsNorConverts(Format format, uint page)
    {
        using TestGuest guest = new GuestBuilder(format)
        {
            Options = new ShadowOptions { Devices = [new(new Gpa(0x58_000), 0x1000)] },
        }.Build();
        guest.Memory.Declare(new Gfn(0x59), 1, GuestPageState.Hole);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.SetPte(space, User, ((ulong)page << 12) | UserPage | A | D);

        Assert.Null(guest.Mmu.KillReason);
        Assert.Equal("none", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_OfAKernelTableThatAllShare_IsOneWriteForEverySpace(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace first = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        AddressSpace second = guest.NewSpace().Share(Kernel, first);
        guest.Load(first);
        guest.Access(Kernel, "wk");
        guest.Load(second);
        guest.Access(Kernel, "wk");
        Assert.Equal(2, guest.References(0x50));
        guest.Fill(0x51, 1);
        long converted = guest.Statistics.LeavesConverted;

        guest.SetPte(first, Kernel, 0x51_000 | KernelPage | A | D);

        Assert.Equal("0x51000 rwk", guest.Leaf(Kernel));
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal(1, guest.Statistics.LeavesConverted - converted);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_AtAKernelAddress_DropsTheLeafWhereAnotherTableStands(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace one = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        AddressSpace own = guest.NewSpace().Map(Kernel, 0x60, KernelPage);
        guest.Load(own);
        guest.Access(Kernel, "wk");
        guest.Load(one);
        guest.Access(Kernel, "wk");

        // The other space's entry changed in its own table as well; the guest names only one directory.
        own.Poke(Kernel, 0x61_000 | KernelPage);
        guest.SetPte(one, Kernel, 0x51_000 | KernelPage);

        guest.Load(own);
        Assert.Equal("0x61000", guest.Access(Kernel, "wk"));
        Assert.Equal(1, guest.References(0x60));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_WhoseEntryIsNotWhatStandsInMemory_IsConvertedAsTheGuestSaid(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);

        guest.Announce(space, User, 0);

        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal("0x50000", guest.Access(User, "ru"));
    }

    // A guest with User → 0x50 and User2 → 0x52 mapped, and page 0x51 backed.
    private static TestGuest Mapped(Format format, out AddressSpace space)
    {
        TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x52, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        guest.Fill(0x51, 1);
        return guest;
    }
}
