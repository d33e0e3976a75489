namespace Gnomon.Shadow.Tests.Faults;

/// <summary>The other cases at the end of spec §5.</summary>
public sealed class OtherFaultsTests
{
    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void Other_DirectorySeenThroughSeveralShadows_IsHonouredInEach(Format format, Coherence coherence)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, coherence);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage);

        // The directory is a directory at User and User2, and a leaf table at FarUser.
        space.Link(FarUser, space.TableOf(User, 2));
        guest.Load(space);
        uint window = FarUser + (uint)(guest.Shape.IndexOf(User2, 2) << 12);
        Assert.Equal("0x51000", guest.Access(User2, "ru"));
        Assert.Equal(TraceWords.Hex(space.TableOf(User2)), guest.Access(window, "ru"));

        AddressSpace fresh = guest.NewSpace().Map(User2, 0x61, UserPage);
        space.Poke(User2, fresh.Entry(User2, 2), 2);
        guest.Load(space);

        Assert.Equal("0x61000", guest.Access(User2, "ru"));
        Assert.Equal(TraceWords.Hex(fresh.TableOf(User2)), guest.Access(window, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_RecursiveDirectory_ShowsItsTablesAndNeverWritableOnesWhileWatched(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        ulong directory = space.TableOf(Kernel, 2);
        space.Link(Kernel2, directory, P | RW);
        guest.Load(space);
        uint self = Kernel2 + (uint)(guest.Shape.IndexOf(Kernel2, 2) << 12);
        uint leaves = Kernel2 + (uint)(guest.Shape.IndexOf(Kernel, 2) << 12);

        Assert.Equal(TraceWords.Hex(directory), guest.Access(self, "rk"));
        Assert.Equal("0x50000", guest.Access(Kernel, "wk"));
        Assert.Equal("watched", guest.StoreAt(leaves, 0x51_000 | KernelPage));

        Assert.Equal("0x51000", guest.Access(Kernel, "wk"));
        Assert.DoesNotContain(" rw", guest.Leaf(self), StringComparison.Ordinal);
        Assert.DoesNotContain(" rw", guest.Leaf(leaves), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_RecursiveDirectoryOfAGuestThatNotifies_ComesAndGoes(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        space.Link(Kernel2, space.TableOf(Kernel, 2), P | RW);
        guest.Load(space);
        uint self = Kernel2 + (uint)(guest.Shape.IndexOf(Kernel2, 2) << 12);
        Assert.Equal(TraceWords.Hex(space.TableOf(Kernel, 2)), guest.Access(self, "rk"));

        guest.SetLevel2(space, Kernel2, 0);
        guest.ClearAll();

        Assert.Equal("guest-fault 0x0", guest.Access(self, "rk"));
        Assert.Equal("0x50000", guest.Access(Kernel, "wk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_AliasesOfOneTable_ShareAShadowAndAChangeReachesAll(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        space.Link(User2, space.TableOf(User)).Link(FarUser, space.TableOf(User));
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("0x50000", guest.Access(User2, "wu"));
        Assert.Equal("0x50000", guest.Access(FarUser, "wu"));
        Assert.Equal(2, guest.References(0x50));
        guest.Fill(0x51, 1);

        guest.SetPte(space, User2, 0x51_000 | UserPage | A | D);

        Assert.Equal("0x51000", guest.Access(User, "wu"));
        Assert.Equal("0x51000", guest.Access(User2, "wu"));
        Assert.Equal("0x51000", guest.Access(FarUser, "wu"));
        Assert.Equal(1, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_LargePageReplacedByATableWithoutAFlush_IsNotFollowedAsLarge(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().MapLarge(User, 0x400, UserPage);
        guest.Load(space);
        Assert.Equal("0x400000", guest.Access(User, "wu"));
        AddressSpace fresh = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);

        space.Poke(User, fresh.Entry(User, 2), 2);

        // A fault elsewhere under the entry walks through the changed entry.
        Assert.Equal("0x51000", guest.Access(User + 0x1000, "wu"));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(1, guest.References(0x400));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_TableReplacedByALargePageWithoutAFlush_IsNotFollowedAsATable(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));

        space.MapLarge(User, 0x400, UserPage);

        Assert.Equal("0x401000", guest.Access(User + 0x1000, "wu"));
        Assert.Equal("0x400000", guest.Access(User, "wu"));
        Assert.Equal(1, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_WriteProtectToggles_AreHonouredAtOnce(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, P | US).Map(User + 0x1000, 0x51, P));
        Assert.Equal("guest-fault 0x3", guest.Access(User, "wk"));

        for (int round = 0; round < 3; round++)
        {
            guest.Then(() => guest.Mmu.SetControls(0, PagingControls.All & ~PagingControls.WriteProtect));
            Assert.Equal("0x50000", guest.Access(User, "wk"));
            Assert.Equal("0x51000", guest.Access(User + 0x1000, "wk"));
            guest.Then(() => guest.Mmu.SetControls(0, PagingControls.All));
            Assert.Equal("guest-fault 0x3", guest.Access(User, "wk"));
            Assert.Equal("guest-fault 0x3", guest.Access(User + 0x1000, "wk"));
            Assert.Equal("0x50000", guest.Access(User, "ru"));
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_ProcessorsThatDifferInWriteProtect_KeepTheirOwnRights(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, P | US);
        guest.Mmu.SetControls(1, PagingControls.All & ~PagingControls.WriteProtect);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);

        Assert.Equal("0x50000", guest.Access(User, "wk", cpu: 1));
        Assert.Equal("guest-fault 0x3", guest.Access(User, "wk", cpu: 0));
        Assert.Equal("0x50000", guest.Access(User, "wk", cpu: 1));
        Assert.Equal("0x50000", guest.Access(User, "ru", cpu: 0));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_ProcessorsThatFaultOnOneEntry_BothLeaveTheirAccessedAndDirty(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);

        Assert.Equal("0x50000", guest.Access(User, "ru", cpu: 0));
        Assert.Equal(A, space.Entry(User) & (A | D));
        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 1));
        Assert.Equal(A | D, space.Entry(User) & (A | D));

        // CPU 0 clears D, tells nobody but its own TLB; CPU 1's next store must set it again once CPU 1 hears of it.
        space.Poke(User, space.Entry(User) & ~D);
        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 1));
        Assert.Equal(A | D, space.Entry(User) & (A | D));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Other_AccessedAndDirtyInAnAliasedEntry_AreSetByCompareExchange(Format format)
    {
        MemoryStore store = new();
        using TestGuest guest = new GuestBuilder(format) { Store = store }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Fill(0x50, 1);
        guest.Load(space);
        guest.Reclaim(0x50);
        ulong place = space.PlaceOf(User);

        // Meanwhile another CPU takes the right to write away: the store must not go through, nor D come in.
        store.OnLoad = () => guest.Poke(place, 0x50_000 | P | US);

        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
        Assert.Equal(0UL, space.Entry(User) & D);
    }
}
