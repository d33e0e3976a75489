namespace Gnomon.Shadow.Tests.Rules;

/// <summary>Spec §4a, "Memory": one door for every write, sharing, snapshots.</summary>
public sealed class MemoryDoorTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Snapshot_TakesTheRightToWriteFromEveryLeafAndFromTlbs(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage).Map(Kernel, 0x51, KernelPage));
        guest.Access(User, "wu");
        guest.Access(Kernel, "wk");

        Assert.Equal(PageStatus.Ok, guest.Then(() => guest.Memory.Share(out GuestMemory? clone) is PageStatus.Ok ? Keep(clone!) : PageStatus.Busy));

        Assert.Equal(["0x400000 0x50000 r-xu", "0xc0000000 0x51000 r-xk"], guest.Dump());
        long breaks = guest.Memory.SharingBreaks;
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.True(guest.Memory.SharingBreaks > breaks, "the store went into the shared frame");
        _kept!.Dispose();
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Clone_AndOriginal_EachSeeTheirOwnStores(Format format)
    {
        using HostMemory host = new(64);
        using TestGuest original = new GuestBuilder(format) { Host = host }.Build();
        AddressSpace space = original.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        original.Load(space);
        original.StoreAt(User, 0x1111, "u");
        original.StoreAt(User + 0x1000, 0x2222, "u");
        Assert.Equal(PageStatus.Ok, original.Memory.Share(out GuestMemory? copy));
        using TestGuest clone = new GuestBuilder(format) { Host = host, Memory = copy }.Build();
        clone.Load(new AddressSpace(clone, space.Directory));

        clone.StoreAt(User, 0x3333, "u");
        original.StoreAt(User + 0x1000, 0x4444, "u");

        Assert.Equal(["0x1111", "0x4444"], [Content(original, 0x50), Content(original, 0x51)]);
        Assert.Equal(["0x3333", "0x2222"], [Content(clone, 0x50), Content(clone, 0x51)]);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void BreakingASharing_DropsAllLeavesOfThePage(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x50, UserPage).Map(Kernel, 0x50, P);
        guest.Load(space);
        guest.Fill(0x50, 1);
        Assert.Equal(PageStatus.Ok, guest.Memory.Share(out GuestMemory? copy));
        using GuestMemory clone = copy!;
        guest.Access(User, "ru");
        guest.Access(User2, "ru");
        guest.Access(Kernel, "rk");

        // A device writes: sharing breaks, and every reader must come to see the new frame.
        Assert.Equal(PageStatus.Ok, guest.Memory.Write(new Gpa(0x50_000), [9]));

        guest.Check();
        Assert.Equal(["none", "none", "none"], [guest.Leaf(User), guest.Leaf(User2), guest.Leaf(Kernel)]);
        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal("0x50000", guest.Access(User2, "ru"));
        Assert.Equal("0x50000", guest.Access(Kernel, "rk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void AccessedAndDirty_InASharedTable_AreThisGuestsAlone(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        Assert.Equal(PageStatus.Ok, guest.Memory.Share(out GuestMemory? copy));
        using GuestMemory clone = copy!;
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "wu"));

        Assert.Equal(A | D, space.Entry(User) & (A | D));
        Span<byte> entry = stackalloc byte[8];
        clone.Read(new Gpa(space.PlaceOf(User)), entry);
        Assert.Equal(0x50_000 | UserPage, BitConverter.ToUInt32(entry));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PageHeldByADevice_IsNeitherSharedNorReclaimed(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));
        guest.Access(User, "wu");
        Assert.Equal(PageStatus.Ok, guest.Memory.Pin(new Gfn(0x50), write: true, out _));

        Assert.Equal(PageStatus.Busy, guest.Reclaim(0x50));
        Assert.Equal(PageStatus.Busy, guest.Memory.Share(out _));

        Assert.Equal("0x50000 rwu", guest.Leaf(User));
        guest.Memory.Unpin(new Gfn(0x50));
        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));
    }

    private GuestMemory? _kept;

    private PageStatus Keep(GuestMemory clone)
    {
        _kept = clone;
        return PageStatus.Ok;
    }

    private static string Content(TestGuest guest, uint page) => TraceWords.Hex(guest.Peek((ulong)page << 12));
}
