namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Spec §5, faults 6 and 8: memory without account, and what happened when the host ran out.</summary>
public sealed class OriginalFaultsMemoryTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault06_TableBudget_IsNeverExceededAndNothingFails(Format format)
    {
        const int budget = 32;
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { TableBudget = budget });
        AddressSpace space = guest.NewSpace();
        for (uint i = 0; i < 64; i++)
        {
            space.Map(i << 24, 0x50 + i, UserPage);
        }

        guest.Load(space);
        for (uint round = 0; round < 2; round++)
        {
            for (uint i = 0; i < 64; i++)
            {
                Assert.Equal(TraceWords.Hex((0x50 + i) << 12), guest.Access(i << 24, "wu"));
            }
        }

        Assert.InRange(guest.Statistics.TablesPeak, 1, budget);
        Assert.True(guest.Statistics.TablesTrimmed > 0);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault06_Shrinker_GivesTablesBackAndThePagesComeAgain(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");
        guest.Access(User2, "wu");
        int frames = guest.Host.FramesInUse;

        int trimmed = guest.Then(() => guest.Mmu.Trim(int.MaxValue));

        Assert.True(trimmed >= 2);
        Assert.True(guest.Host.FramesInUse <= frames - trimmed, "the tables went, their frames stayed");
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal("0x51000", guest.Access(User2, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault08_StartThatFailsAtAnyAllocation_GivesEveryFrameBack(Format format)
    {
        int failures = 0;
        for (int position = 1; ; position++)
        {
            using HostMemory host = new(16);
            using GuestMemory memory = new(host, 1024);
            using Switcher switcher = new(host, 2);
            int before = host.FramesInUse;
            host.FailAfter = position;
            try
            {
                using IShadowMmu mmu = format == Format.TwoLevel
                    ? ShadowMmu.CreateTwoLevel(memory, new ShadowOptions(), switcher)
                    : ShadowMmu.CreatePae(memory, new ShadowOptions(), switcher);
                break;
            }
            catch (InsufficientMemoryException)
            {
                failures++;
                Assert.Equal(before, host.FramesInUse);
            }
        }

        Assert.True(failures > 0);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault08_HostWithoutAFrame_TrimsTablesBeforeAnythingElse(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { HostMiB = 1, Store = new MemoryStore { Full = true } }.Build();
        AddressSpace space = guest.NewSpace();
        for (uint i = 0; i < 30; i++)
        {
            space.Map(User + (i << 22), 0x50 + i, UserPage);
        }

        guest.Load(space);
        for (uint i = 0; i < 30; i++)
        {
            guest.Access(User + (i << 22), "ru");
            guest.Fill(0x50 + i, 1);
        }

        uint page = 0x200;
        while (guest.Host.FramesInUse < guest.Host.FrameLimit)
        {
            guest.Fill(page++, 1);
        }

        space.Poke(User, 0x300_000 | UserPage);
        guest.Announce(space, User, 0x300_000 | UserPage);

        Assert.Equal("0x300000", guest.Access(User, "wu"));
        Assert.True(guest.Statistics.TablesTrimmed > 0);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault08_HostWithoutAFrameAndNothingToTrim_EvictsAPage(Format format)
    {
        MemoryStore store = new();
        using TestGuest guest = new GuestBuilder(format) { HostMiB = 1, Store = store }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x300, UserPage);
        guest.Load(space);
        uint page = 0x400;
        while (guest.Host.FramesInUse < guest.Host.FrameLimit)
        {
            guest.Fill(page++, 1);
        }

        Assert.Equal("0x300000", guest.Access(User, "wu"));

        Assert.True(guest.Statistics.PagesEvicted > 0);
        Assert.True(store.Count > 0);
        Assert.Null(guest.Mmu.KillReason);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault08_HostWithNothingLeftToTake_KillsWithAReasonThatSaysSo(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { HostMiB = 1 }.Build();
        AddressSpace space = guest.NewSpace().MapRange(User, 0x300, 512, UserPage);
        guest.Load(space);

        string reason = guest.Killed(() =>
        {
            for (uint i = 0; i < 512; i++)
            {
                Assert.Equal("stored", guest.StoreAt(User + (i << 12), 1, "u"));
            }
        });

        Assert.Matches("(?i)memory|frame", reason);
        Assert.True(guest.Host.FramesInUse > guest.Host.FrameLimit - 8, "it gave up although frames were left");
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault08_AllocationsThatFailForAMoment_DoNotKillAGuestThatHasSomethingToGive(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x51, UserPage).Map(FarUser, 0x52, UserPage);
        guest.Load(space);
        guest.StoreAt(User, 0x77, "u");
        guest.StoreAt(User2, 0x78, "u");

        guest.Host.FailNextAllocations(1);

        Assert.Equal("0x52000", guest.Access(FarUser, "wu"));
        Assert.Equal("0x50000", guest.Access(User, "ru"));
    }
}
