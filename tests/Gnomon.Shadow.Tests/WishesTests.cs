namespace Gnomon.Shadow.Tests;

/// <summary>Spec §6: what the original left open and Gnomon grants, each as its "how it is shown" says.</summary>
public sealed class WishesTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Prefault_TakesFewerFaultsAndShowsTheSame(Format format)
    {
        (string[] answers, ulong[] entries, long faults) alone = Run(1);
        (string[] answers, ulong[] entries, long faults) window = Run(16);

        Assert.Equal(alone.answers, window.answers);
        Assert.Equal(alone.entries, window.entries);
        Assert.True(window.faults * 4 < alone.faults, $"{window.faults} faults with a window, {alone.faults} without");

        (string[] Answers, ulong[] Entries, long Faults) Run(int prefault)
        {
            using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Prefault = prefault });
            AddressSpace space = guest.NewSpace();
            for (uint i = 0; i < 64; i++)
            {
                // Used pages, some without the right to write, some clean, every eighth fresh, one hole.
                ulong flags = (i % 8) switch { 0 => UserPage, 1 => P | US | A, 2 => UserPage | A, _ => UserPage | A | D };
                guest.Fill(0x50 + i, 1);
                space.Map(User + (i << 12), 0x50 + i, i == 33 ? 0 : flags);
            }

            guest.Load(space);
            string[] answers = [.. Enumerable.Range(0, 64).Select(i => guest.Access(User + ((uint)i << 12), i % 3 == 0 ? "wu" : "ru"))];
            return (answers, [.. Enumerable.Range(0, 64).Select(i => space.Entry(User + ((uint)i << 12)))], guest.Statistics.Faults);
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Prefault_TouchesNothingThatTheGuestHasNotUsed(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Prefault = 16, Devices = [new(new Gpa(0x53_000), 0x1000)] });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage | A | D)
            .Map(User + 0x1000, 0x51, UserPage)
            .Map(User + 0x2000, 0x52, UserPage | A)
            .Map(User + 0x3000, 0x53, UserPage | A | D)
            .Map(User + 0x4000, 0x1000, UserPage | A | D)
            .Map(User + 0x5000, 0x55, UserPage | A | D);
        guest.Fill(0x51, 1);
        guest.Fill(0x52, 1);
        guest.Fill(0x53, 1);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "wu"));

        // 0x51 is not accessed, 0x53 is a device, 0x1000 no page, 0x55 has no frame yet.
        Assert.Equal(["0x400000 0x50000 rwxu", "0x402000 0x52000 r-xu"], guest.Dump());
        Assert.Equal(1, guest.Statistics.LeavesPrefaulted);
        Assert.Equal(0x51_000 | UserPage, space.Entry(User + 0x1000));
        Assert.Null(guest.Mmu.KillReason);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Prefault_OfALargePage_IsSixteenTimesAsWide(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Prefault = 4 });
        for (uint page = 0x400; page < 0x480; page++)
        {
            guest.Fill(page, 1);
        }

        guest.Load(guest.NewSpace().MapLarge(User, 0x400, UserPage));

        Assert.Equal("0x405000", guest.Access(User + 0x5000, "wu"));

        Assert.Equal(64, guest.Dump().Length);
        Assert.Equal("0x43f000", guest.Access(User + 0x3F000, "wu"));
        Assert.Equal(1, guest.Statistics.Faults);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Policies_AndAnyNumberOfSlots_ShowTheSameRun(Format format)
    {
        string[]? first = null;
        foreach (string policy in new[] { "lru", "clock", "random" })
        {
            foreach (int slots in new[] { 1, 2, 5, 64 })
            {
                using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Slots = slots, Policy = Rows.Policy(policy) });
                AddressSpace kernel = guest.NewKernelSpace();
                AddressSpace[] spaces = [.. Enumerable.Range(0, 8).Select(i => guest.NewSpace().Share(Kernel, kernel).Map(User, 0x50 + (uint)i, UserPage))];
                Random random = new(11);
                string[] answers = [.. Enumerable.Range(0, 80).Select(_ => Step(guest, spaces[random.Next(8)], random.Next(4)))];
                first ??= answers;
                Assert.Equal(first, answers);
                Assert.True(slots >= 8 == (guest.Statistics.RootsReplaced == 0));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void HostReclaim_CostsTheMappingsOfThePageAndNoMore(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace space = guest.NewSpace().MapRange(User, 0x100, 200, UserPage).Map(User2, 0x50, UserPage).Map(FarUser, 0x50, UserPage);
        guest.Load(space);
        for (uint i = 0; i < 200; i++)
        {
            guest.Access(User + (i << 12), "wu");
        }

        guest.Access(User2, "wu");
        guest.StoreAt(FarUser, 5, "u");
        long released = guest.Statistics.LeavesReleased;

        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));

        Assert.Equal(2, guest.Statistics.LeavesReleased - released);
        Assert.Equal(200, guest.Dump().Length);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void TwoGuestsThatExceedTheHostTogether_RunToTheEndWithASwapFile(Format format)
    {
        const uint pages = 300;
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using HostMemory host = new(2);
        using SwapFile swap = new(path, 16);
        using TestGuest one = new GuestBuilder(format) { Host = host, Store = swap, Audited = false }.Build();
        using TestGuest two = new GuestBuilder(format) { Host = host, Store = swap, Audited = false }.Build();
        TestGuest[] guests = [one, two];
        Assert.True(2 * pages > host.FrameLimit);
        foreach (TestGuest guest in guests)
        {
            guest.Load(guest.NewSpace().MapRange(User, 0x50, (int)pages, UserPage));
        }

        for (ulong round = 1; round <= 3; round++)
        {
            for (uint i = 0; i < pages; i++)
            {
                Assert.Equal("stored", one.StoreAt(User + (i << 12), (round << 16) | i, "u"));
                Assert.Equal("stored", two.StoreAt(User + (i << 12), (round << 16) | 0x8000 | i, "u"));
            }
        }

        for (uint i = 0; i < pages; i++)
        {
            Assert.Equal((3U << 16) | i, one.ReadAt(User + (i << 12)));
            Assert.Equal((3U << 16) | 0x8000 | i, two.ReadAt(User + (i << 12)));
        }

        Assert.True(one.Statistics.PagesEvicted + two.Statistics.PagesEvicted > 0);
        Assert.Null(one.Mmu.KillReason ?? two.Mmu.KillReason);
        one.Check();
        two.Check();
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void KernelUpdate_CostsTheSameWhateverTheNumberOfSpaces(Format format)
    {
        Assert.Equal(CostWith(2), CostWith(60));

        string CostWith(int count)
        {
            using TestGuest guest = GuestBuilder.Paravirtual(format);
            AddressSpace kernel = guest.NewSpace().Map(Kernel, 0x50, KernelPage);
            AddressSpace[] spaces = [.. Enumerable.Range(0, count).Select(_ => guest.NewSpace().Share(Kernel, kernel))];
            foreach (AddressSpace space in spaces)
            {
                guest.Load(space);
                guest.Access(Kernel, "wk");
            }

            guest.Fill(0x51, 1);
            Dictionary<string, long> before = guest.Statistics.All().ToDictionary();
            guest.SetPte(spaces[0], Kernel, 0x51_000 | KernelPage | A | D);
            string cost = string.Join(" ", guest.Statistics.All().Where(now => now.Value != before[now.Key]).Select(now => $"{now.Key} +{now.Value - before[now.Key]}"));
            foreach (AddressSpace space in spaces)
            {
                guest.Load(space);
                Assert.Equal("0x51000 rwk", guest.Leaf(Kernel));
            }

            return cost;
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void FullFlush_KeepsWhatIsStillTrue(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace[] spaces = [.. Enumerable.Range(0, 4).Select(i => guest.NewSpace().MapRange(User, 0x50 + ((uint)i * 0x40), 32, UserPage))];
        foreach (AddressSpace space in spaces)
        {
            guest.Load(space);
            Touch(guest);
        }

        long faults = guest.Statistics.Faults;
        guest.ClearAll();
        foreach (AddressSpace space in spaces)
        {
            guest.Load(space);
            Touch(guest);
        }

        Assert.Equal(faults, guest.Statistics.Faults);

        static void Touch(TestGuest guest)
        {
            for (uint i = 0; i < 32; i++)
            {
                guest.Access(User + (i << 12), "wu");
            }
        }
    }

    [Fact]
    public void ChangeOfAKernelMapping_ThrowsNothingElseAway()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(Kernel, 0x51, KernelPage).Map(Kernel2, 0x52, KernelPage);
        guest.Load(space);
        guest.Access(User, "wu");
        guest.Access(Kernel, "wk");
        guest.Access(Kernel2, "wk");

        guest.SetLevel2(space, Kernel2, 0);

        Assert.Equal(["0x400000 0x50000 rwxu", "0xc0000000 0x51000 rwxk"], guest.Dump());
        Assert.Equal(1, guest.Statistics.LeavesReleased);
    }

    private static string Step(TestGuest guest, AddressSpace space, int what)
    {
        guest.Load(space);
        switch (what)
        {
            case 0:
                guest.SetPte(space, User + 0x1000, 0x90_000 | UserPage | A | D);
                break;
            case 1:
                guest.SetPte(space, User + 0x1000, 0);
                break;
            case 2:
                guest.FlushUser();
                break;
            default:
                break;
        }

        return $"{guest.Access(User, "wu")} {guest.Access(User + 0x1000, "ru")} {guest.Access(StackTop - 1, "wk")}";
    }
}
