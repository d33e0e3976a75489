namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Spec §5, faults 9 to 15: what a guest of the original saw.</summary>
public sealed class OriginalFaultsGuestTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault09_UpperEntryThatForbidsWriting_IsTheGuestsOwnFault(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace();
        space.UpperFlags = P | US;
        space.Map(User, 0x50, UserPage);
        guest.Load(space);

        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
        Assert.Equal("guest-fault 0x3", guest.Access(User, "wk"));
        Assert.Equal(0UL, space.Entry(User) & (A | D));
        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault09_UpperEntryThatForbidsUsers_IsTheGuestsOwnFault(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace();
        space.UpperFlags = P | RW;
        space.Map(User, 0x50, UserPage);
        guest.Load(space);

        Assert.Equal("guest-fault 0x5", guest.Access(User, "ru"));
        Assert.Equal("0x50000", guest.Access(User, "wk"));
        Assert.Equal("guest-fault 0x5", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault09_UpperEntryThatAllowsAgain_LetsTheStoreThrough(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace();
        space.UpperFlags = P | US;
        space.Map(User, 0x50, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "ru"));

        guest.SetLevel2(space, User, space.Entry(User, 2) | RW);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Fact]
    public void Fault10_FetchFromANoExecutePage_IsTheGuestsOwnFault()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage | NX);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal("guest-fault 0x15", guest.Access(User, "xu"));
        Assert.Equal("guest-fault 0x11", guest.Access(User, "xk"));
    }

    [Fact]
    public void Fault10_FetchUnderANoExecuteDirectoryEntry_IsTheGuestsOwnFault()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace();
        space.UpperFlags = UserPage | NX;
        space.Map(User, 0x50, UserPage);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("guest-fault 0x15", guest.Access(User, "xu"));
        Assert.Equal(["0x400000 0x50000 rw-u"], guest.Dump());
    }

    [Theory]
    [InlineData(Format.TwoLevel, "guest-fault 0x4")]
    [InlineData(Format.Pae, "guest-fault 0x14")]
    public void Fault10_FetchBit_IsReportedOnlyWhereNoExecuteExists(Format format, string expected)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);

        Assert.Equal(expected, guest.Access(User + 0x1000, "xu"));
        Assert.Equal("0x50000", guest.Access(User, "xu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault10_PresentAndReservedBitsThatComeIn_AreIgnored(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, P | US);
        guest.Load(space);

        Assert.Equal("guest-fault 0x6", guest.Fault(User + 0x1000, 6 | 1 | 8));
        Assert.Equal("guest-fault 0x7", guest.Fault(User, 6 | 8));
        Assert.Equal("mapped", guest.Fault(User, 4 | 1 | 8));
    }

    [Theory]
    [InlineData(Format.TwoLevel, 21)]
    [InlineData(Format.TwoLevel, 13)]
    [InlineData(Format.Pae, 20)]
    [InlineData(Format.Pae, 13)]
    [InlineData(Format.Pae, 36)]
    public void Fault10_ReservedBitOfALargePage_IsReported(Format format, int bit)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().MapLarge(User, 0, UserPage | (1UL << bit));
        guest.Load(space);

        Assert.Equal("guest-fault 0xf", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault11_UpdateWithDirtyAndWithoutAccessed_StaysEmpty(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));

        for (int round = 0; round < 3; round++)
        {
            guest.SetPte(space, User, 0x50_000 | UserPage | D);

            Assert.Equal("none", guest.Leaf(User));
            Assert.Equal("0x50000", guest.Access(User, "ru"));
            Assert.Equal(A | D, space.Entry(User) & (A | D));
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault11_AccessedThatTheGuestClears_IsSetByTheNextAccessAfterAFlush(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        space.Poke(User, space.Entry(User) & ~A);
        guest.FlushUser();

        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal(A | D, space.Entry(User) & (A | D));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault11_DirtyThatTheGuestClears_IsSetByTheNextStoreAfterAFlush(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        space.Poke(User, space.Entry(User) & ~D);
        guest.FlushUser();

        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal(A, space.Entry(User) & (A | D));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(A | D, space.Entry(User) & (A | D));
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void Fault12_UserPagesBelowAnUnalignedKernelAddress_GoWithAUserFlush(Format format, FlushPolicy flush)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { KernelAddress = new(Kernel + 0x10_0000), OnFlush = flush });
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, UserPage).Map(Kernel + 0x10_0000, 0x60, KernelPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(Kernel, "ru"));
        Assert.Equal("0x60000", guest.Access(Kernel + 0x10_0000, "rk"));

        space.Poke(Kernel, 0x51_000 | UserPage);
        guest.FlushUser();

        Assert.Equal("0x51000", guest.Access(Kernel, "ru"));
        Assert.Equal("0x60000 rwk", WithWrite(guest, Kernel + 0x10_0000));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault12_UserPagesBelowAnUnalignedKernelAddress_DoNotPassToTheNextProcess(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(
            format, o => o with { KernelAddress = new(Kernel + 0x10_0000), Slots = 1 });
        AddressSpace first = guest.NewSpace().Map(Kernel, 0x50, UserPage);
        AddressSpace second = guest.NewSpace().Map(Kernel, 0x51, UserPage);
        guest.Load(first);
        Assert.Equal("0x50000", guest.Access(Kernel, "ru"));

        guest.Load(second);

        Assert.Equal("none", guest.Leaf(Kernel));
        Assert.Equal("0x51000", guest.Access(Kernel, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault13_SetPgdAtAKernelIndex_ReachesEveryAddressSpace(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace[] spaces = TwoWithOneKernel(guest, out AddressSpace fresh);
        ulong entry = fresh.Entry(Kernel, guest.Shape.Levels);

        spaces[1].Poke(Kernel, entry, guest.Shape.Levels);
        guest.SetPgd(spaces[0], Kernel, entry);

        Assert.Equal("0x61000", guest.Access(Kernel, "rk"));
        guest.Load(spaces[1]);
        Assert.Equal("0x61000", guest.Access(Kernel, "rk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault13_SetPgdAtAKernelIndex_LeavesAloneWhoseOwnEntryIsStillTheSame(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace[] spaces = TwoWithOneKernel(guest, out AddressSpace fresh);

        guest.SetPgd(spaces[0], Kernel, fresh.Entry(Kernel, guest.Shape.Levels));
        guest.Load(spaces[1]);

        Assert.NotEqual("none", guest.Leaf(Kernel));
        Assert.Equal("0x60000", guest.Access(Kernel, "rk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault13_SetPteAtAKernelAddress_DoesNotRewriteSpacesWithTablesOfTheirOwn(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace one = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        AddressSpace own = guest.NewSpace().Map(Kernel, 0x60, KernelPage);
        guest.Load(own);
        Assert.Equal("0x60000", guest.Access(Kernel, "wk"));
        guest.Load(one);
        Assert.Equal("0x50000", guest.Access(Kernel, "wk"));
        guest.Fill(0x51, 1);

        guest.SetPte(one, Kernel, 0x51_000 | KernelPage | A | D);

        Assert.Equal("0x51000 rwk", guest.Leaf(Kernel));
        guest.Load(own);
        Assert.Equal("0x60000", guest.Access(Kernel, "wk"));
    }

    private static string WithWrite(TestGuest guest, uint address)
    {
        guest.Access(address, "wk");
        return guest.Leaf(address);
    }

    // Two address spaces that share their kernel half and have it mapped, the first current; and a third with another kernel half.
    private static AddressSpace[] TwoWithOneKernel(TestGuest guest, out AddressSpace fresh)
    {
        AddressSpace one = guest.NewSpace().Map(Kernel, 0x60, KernelPage);
        AddressSpace two = guest.NewSpace().Share(Kernel, one);
        fresh = guest.NewSpace().Map(Kernel, 0x61, KernelPage);
        guest.Load(two);
        Assert.Equal("0x60000", guest.Access(Kernel, "rk"));
        guest.Load(one);
        Assert.Equal("0x60000", guest.Access(Kernel, "rk"));
        return [one, two];
    }
}
