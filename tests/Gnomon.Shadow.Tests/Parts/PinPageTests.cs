namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (ii): pages that stay mapped, above all the guest kernel's stack.</summary>
public sealed class PinPageTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PinPage_NotYetMapped_MapsItWritableAndDirty(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        guest.Load(space);

        guest.Pin(Kernel + 0x123);

        Assert.Equal("0x50000 rwk", guest.Leaf(Kernel));
        Assert.Equal(A | D, space.Entry(Kernel) & (A | D));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PinPage_AlreadyWritable_TakesTheQuickPath(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        guest.Load(space);
        guest.Access(Kernel, "wk");
        (long, long, int) before = (guest.Statistics.Faults, guest.Statistics.LeavesMapped, guest.References(0x50));

        guest.Pin(Kernel);

        Assert.Equal(before, (guest.Statistics.Faults, guest.Statistics.LeavesMapped, guest.References(0x50)));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PinPage_MappedReadOnly_IsUpgraded(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
        guest.Load(space);
        guest.Access(Kernel, "rk");

        guest.Pin(Kernel);

        Assert.Equal("0x50000 rwk", guest.Leaf(Kernel));
        Assert.Equal(D, space.Entry(Kernel) & D);
    }

    [Theory]
    [InlineData(Format.TwoLevel, 0UL)]
    [InlineData(Format.Pae, 0UL)]
    [InlineData(Format.TwoLevel, P)]
    [InlineData(Format.Pae, P)]
    public void PinPage_PageTheGuestHasNotMappedWritable_Kills(Format format, ulong flags)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(Kernel, 0x50, flags));

        string reason = guest.Killed(() => guest.Pin(Kernel));

        Assert.Contains("0xc0000", reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PinPage_OnADevice_Kills(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Devices = [new(new Gpa(0x50_000), 0x1000)] });
        guest.Load(guest.NewSpace().Map(Kernel, 0x50, KernelPage));

        Assert.NotEmpty(guest.Killed(() => guest.Pin(Kernel)));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetStack_TwoPages_PinsBothBelowTheTop(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().MapRange(Kernel, 0x50, 4, KernelPage));

        guest.Stack(Kernel + 0x3000, 2);

        Assert.Equal(["0xc0001000 0x51000 rwxk", "0xc0002000 0x52000 rwxk"], guest.Dump());
        Assert.Equal(2, guest.Statistics.StackPins);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetStack_TopInsideAPage_PinsThePageOfTheLastByte(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().MapRange(Kernel, 0x50, 4, KernelPage));

        guest.Stack(Kernel + 0x2001, 1);

        Assert.Equal(["0xc0002000 0x52000 rwxk"], guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetStack_NoPages_PinsNothingFromNowOn(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { OnFlush = FlushPolicy.Discard });
        guest.Load(guest.NewKernelSpace());
        guest.Stack(StackTop, 1);

        guest.Stack(0, 0);
        guest.ClearAll();

        Assert.Empty(guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetStack_PageThatIsNotMapped_Kills(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewKernelSpace());

        Assert.NotEmpty(guest.Killed(() => guest.Stack(StackTop + 0x1000, 1)));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PinnedStack_DroppedByReclaimOfItsFrame_IsPinnedBeforeTheGuestRuns(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        guest.Load(guest.NewKernelSpace());
        guest.Stack(StackTop, 1);
        guest.StoreAt(StackTop - 8, 0x1234);

        guest.Reclaim(StackPage);
        guest.Run();

        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PinnedStack_WhoseEntryTheGuestChanges_IsPinnedAtItsNewPage(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewKernelSpace();
        guest.Load(space);
        guest.Stack(StackTop, 1);

        guest.SetPte(space, StackTop - 0x1000, 0x31_000 | KernelPage);
        guest.Run();

        Assert.Equal("0x31000 rwk", guest.Leaf(StackTop - 1));
        Assert.Equal(1, guest.References(StackPage));
    }
}
