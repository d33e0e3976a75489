namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (v): flushing.</summary>
public sealed class FlushTests
{
    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void FlushUser_ChangedUserEntries_AreTrueAgain(Format format, FlushPolicy flush)
    {
        using TestGuest guest = Mapped(format, flush, out AddressSpace space);
        space.Poke(User, 0x58_000 | UserPage);
        space.Poke(User2, 0);

        guest.FlushUser();

        Assert.Equal("0x58000", guest.Access(User, "ru"));
        Assert.Equal("guest-fault 0x6", guest.Access(User2, "wu"));
        Assert.Equal(1, guest.Statistics.UserFlushes);
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void FlushUser_KernelHalf_IsLeftAlone(Format format, FlushPolicy flush)
    {
        using TestGuest guest = Mapped(format, flush, out _);

        guest.FlushUser();

        Assert.Equal("0x52000 rwk", guest.Leaf(Kernel));
    }

    [Theory]
    [InlineData(Format.TwoLevel, FlushPolicy.Resync, true)]
    [InlineData(Format.Pae, FlushPolicy.Resync, true)]
    [InlineData(Format.TwoLevel, FlushPolicy.Discard, false)]
    [InlineData(Format.Pae, FlushPolicy.Discard, false)]
    public void FlushUser_EntriesStillTrue_StayOnlyWhereItCompares(Format format, FlushPolicy flush, bool stays)
    {
        using TestGuest guest = Mapped(format, flush, out _);

        guest.FlushUser();

        Assert.Equal(stays ? "0x50000 rwu" : "none", guest.Leaf(User));
        Assert.Equal(stays ? "0x51000 rwu" : "none", guest.Leaf(User2));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void FlushUser_OfTheCurrentSpace_LeavesOthersAsTheyWere(Format format, FlushPolicy flush)
    {
        using TestGuest guest = Mapped(format, flush, out AddressSpace space);
        guest.Load(guest.NewSpace());

        guest.FlushUser();

        guest.Load(space);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void FlushUser_RemovedUpperEntry_TakesItsTableAlong(Format format, FlushPolicy flush)
    {
        using TestGuest guest = Mapped(format, flush, out AddressSpace space);
        space.Poke(User, 0, 2);

        guest.FlushUser();

        Assert.Equal(1, guest.References(0x50));
        Assert.Equal("guest-fault 0x6", guest.Access(User, "wu"));
        Assert.Equal("0x51000", guest.Access(User2, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void FlushUser_OfAnUnmodifiedGuest_CoversTheWholeSpace(Format format, FlushPolicy flush)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Lazy, o => o with { OnFlush = flush });
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x52, KernelPage);
        guest.Load(space);
        guest.Access(Kernel, "wk");
        space.Poke(Kernel, 0x53_000 | KernelPage);

        guest.FlushUser();

        Assert.Equal("0x53000", guest.Access(Kernel, "wk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void ClearAll_ChangedEntriesOfEverySpace_AreTrueAgain(Format format, FlushPolicy flush)
    {
        using TestGuest guest = Mapped(format, flush, out AddressSpace space);
        AddressSpace other = guest.NewSpace().Map(User, 0x60, UserPage).Share(Kernel, space);
        guest.Load(other);
        guest.Access(User, "wu");
        space.Poke(User, 0x58_000 | UserPage);
        space.Poke(Kernel, 0x59_000 | KernelPage);
        other.Poke(User, 0x61_000 | UserPage);

        guest.ClearAll();

        Assert.Equal("0x61000", guest.Access(User, "wu"));
        Assert.Equal("0x59000", guest.Access(Kernel, "wk"));
        guest.Load(space);
        Assert.Equal("0x58000", guest.Access(User, "wu"));
        Assert.Equal(1, guest.Statistics.FullFlushes);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ClearAll_ThatDiscards_GivesEveryFrameButTheRootsAndTheSwitchersBack(Format format)
    {
        using TestGuest guest = Mapped(format, FlushPolicy.Discard, out _);

        guest.ClearAll();

        Assert.Empty(guest.Dump());
        Assert.Equal([1, 1, 1], [guest.References(0x50), guest.References(0x51), guest.References(0x52)]);
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void ClearAll_PutsStackAndSwitcherBack(Format format, FlushPolicy flush)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { OnFlush = flush });
        guest.Load(guest.NewKernelSpace());
        guest.Stack(StackTop, 1);
        guest.Run(1);
        string[] pages = guest.DumpSwitcher();

        guest.ClearAll();

        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
        guest.Run(1);
        Assert.Equal(pages, guest.DumpSwitcher());
    }

    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void InvalidatePage_MakesOnePageTrueAgain(Format format, Coherence coherence)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, coherence);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");
        guest.Access(User + 0x1000, "wu");
        space.Poke(User, 0x58_000 | UserPage);

        guest.Invlpg(User + 0x123);

        Assert.Equal("0x58000", guest.Access(User, "wu"));
        Assert.Equal("0x51000 rwu", guest.Leaf(User + 0x1000));
        Assert.Equal(1, guest.Statistics.PageInvalidations);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void InvalidatePage_OfAGuestThatNotifies_ResynchronisesThatEntry(Format format)
    {
        using TestGuest guest = Mapped(format, FlushPolicy.Resync, out AddressSpace space);
        space.Poke(User, 0x58_000 | UserPage);
        space.Poke(User2, 0x59_000 | UserPage);

        guest.Invlpg(User);

        Assert.Equal("0x58000", guest.Access(User, "wu"));
        Assert.Equal("0x51000 rwu", guest.Leaf(User2));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void InvalidatePage_UnderAChangedUpperEntry_FollowsTheNewOne(Format format)
    {
        using TestGuest guest = Mapped(format, FlushPolicy.Resync, out AddressSpace space);
        AddressSpace fresh = guest.NewSpace().Map(User, 0x60, UserPage);
        space.Poke(User, fresh.Entry(User, 2), 2);

        guest.Invlpg(User);

        Assert.Equal("0x60000", guest.Access(User, "wu"));
    }

    // User → 0x50, User2 → 0x51, Kernel → 0x52, all mapped writable.
    private static TestGuest Mapped(Format format, FlushPolicy flush, out AddressSpace space)
    {
        TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { OnFlush = flush });
        space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage).Map(Kernel, 0x52, KernelPage);
        guest.Load(space);
        guest.Access(User, "wu");
        guest.Access(User2, "wu");
        guest.Access(Kernel, "wk");
        return guest;
    }
}
