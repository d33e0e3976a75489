namespace Gnomon.Shadow.Tests.Rules;

/// <summary>Spec §4a, "Locks": shootdowns are acknowledged, and nothing is lost while several threads race.</summary>
public sealed class LockTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ChangeThatTakesRightsAway_ReturnsOnlyAfterEveryProcessorHasDroppedThem(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);
        guest.Access(User, "wu", cpu: 1);
        TranslationMailbox mailbox = guest.Mmu.Cpu(1).Mailbox;
        mailbox.Enter();

        Thread change = new(() => guest.Mmu.SetPte(0, new Gpa(space.Directory), new Gva(User), 0));
        change.Start();
        bool early = change.Join(TimeSpan.FromMilliseconds(30));
        int handled = guest.Tlb(1).Orders.Count;
        while (!change.Join(0))
        {
            mailbox.Poll();
        }

        mailbox.Leave();

        Assert.False(early, "the change was complete although a processor still had the translation");
        Assert.True(guest.Tlb(1).Orders.Count > handled);
        Assert.Contains(guest.Tlb(1).Orders, order => order.Covers(new Gva(User)));
        Assert.Equal("none", guest.Leaf(User, cpu: 1));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ProcessorOutsideTheGuest_IsNotWaitedForAndDropsBeforeItEnters(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space, cpu: 1);
        guest.Load(space, cpu: 0);
        guest.Access(User, "wu", cpu: 1);

        guest.SetPte(space, User, 0);

        Assert.DoesNotContain(guest.Tlb(1).Orders, order => order.Covers(new Gva(User)));
        Assert.Equal("guest-fault 0x6", guest.Access(User, "wu", cpu: 1));
        Assert.Contains(guest.Tlb(1).Orders, order => order.Covers(new Gva(User)));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Reclaim_WaitsUntilTheFrameIsOutOfEveryTlb(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore(), Options = new ShadowOptions { Cpus = 2 } }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space, cpu: 1);
        guest.Access(User, "wu", cpu: 1);
        Pfn frame = guest.Memory.Page(new Gfn(0x50)).Frame;
        bool stillHeld = false;
        guest.Tlb(1).OnInvalidate = () =>
        {
            stillHeld = guest.Host.References(frame) > 0;
            guest.Host.Bytes(frame)[0] = 0x77;
        };
        using (new Inside(guest.Mmu.Cpu(1).Mailbox))
        {
            Assert.Equal(PageStatus.Ok, guest.Memory.Reclaim(new Gfn(0x50)));
        }

        // The processor's last store, before it heard, is in what was kept.
        Assert.True(stillHeld);
        Assert.Equal(0x77UL, guest.Peek(0x50_000) & 0xFF);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void ProcessorsThatRaceWithReclaim_LoseNoStore(Format format)
    {
        const int pages = 24;
        const int rounds = 3000;
        using TestGuest guest = new GuestBuilder(format)
        {
            Store = new MemoryStore(),
            Audited = false,
            Options = new ShadowOptions { Cpus = 2 },
        }.Build();
        AddressSpace space = guest.NewSpace().MapRange(User, 0x50, 2 * pages, UserPage);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);
        using CountdownEvent running = new(2);
        Exception? failed = null;
        Thread[] processors = [.. Enumerable.Range(0, 2).Select(cpu => new Thread(() => Work(cpu)))];
        Array.ForEach(processors, thread => thread.Start());
        Random random = new(5);
        while (!running.IsSet)
        {
            lock (guest.Memory.Gate)
            {
                guest.Memory.Reclaim(new Gfn(0x50 + (uint)random.Next(2 * pages)));
                guest.Mmu.Trim(random.Next(2));
            }
        }

        Array.ForEach(processors, thread => thread.Join());
        Assert.Null(failed);
        guest.Check();
        for (uint i = 0; i < 2 * pages; i++)
        {
            Assert.Equal(rounds, (int)(guest.Peek((0x50 + i) << 12) & 0xFFFF_FFFF));
        }

        // Each processor counts in every page of its half; a store that goes into a frame already taken back is lost and shows.
        void Work(int cpu)
        {
            try
            {
                for (int round = 0; round < rounds; round++)
                {
                    for (int page = 0; page < pages; page++)
                    {
                        Increment(guest, cpu, User + (uint)(((cpu * pages) + page) << 12));
                    }
                }
            }
            catch (Exception exception)
            {
                failed = exception;
            }
            finally
            {
                running.Signal();
            }
        }
    }

    private static void Increment(TestGuest guest, int cpu, uint address)
    {
        PageAccess write = new(PageFaultCode.Write | PageFaultCode.User);
        TranslationMailbox mailbox = guest.Mmu.Cpu(cpu).Mailbox;
        while (true)
        {
            mailbox.Enter();
            bool found = guest.Mmu.TryWalkShadow(cpu, new Gva(address), write, out HardwareTranslation hit);
            if (found)
            {
                Span<byte> place = guest.Host.Bytes(hit.Frame);
                BitConverter.TryWriteBytes(place, BitConverter.ToInt32(place) + 1);
            }

            mailbox.Leave();
            if (found)
            {
                return;
            }

            lock (guest.Memory.Gate)
            {
                Assert.Equal(FaultKind.Mapped, guest.Mmu.DemandPage(cpu, new Gva(address), write.Code).Kind);
            }
        }
    }
}
