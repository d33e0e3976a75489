namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (i): a guest page fault.</summary>
public sealed class DemandPageTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_Read_SetsAccessedAloneAndMapsReadOnly(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);

        Assert.Equal("mapped", guest.Fault(User, 4));

        Assert.Equal(0x50_000 | UserPage | A, space.Entry(User));
        Assert.Equal(["0x400000 0x50000 r-xu"], guest.Dump());
        Assert.Equal(2, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_Write_SetsAccessedAndDirtyAndMapsWritable(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);

        Assert.Equal("mapped", guest.Fault(User, 6));

        Assert.Equal(0x50_000 | UserPage | A | D, space.Entry(User));
        Assert.Equal(["0x400000 0x50000 rwxu"], guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_ReadOfADirtyWritablePage_MapsWritableAtOnce(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage | A | D));

        Assert.Equal("mapped", guest.Fault(User, 4));

        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_WriteAfterARead_UpgradesTheLeafWithoutASecondReference(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));
        guest.Fault(User, 4);
        long released = guest.Statistics.LeavesReleased;

        Assert.Equal("0x50000", guest.Access(User, "wu"));

        Assert.Equal("0x50000 rwu", guest.Leaf(User));
        Assert.Equal(2, guest.References(0x50));
        Assert.Equal(1, guest.Statistics.LeavesUpgraded);
        Assert.Equal(released, guest.Statistics.LeavesReleased);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_OfASupervisorPage_LetsNoUserIn(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(Kernel, 0x50, KernelPage));

        Assert.Equal("0x50000", guest.Access(Kernel, "wk"));
        Assert.Equal("guest-fault 0x5", guest.Access(Kernel, "ru"));
        Assert.Equal("guest-fault 0x7", guest.Access(Kernel, "wu"));
        Assert.Equal("0x50000 rwk", guest.Leaf(Kernel));
    }

    [Theory]
    [InlineData(Format.TwoLevel, 4u, "guest-fault 0x4")]
    [InlineData(Format.TwoLevel, 0x12u, "guest-fault 0x2")]
    [InlineData(Format.Pae, 6u, "guest-fault 0x6")]
    [InlineData(Format.Pae, 0x14u, "guest-fault 0x14")]
    public void DemandPage_NothingMapped_ReportsTheAccessWithoutThePresentBit(Format format, uint code, string expected)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));

        Assert.Equal(expected, guest.Fault(User + 0x1000, code));
        Assert.Equal(expected, guest.Fault(User2, code));
        Assert.Equal(expected, guest.Fault(FarUser, code));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_InTheSwitchersRange_IsAlwaysTheGuestsOwnFault(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        uint switcher = guest.Shape.SwitcherAddress;
        guest.Load(guest.NewSpace().Map(switcher + 0x5000, 0x50, UserPage));
        guest.Run();

        Assert.Equal("guest-fault 0x7", guest.Fault(switcher + 0x5000, 6));
        Assert.Equal("guest-fault 0x6", guest.Fault(switcher + 0x6000, 6));
        Assert.Equal("guest-fault 0x4", guest.Access(switcher, "ru"));
        Assert.Equal("guest-fault 0x2", guest.Access(switcher, "wk"));
        Assert.Equal("guest-fault 0x4", guest.Fault(0xFFFF_FFFF, 4));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_TableOutsideMemory_KillsAParavirtualGuest(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User2, 0x50, UserPage);
        guest.Load(space.Link(User, 0x100_0000));

        string reason = guest.Killed(() => guest.Fault(User, 4));

        Assert.Contains("0x1000", reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_TableOutsideMemoryOfAnUnmodifiedGuest_ReadsAsZero(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        guest.Load(guest.NewSpace().Map(User2, 0x50, UserPage).Link(User, 0x100_0000));

        Assert.Equal("guest-fault 0x6", guest.Access(User, "wu"));
        Assert.Equal("0x50000", guest.Access(User2, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_FirstPagePastTheLimit_KillsAndTheLastBeforeItDoesNot(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0xFFF, UserPage).Map(User + 0x1000, 0x1000, UserPage));
        Assert.Equal("0xfff000", guest.Access(User, "wu"));

        string reason = guest.Killed(() => guest.Fault(User + 0x1000, 4));

        Assert.Contains("0x1000", reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_PagePastTheLimitOfAnUnmodifiedGuest_IsTheOpenBus(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x1000, UserPage);
        guest.Load(space);

        Assert.Equal("device 0x1000abc", guest.Access(User + 0xABC, "wu"));
        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(0x100_0000 | UserPage, space.Entry(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_DeviceWindow_WinsOverMemoryAndLeavesNoTrace(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Devices = [new(new Gpa(0x50_800), 0x10)] });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);

        Assert.Equal("device 0x50123", guest.Access(User + 0x123, "wu"));
        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(0x50_000 | UserPage, space.Entry(User));
        Assert.Equal("0x51000", guest.Access(User + 0x1000, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_DeviceWindowTheGuestForbids_IsTheGuestsOwnFaultFirst(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Devices = [new(new Gpa(0x50_000), 0x1000)] });
        guest.Load(guest.NewSpace().Map(User, 0x50, P | US));

        Assert.Equal("guest-fault 0x7", guest.Access(User, "wu"));
        Assert.Equal("device 0x50000", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_DeviceWindowBeyondMemory_IsTheDevices(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Devices = [new(new Gpa(0xFEC0_0000), 0x1000)] });
        guest.Load(guest.NewSpace().Map(User, 0xF_EC00, UserPage));

        Assert.Equal("device 0xfec00010", guest.Access(User + 0x10, "wu"));
        Assert.Null(guest.Mmu.KillReason);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_DeviceInsideALargePage_IsToldApartPageByPage(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Devices = [new(new Gpa(0x402_000), 0x1000)] });
        guest.Load(guest.NewSpace().MapLarge(User, 0x400, UserPage));

        Assert.Equal("0x401000", guest.Access(User + 0x1000, "wu"));
        Assert.Equal("device 0x402010", guest.Access(User + 0x2010, "wu"));
        Assert.Equal("0x403000", guest.Access(User + 0x3000, "wu"));
        Assert.Equal(["0x401000 0x401000 rwxu", "0x403000 0x403000 rwxu"], guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_LargePage_IsSplinteredWithTheRightsOfItsPath(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().MapLarge(User, 0x400, UserPage).MapLarge(User2, 0xC00, P | US);
        guest.Load(space);

        Assert.Equal("0x405678", guest.Access(User + 0x5678, "ru"));
        Assert.Equal(A, space.Entry(User, 2) & (A | D));
        Assert.Equal("0x405678", guest.Access(User + 0x5678, "wu"));
        Assert.Equal(A | D, space.Entry(User, 2) & (A | D));
        Assert.Equal("guest-fault 0x7", guest.Access(User2, "wu"));
        Assert.Equal(["0x405000 0x405000 rwxu"], guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_UnmodifiedGuest_FindsAccessedInUpperEntriesToo(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);

        guest.Access(User, "wu");

        Assert.Equal(A, space.Entry(User, 2) & (A | D));
        if (format == Format.Pae)
        {
            Assert.Equal(P, space.Entry(User, 3) & 0xFFF);
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_ItsOwnWriteBack_IsNoStoreOfTheGuestAndSpoilsNothingRemembered(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));

        guest.Access(User, "ru");
        guest.Access(User, "wu");
        guest.FlushUser();

        Assert.Equal(0, guest.Statistics.WatchedStores);
        Assert.Equal(0, guest.Statistics.EntriesDropped);
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_StoreToAWatchedTable_IsTheExecutorsToReport(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        uint table = (uint)(space.TableOf(User) >> 12);
        guest.Load(space.Map(User + 0x1000, table, UserPage));
        guest.Access(User, "ru");

        Assert.Equal($"watched {TraceWords.Hex((table << 12) + 0x18)}", guest.Fault(User + 0x1018, 6));
        Assert.Equal(TraceWords.Hex(table << 12), guest.Access(User + 0x1000, "ru"));
        Assert.DoesNotContain(" rw", guest.Leaf(User + 0x1000), StringComparison.Ordinal);
    }

    [Fact]
    public void DemandPage_OfAnUnmodifiedGuest_TreatsAStoreToAReadOnlyPageAsTheBus()
    {
        using TestGuest guest = GuestBuilder.Unmodified(Format.TwoLevel);
        guest.Memory.Declare(new Gfn(0x50), 1, GuestPageState.ReadOnly);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));

        Assert.Equal("0x50010", guest.Access(User + 0x10, "ru"));
        Assert.Equal("device 0x50010", guest.Access(User + 0x10, "wu"));
    }
}
