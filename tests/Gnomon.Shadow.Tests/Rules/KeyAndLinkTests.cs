namespace Gnomon.Shadow.Tests.Rules;

/// <summary>Spec §4a, "Key" and "Links": what a table stands for, and when a link may be followed.</summary>
public sealed class KeyAndLinkTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Key_TableOfTwoAddressSpaces_HasOneShadow(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace first = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace second = guest.NewSpace().Share(User, first);
        guest.Load(first);
        guest.Access(User, "wu");
        guest.Load(second);
        long made = guest.Statistics.TablesMade;

        Assert.Equal("0x50000", guest.Access(User, "wu"));

        Assert.Equal(made, guest.Statistics.TablesMade);
        Assert.Equal(1, guest.Statistics.TablesShared);
        Assert.Equal(2, guest.References(0x50));
        Assert.Equal(0, guest.Statistics.LeavesReleased);
    }

    [Fact]
    public void Key_TablesOnTheSwitchersPath_ArePrivateAndLeafTablesBesideItAreNot()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);

        guest.Access(Kernel, "wk", cpu: 0);
        guest.Access(Kernel, "wk", cpu: 1);

        Assert.NotEqual(guest.RawShadow(Kernel, 3, cpu: 0), guest.RawShadow(Kernel, 3, cpu: 1));
        Assert.Equal(
            guest.RawShadow(Kernel, 2, cpu: 0) & guest.Shape.AddressMask,
            guest.RawShadow(Kernel, 2, cpu: 1) & guest.Shape.AddressMask);
        Assert.Equal(2, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Key_OneSpaceOfTwoProcessors_SharesItsLeafTables(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);

        guest.Access(User, "wu", cpu: 0);
        guest.Access(User, "wu", cpu: 1);

        Assert.Equal(2, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Link_LastParentGone_TakesTheTableAndAllBelow(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        space.Link(User2, space.TableOf(User));
        guest.Load(space);
        guest.Access(User, "wu");
        guest.Access(User2, "wu");
        long tables = guest.Statistics.TablesPresent;

        guest.SetLevel2(space, User, 0);
        Assert.Equal(tables, guest.Statistics.TablesPresent);
        Assert.Equal("0x50000 rwu", guest.Leaf(User2));

        guest.SetLevel2(space, User2, 0);
        Assert.Equal(tables - 1, guest.Statistics.TablesPresent);
        Assert.Equal(1, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Link_OfAKnownTableUnderANewParent_LetsNoStaleEntryIn(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace first = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        AddressSpace second = guest.NewSpace().Share(User, first);
        guest.Load(first);
        guest.Access(User, "wu");
        guest.Load(second);

        // A page changes silently; the second address space meets the shared table for the first time.
        first.Poke(User, 0x52_000 | UserPage);
        Assert.Equal("0x51000", guest.Access(User + 0x1000, "wu"));

        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal("0x52000", guest.Access(User, "wu"));
        Assert.Equal(1, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Link_WhoseRightsTheGuestNarrowed_IsMadeAgainBeforeItIsFollowed(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));

        space.Poke(User, space.Entry(User, 2) & ~RW, 2);
        Assert.Equal("0x51000", guest.Access(User + 0x1000, "ru"));

        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Link_ToTheTableItReplaces_KeepsThatTableAlive(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");
        long made = guest.Statistics.TablesMade;

        // Only an available bit of the upper entry changes: the same table is asked for again.
        space.Poke(User, space.Entry(User, 2) | (1 << 9), 2);
        Assert.Equal("0x51000", guest.Access(User + 0x1000, "wu"));

        Assert.Equal(made, guest.Statistics.TablesMade);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }
}
