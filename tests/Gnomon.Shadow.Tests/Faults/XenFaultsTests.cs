namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Faults of Xen's shadow code, spec §5's end.</summary>
public sealed class XenFaultsTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Xen_RootInUse_IsNeverTrimmed(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Cpus = 2 });
        AddressSpace one = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace two = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(one, cpu: 0);
        guest.Load(two, cpu: 1);
        guest.Access(User, "wu", cpu: 0);
        guest.Access(User, "wu", cpu: 1);
        (Pfn, Pfn) roots = (guest.Mmu.Cpu(0).Root, guest.Mmu.Cpu(1).Root);

        guest.Then(() => guest.Mmu.Trim(int.MaxValue));

        Assert.Equal(roots, (guest.Mmu.Cpu(0).Root, guest.Mmu.Cpu(1).Root));
        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 0));
        Assert.Equal("0x51000", guest.Access(User, "wu", cpu: 1));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Xen_DirectoryOfARootInUse_IsReclaimedOnlySoThatTheProcessorGoesOn(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.Reclaim((uint)(space.Directory >> 12));

        Pfn root = guest.Mmu.Cpu(0).Root;
        Assert.True(guest.Host.References(root) > 0, "the root's frame was freed under the processor");
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Xen_LastSlotInUse_IsNotTornDownByAnotherProcessorsLoad(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Cpus = 2, Slots = 2 });
        AddressSpace one = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(one, cpu: 0);
        guest.Access(User, "wu", cpu: 0);
        for (uint i = 0; i < 8; i++)
        {
            guest.Load(guest.NewSpace().Map(User, 0x60 + i, UserPage), cpu: 1);
            Assert.Equal(TraceWords.Hex((0x60 + i) << 12), guest.Access(User, "wu", cpu: 1));
            Assert.Equal("0x50000 rwu", guest.Leaf(User, cpu: 0));
        }
    }

    [Fact]
    public void Xen_GuestPageNumberAbove4GiB_IsNotTruncated()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x10_0050, UserPage);
        guest.Load(space);

        string reason = guest.Killed(() => guest.Fault(User, 4));

        Assert.Contains("0x100050", reason, StringComparison.Ordinal);
        Assert.Equal(0x1_0005_0000 | UserPage, space.Entry(User));
    }

    [Fact]
    public void Xen_GuestPageNumberAbove4GiBOfAnUnmodifiedGuest_IsTheOpenBusAtItsFullAddress()
    {
        using TestGuest guest = GuestBuilder.Unmodified(Format.Pae);
        guest.Load(guest.NewSpace().Map(User, 0x10_0050, UserPage));

        Assert.Equal("device 0x100050123", guest.Access(User + 0x123, "ru"));
        Assert.Equal("none", guest.Leaf(User));
    }

    [Fact]
    public void Xen_UpdateThatNamesAPageAbove4GiB_IsNotTruncated()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.SetPte(space, User, 0x1_0005_0000 | UserPage | A | D);

        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(1, guest.References(0x50));
        Assert.Null(guest.Mmu.KillReason);
    }

    [Fact]
    public void Xen_TableAbove4GiB_IsNotTruncated()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        space.Poke(User2, 0x1_0000_0000 | space.Entry(User, 2), 2);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "ru"));

        string reason = guest.Killed(() => guest.Access(User2, "ru"));

        Assert.Contains("0x1008", reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void Xen_StoreThatUnmapsThePageItGoesThrough_KeepsNoReference(Format format, Coherence coherence)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, coherence);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        uint tablePage = (uint)(space.TableOf(User) >> 12);
        space.Map(User + 0x1000, tablePage, KernelPage);
        guest.Load(space);
        guest.Access(User, "wu");
        uint window = User + 0x1000 + (uint)(guest.Shape.IndexOf(User + 0x1000, 1) * guest.Shape.EntrySize);
        guest.Access(window, "rk");
        Assert.Equal(2, guest.References(tablePage));

        // The guest clears, through its window onto the table, the very entry that maps the window.
        Assert.Equal("watched", guest.StoreAt(window, 0));
        guest.Invlpg(window);

        Assert.Equal("none", guest.Leaf(window));
        Assert.Equal(1, guest.References(tablePage));
        Assert.Equal("guest-fault 0x2", guest.Access(window, "wk"));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }
}
