namespace Gnomon.Shadow.Tests.Rules;

/// <summary>Spec §4a, "Reclaim and budget".</summary>
public sealed class ReclaimTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_OfAMappedPage_KeepsItsContent(Format format)
    {
        MemoryStore store = new();
        using TestGuest guest = new GuestBuilder(format) { Store = store }.Build();
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));
        guest.StoreAt(User + 8, 0x1234_5678, "u");
        int frames = guest.Host.FramesInUse;

        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));

        Assert.Equal(frames - 1, guest.Host.FramesInUse);
        Assert.Equal(1, store.Count);
        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal("0x50008", guest.Access(User + 8, "ru"));
        Assert.Equal(0x1234_5678UL, guest.Peek(0x50_008) & 0xFFFF_FFFF);
        Assert.Equal(0, store.Count);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_OfAZeroPage_NeedsNoStore(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));
        guest.Access(User, "ru");

        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));

        Assert.Equal(0, guest.Memory.PagesStored);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_WithAFullStore_LosesNothing(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore { Full = true } }.Build();
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));
        guest.StoreAt(User, 0x1234, "u");

        Assert.Equal(PageStatus.StoreFailed, guest.Reclaim(0x50));

        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal(0x1234UL, guest.Peek(0x50_000));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_OfAGuestTable_DropsItsShadowsFirst(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");
        guest.Access(User2, "wu");
        uint table = (uint)(space.TableOf(User) >> 12);

        Assert.Equal(PageStatus.Ok, guest.Reclaim(table));

        Assert.Equal(["0x800000 0x51000 rwxu"], guest.Dump());
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(A | D, space.Entry(User) & (A | D));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_OfADirectoryInUse_IsRefused(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        Assert.Equal(PageStatus.Busy, guest.Reclaim((uint)(space.Directory >> 12)));
        Assert.Equal("0x50000 rwu", guest.Leaf(User));

        guest.Load(guest.NewSpace());
        Assert.Equal(PageStatus.Ok, guest.Reclaim((uint)(space.Directory >> 12)));
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_OfAPinnedStack_IsRefused(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        guest.Load(guest.NewKernelSpace());
        guest.Stack(StackTop, 1);

        Assert.Equal(PageStatus.Busy, guest.Reclaim(StackPage));

        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
        guest.Stack(0, 0);
        Assert.Equal(PageStatus.Ok, guest.Reclaim(StackPage));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Trim_OfEverything_LeavesRootStackAndSwitcher(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewKernelSpace().Map(User, 0x50, UserPage).Map(Kernel2, 0x51, KernelPage);
        guest.Load(space);
        guest.Stack(StackTop, 1);
        guest.Run(1);
        guest.Access(User, "wu");
        guest.Access(Kernel2, "wk");
        string[] switcher = guest.DumpSwitcher();
        Pfn root = guest.Mmu.Cpu(0).Root;

        guest.Then(() => guest.Mmu.Trim(int.MaxValue));
        guest.Then(() => guest.Mmu.Trim(int.MaxValue));

        Assert.Equal(["0xc000f000 0x30000 rwxk"], guest.Dump());
        Assert.Equal(switcher, guest.DumpSwitcher());
        Assert.Equal(root, guest.Mmu.Cpu(0).Root);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Trim_TakesNoMoreThanAskedFor(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace();
        for (uint i = 0; i < 8; i++)
        {
            space.Map(User + (i << 22), 0x50 + i, UserPage);
        }

        guest.Load(space);
        for (uint i = 0; i < 8; i++)
        {
            guest.Access(User + (i << 22), "wu");
        }

        Assert.Equal(3, guest.Then(() => guest.Mmu.Trim(3)));
        Assert.Equal(3, guest.Statistics.TablesTrimmed);
        Assert.Equal(5, guest.Dump().Length);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Budget_WithAPinnedStack_NeverCostsTheStack(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { TableBudget = 32 });
        AddressSpace space = guest.NewKernelSpace();
        for (uint i = 0; i < 80; i++)
        {
            space.Map(i << 24, 0x50 + i, UserPage);
        }

        guest.Load(space);
        guest.Stack(StackTop, 1);
        for (uint i = 0; i < 80; i++)
        {
            Assert.Equal(TraceWords.Hex((0x50 + i) << 12), guest.Access(i << 24, "wu"));
            Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
        }

        Assert.True(guest.Statistics.TablesPeak <= 32);
    }

    [Theory]
    [InlineData(Format.TwoLevel)]
    [InlineData(Format.Pae)]
    public void Budget_TooSmallForOneInstruction_IsRefusedWithTheNumberNeeded(Format format)
    {
        ArgumentException refused = Assert.ThrowsAny<ArgumentException>(
            () => GuestBuilder.Paravirtual(format, o => o with { TableBudget = 4 }));

        Assert.Matches("need [0-9]+", refused.Message);
    }
}
