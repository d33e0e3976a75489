namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Faults of KVM's shadow MMU (2026, of the class that lets a guest out), spec §5's end.</summary>
public sealed class KvmFaultsTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_TableReplacedWithoutWord_LeavesNoReverseMapEntryBehind(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        AddressSpace other = guest.NewSpace().Map(User, 0x60, UserPage).Map(User + 0x1000, 0x61, UserPage);
        guest.Load(space);
        guest.StoreAt(User, 0x77, "u");

        // The guest puts another leaf table in place and says nothing; the next walk through the entry meets it.
        space.Link(User, other.TableOf(User));
        Assert.Equal("0x61000", guest.Access(User + 0x1000, "wu"));

        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));
        Assert.Equal("0x60000", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void Kvm_LeafThatMovesToAnotherFrame_LeavesNoReverseMapEntryBehind(Format format, Coherence coherence)
    {
        using TestGuest guest = new GuestBuilder(format)
        {
            Store = new MemoryStore(),
            Options = new ShadowOptions { Guest = GuestKind.Unmodified, Coherence = coherence },
        }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.StoreAt(User, 0x77, "u");
        guest.Fill(0x51, 1);

        space.Poke(User, 0x51_000 | UserPage | A | D);
        guest.Invlpg(User);

        Assert.Equal(1, guest.References(0x50));
        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));
        Assert.Equal("0x51000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_FrameTakenBack_IsReachableThroughNoMappingOfIt(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace one = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x50, UserPage).Map(Kernel, 0x50, KernelPage);
        AddressSpace two = guest.NewSpace().Map(FarUser, 0x50, P | US);
        guest.Load(two);
        guest.Access(FarUser, "ru");
        guest.Load(one);
        guest.StoreAt(User, 0x77, "u");
        guest.Access(User2, "wu");
        guest.Access(Kernel, "wk");
        Assert.Equal(5, guest.References(0x50));

        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));

        Assert.Equal(["none", "none", "none"], [guest.Leaf(User), guest.Leaf(User2), guest.Leaf(Kernel)]);
        guest.Load(two);
        Assert.Equal("none", guest.Leaf(FarUser));
        Assert.Equal("0x50000", guest.Access(FarUser, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_TableUsedAtTwoLevels_HasAShadowForEach(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage);

        // The directory of level 2 serves as the leaf table of FarUser too: there its entries map the leaf tables as pages.
        ulong directory = space.TableOf(User, 2);
        space.Link(FarUser, directory);
        guest.Load(space);
        uint window = FarUser + (uint)(guest.Shape.IndexOf(User, 2) << 12);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(TraceWords.Hex(space.TableOf(User)), guest.Access(window, "ru"));
        Assert.Equal("0x51000", guest.Access(User2, "wu"));
        Assert.Equal("0x50000", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_TableOfAProcessorInLinearMode_IsNotTakenForAGuestTable(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });

        // CPU 1 has no tables yet and touches the pages around 0; CPU 0 has a leaf table that lies exactly there.
        AddressSpace space = guest.NewSpace().Map(User + 0x1000, 0x52, UserPage).Link(User2, 0);
        guest.Poke(0, 0x50_000 | UserPage);
        Assert.Equal("0x3000", guest.Access(0x3000, "wk", cpu: 1));
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User2, "wu"));
        Assert.Equal("guest-fault 0x6", guest.Access(User2 + 0x3000, "wu"));
        Assert.Equal("0x3000", guest.Access(0x3000, "wk", cpu: 1));
        Assert.Equal("0x801000", guest.Access(0x801000, "rk", cpu: 1));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_LeafMadeWithWriteProtectOff_IsNotReusedForAUser(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, P | US);
        guest.Load(space);
        guest.Mmu.SetControls(0, PagingControls.All & ~PagingControls.WriteProtect);
        Assert.Equal("0x50000", guest.Access(User, "wk"));

        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_TableSharedUnderDifferentUpperRights_GivesEachPathItsOwn(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        space.Link(User2, space.TableOf(User), P | US).Link(FarUser, space.TableOf(User), P | RW);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("guest-fault 0x7", guest.Access(User2, "wu"));
        Assert.Equal("guest-fault 0x5", guest.Access(FarUser, "ru"));
        Assert.Equal("0x50000", guest.Access(FarUser, "wk"));
        Assert.Equal("guest-fault 0x7", guest.Access(User2, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_TableSharedUnderDifferentUpperRightsWithWriteProtectOff_GivesEachPathItsOwn(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        space.Link(User2, space.TableOf(User), P | US).Link(FarUser, space.TableOf(User), P | RW);
        guest.Load(space);
        guest.Mmu.SetControls(0, PagingControls.All & ~PagingControls.WriteProtect);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("guest-fault 0x7", guest.Access(User2, "wu"));
        Assert.Equal("0x50000", guest.Access(User2, "ru"));
        Assert.Equal("guest-fault 0x5", guest.Access(FarUser, "ru"));
        Assert.Equal("0x50000", guest.Access(FarUser, "wk"));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("guest-fault 0x7", guest.Access(User2, "wu"));
        Assert.Equal("guest-fault 0x5", guest.Access(FarUser, "ru"));
    }

    [Fact]
    public void Kvm_ProcessorsThatDifferInNoExecute_DoNotShareATable()
    {
        using TestGuest guest = GuestBuilder.Unmodified(Format.Pae, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage | NX);
        guest.Mmu.SetControls(1, PagingControls.All & ~PagingControls.NoExecute);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);

        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 0));
        Assert.Equal("guest-fault 0xf", guest.Access(User, "wu", cpu: 1));
        Assert.Equal("guest-fault 0x15", guest.Access(User, "xu", cpu: 0));
    }

    [Fact]
    public void Kvm_ProcessorsThatDifferInLargePages_DoNotShareATable()
    {
        using TestGuest guest = GuestBuilder.Unmodified(Format.TwoLevel, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().MapLarge(User, 0x400, UserPage);
        guest.Poke(0x40_0000, 0x50_000 | UserPage);
        guest.Mmu.SetControls(1, PagingControls.All & ~PagingControls.LargePages);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);

        Assert.Equal("0x400000", guest.Access(User, "ru", cpu: 0));
        Assert.Equal("0x50000", guest.Access(User, "ru", cpu: 1));
        Assert.Equal("0x400000", guest.Access(User, "ru", cpu: 0));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_LargePageWhoseBaseIsATable_IsNotTakenForThatTable(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);

        // Page 0x400 is a leaf table and the first page of a large page as well.
        AddressSpace space = guest.NewSpace().Link(User, 0x40_0000).MapLarge(User2, 0x400, UserPage);
        guest.Poke(0x40_0000, 0x50_000 | UserPage);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("0x400000", guest.Access(User2, "ru"));
        Assert.Equal("0x401000", guest.Access(User2 + 0x1000, "wu"));
        Assert.Equal("guest-fault 0x6", guest.Access(User + 0x1000, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Kvm_RootGivenUpWhileAProcessorIsInIt_StaysUntilThatProcessorLeaves(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Coherence = Coherence.Watched, Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace other = guest.NewSpace().Map(User, 0x60, UserPage);
        guest.Load(space, cpu: 1);
        guest.Access(User, "wu", cpu: 1);
        guest.Load(other, cpu: 0);
        guest.Access(User, "wu", cpu: 0);
        Pfn root = guest.Mmu.Cpu(1).Root;

        // A misaligned store: whatever lies in the page, it is no directory any more.
        guest.Store(space.Directory + 0x11, 0, 0);

        Assert.True(guest.Host.References(root) > 0, "the root's frame was freed under the processor");
        Assert.Equal(root, guest.Mmu.Cpu(1).Root);
        Assert.Equal("none", guest.Leaf(User, cpu: 1));
        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 1));
        Assert.Equal("0x60000", guest.Access(User, "wu", cpu: 0));
        guest.Load(other, cpu: 1);
        Assert.Equal("0x60000", guest.Access(User, "wu", cpu: 1));
    }
}
