namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (vii): start and end; and translation for the host.</summary>
public sealed class LifecycleTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Create_StartsInLinearModeWithTheSwitchersCode(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);

        Assert.True(guest.Mmu.Cpu(0).IsLinear);
        Assert.Equal(-1, guest.Mmu.Cpu(0).HostCpu);
        Assert.Empty(guest.Dump());
        Assert.Single(guest.DumpSwitcher());
        Assert.Equal(format == Format.TwoLevel ? "two-level" : "pae", guest.Mmu.FormatName);
        Assert.NotEqual(Pfn.None, guest.Mmu.Cpu(0).Root);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Dispose_ReturnsEveryFrameOfALivelyGuest(Format format)
    {
        using HostMemory host = new(64);
        using (TestGuest guest = new GuestBuilder(format) { Host = host, Options = new ShadowOptions { Cpus = 2 } }.Build())
        {
            AddressSpace kernel = guest.NewKernelSpace();
            for (uint i = 0; i < 10; i++)
            {
                guest.Load(guest.NewSpace().Share(Kernel, kernel).Map(User, 0x50 + i, UserPage).MapLarge(User2, 0x400, UserPage), cpu: (int)i & 1);
                guest.Access(User, "wu", cpu: (int)i & 1);
                guest.Access(User2 + (i << 12), "wu", cpu: (int)i & 1);
                guest.Run((int)i & 1, cpu: (int)i & 1);
            }

            Assert.True(host.FramesInUse > 30);
        }

        Assert.Equal(0, host.FramesInUse);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Dispose_AfterAKill_ReturnsEveryFrameAndOthersGoOn(Format format)
    {
        using HostMemory host = new(64);
        using TestGuest lives = new GuestBuilder(format) { Host = host }.Build();
        lives.Load(lives.NewSpace().Map(User, 0x50, UserPage));
        lives.Access(User, "wu");
        int before = host.FramesInUse;

        using (TestGuest dies = new GuestBuilder(format) { Host = host }.Build())
        {
            dies.Load(dies.NewSpace().Map(User, 0x50, UserPage));
            dies.Access(User, "wu");
            dies.Killed(() => dies.Translate(FarUser));
        }

        Assert.Equal(before, host.FramesInUse);
        Assert.Equal("0x50000", lives.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetGuestData_KernelAddressInsideTheSwitcher_Kills(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        uint address = guest.Shape.SwitcherAddress + 0x1000;

        string reason = guest.Killed(() => guest.Mmu.SetGuestData(new Gva(address)));

        Assert.Contains(TraceWords.Hex(address), reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetGuestData_MovesTheKernelHalf(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { OnFlush = FlushPolicy.Discard });
        guest.Then(() => guest.Mmu.SetGuestData(new Gva(0x8000_0000)));
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage).Map(0x8000_0000, 0x51, KernelPage));
        guest.Access(User, "wu");
        guest.Access(0x8000_0000, "wk");

        guest.FlushUser();

        Assert.Equal(["0x80000000 0x51000 rwxk"], guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void TranslateGuest_WalksTheGuestsTablesAndTouchesNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        Assert.Equal("0x5123", guest.Translate(0x5123));
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(Kernel, 0x51, P);
        guest.Load(space);

        Assert.Equal("0x50123", guest.Translate(User + 0x123));
        Assert.Equal("0x51fff", guest.Translate(Kernel + 0xFFF));
        Assert.True(guest.Mmu.TryTranslateGuest(0, new Gva(User), out Gpa found));
        Assert.Equal(0x50_000UL, found.Value);
        Assert.False(guest.Mmu.TryTranslateGuest(0, new Gva(FarUser), out _));
        Assert.Equal(0x50_000 | UserPage, space.Entry(User));
        Assert.Empty(guest.Dump());
        Assert.Null(guest.Mmu.KillReason);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Create_KernelAddressInsideTheSwitcher_MakesAGuestThatIsDeadWithAReason(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { KernelAddress = new(0xFFFF_0000) });

        Assert.Contains("0xffff0000", guest.Mmu.KillReason, StringComparison.Ordinal);
        Assert.Throws<GuestKilledException>(() => guest.Load(guest.NewSpace()));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void GuestLeaves_ListsTheGuestsOwnTablesWithoutTouchingThem(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, P).Map(FarUser, 0x52, UserPage);
        guest.Load(space);

        ShadowLeaf[] leaves = [.. guest.Mmu.GuestLeaves(0, new Gva(User), new Gva(FarUser - 1))];

        Assert.Equal(["0x400000 0x50000 rwxu", "0x401000 0x51000 r-xk"], leaves.Select(TraceWords.Of));
        Assert.Equal(0x50_000 | UserPage, space.Entry(User));
        Assert.Empty(guest.Dump());
    }

    [Fact]
    public void Create_OptionsBelowTheMinimum_AreRefusedWithAMessage()
    {
        using HostMemory host = new(16);
        using GuestMemory memory = new(host, 1024);
        using Switcher switcher = new(host, 1);
        int frames = host.FramesInUse;
        foreach (ShadowOptions options in new ShadowOptions[]
        {
            new() { Cpus = 0 },
            new() { Cpus = ShadowOptions.MaxCpus + 1 },
            new() { Cpus = 4, Slots = 3 },
            new() { Slots = 0 },
            new() { Prefault = 0 },
            new() { Prefault = 1025 },
            new() { TableBudget = 1 },
            new() { TableBudget = -1 },
            new() { SwitcherAddress = new Gva(0xFFC0_1000) },
            new() { Devices = [new(new Gpa(0x1000), 0)] },
        })
        {
            Exception? refused = Record.Exception(() => ShadowMmu.CreateTwoLevel(memory, options, switcher).Dispose());
            Assert.True(refused is ArgumentException, $"{options} gave {refused}");
            Assert.NotEmpty(refused!.Message);
            Assert.Equal(frames, host.FramesInUse);
        }
    }

    [Fact]
    public void Create_SwitcherAndKindThatDoNotFit_AreRefused()
    {
        using HostMemory host = new(16);
        using GuestMemory memory = new(host, 1024);
        using Switcher switcher = new(host, 1);

        Assert.ThrowsAny<ArgumentException>(() => ShadowMmu.CreatePae(memory, new ShadowOptions(), null));
        Assert.ThrowsAny<ArgumentException>(
            () => ShadowMmu.CreatePae(memory, new ShadowOptions { Guest = GuestKind.Unmodified, Coherence = Coherence.Watched }, switcher));
    }
}
