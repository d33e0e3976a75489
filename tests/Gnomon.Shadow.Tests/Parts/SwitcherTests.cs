namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (vi): the host's own pages at the top of every paravirtual guest.</summary>
public sealed class SwitcherTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_ShowsTheCodeAndThePairOfTheHostCpuAlone(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { HostCpus = 4 }.Build();
        guest.Load(guest.NewSpace());

        guest.Run(2);

        Assert.Equal(Pages(guest, 2), guest.DumpSwitcher());
        Assert.Equal("switcher", guest.Access(Address(guest, 0), "xk"));
        Assert.Equal("switcher", guest.Access(Address(guest, 5), "wk"));
        Assert.Equal("switcher", guest.Access(Address(guest, 6), "rk"));
        Assert.Equal("guest-fault 0x2", guest.Access(Address(guest, 6), "wk"));
        Assert.Equal("guest-fault 0x0", guest.Access(Address(guest, 1), "rk"));
        Assert.Equal("guest-fault 0x4", guest.Access(Address(guest, 5), "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_OnAnotherHostCpu_HidesTheFormerPair(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { HostCpus = 4 }.Build();
        guest.Load(guest.NewSpace());
        for (int host = 0; host < 4; host++)
        {
            guest.Run(host);
            Assert.Equal("switcher", guest.Access(Address(guest, 1 + (2 * host)), "wk"));
            Assert.Equal(Pages(guest, host), guest.DumpSwitcher());
            Assert.Equal(host, guest.Mmu.Cpu(0).HostCpu);
        }

        Assert.Equal("guest-fault 0x2", guest.Access(Address(guest, 1), "wk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_OnTheSameHostCpu_CostsNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace());
        guest.Run(1);
        (long, long, int) before = (guest.Statistics.SwitcherMaps, guest.Statistics.Invalidations, guest.Tlb().Orders.Count);

        guest.Run(1);
        guest.Run(1);

        Assert.Equal(before, (guest.Statistics.SwitcherMaps, guest.Statistics.Invalidations, guest.Tlb().Orders.Count));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_IsSeenInEveryRootOfThatProcessor(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace one = guest.NewSpace();
        AddressSpace two = guest.NewSpace();
        guest.Load(one);
        guest.Load(two);

        guest.Run(1);

        Assert.Equal(Pages(guest, 1), guest.DumpSwitcher());
        guest.Load(one);
        Assert.Equal(Pages(guest, 1), guest.DumpSwitcher());
        guest.Load(guest.NewSpace());
        Assert.Equal(Pages(guest, 1), guest.DumpSwitcher());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_ProcessorsInOneAddressSpace_SeeTheirOwnRegisterPages(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);
        guest.Run(0, cpu: 0);
        guest.Run(1, cpu: 1);

        Assert.Equal(Pages(guest, 0), guest.DumpSwitcher(0));
        Assert.Equal(Pages(guest, 1), guest.DumpSwitcher(1));
        ulong first = guest.RawShadow(Address(guest, 1), cpu: 0) & guest.Shape.AddressMask;
        ulong second = guest.RawShadow(Address(guest, 3), cpu: 1) & guest.Shape.AddressMask;
        Assert.NotEqual(first, second);
        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 0));
        Assert.Equal("0x50000", guest.Access(User, "wu", cpu: 1));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_StateAndCode_AreTheHostsFramesAndNeverWritable(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace());
        guest.Run(1);

        ulong code = guest.RawShadow(Address(guest, 0));
        ulong state = guest.RawShadow(Address(guest, 4));

        Assert.Equal(guest.Switcher!.Code.Value, (uint)((code & guest.Shape.AddressMask) >> 12));
        Assert.Equal(guest.Switcher.State(1).Value, (uint)((state & guest.Shape.AddressMask) >> 12));
        Assert.Equal(0UL, (code | state) & (RW | US));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_InLinearMode_ShowsThePairToo(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        Assert.Equal([Pages(guest, 0)[0]], guest.DumpSwitcher());

        guest.Run(0);

        Assert.Equal(Pages(guest, 0), guest.DumpSwitcher());
        Assert.Equal("0x5000", guest.Access(0x5000, "wk"));
    }

    [Theory]
    [InlineData(Format.TwoLevel, -1)]
    [InlineData(Format.Pae, 2)]
    public void PrepareToRun_OnAHostCpuThatDoesNotExist_IsTheCallersMistake(Format format, int hostCpu)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);

        Assert.ThrowsAny<ArgumentException>(() => guest.Mmu.PrepareToRun(0, hostCpu));
        Assert.Null(guest.Mmu.KillReason);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void PrepareToRun_OfAnUnmodifiedGuest_ShowsNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);
        guest.Load(guest.NewSpace().Map(0xFFFF_F000, 0x50, UserPage));

        guest.Run(0);

        Assert.Empty(guest.DumpSwitcher());
        Assert.Equal("0x50000", guest.Access(0xFFFF_F000, "wu"));
    }

    private static uint Address(TestGuest guest, int page) => guest.Shape.SwitcherAddress + ((uint)page << 12);

    private static string[] Pages(TestGuest guest, int hostCpu)
    {
        // Two-level entries have no bit that forbids fetching.
        char x = guest.Format == Format.Pae ? '-' : 'x';
        return
        [
            $"{TraceWords.Hex(Address(guest, 0))} switcher r-xk",
            $"{TraceWords.Hex(Address(guest, 1 + (2 * hostCpu)))} switcher rw{x}k",
            $"{TraceWords.Hex(Address(guest, 2 + (2 * hostCpu)))} switcher r-{x}k",
        ];
    }
}
