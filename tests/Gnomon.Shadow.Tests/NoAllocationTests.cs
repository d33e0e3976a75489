namespace Gnomon.Shadow.Tests;

/// <summary>Once warm, the hot paths allocate nothing on the managed heap.</summary>
public sealed class NoAllocationTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Faults_OnceWarm_AllocateNothing(Format format)
    {
        using TestGuest guest = Quiet(format, new ShadowOptions { OnFlush = FlushPolicy.Discard });
        guest.Load(guest.NewSpace().MapRange(User, 0x50, 64, UserPage));

        AllocatesNothing(() =>
        {
            for (uint i = 0; i < 64; i++)
            {
                guest.Mmu.DemandPage(0, new Gva(User + (i << 12)), PageFaultCode.User);
                guest.Mmu.DemandPage(0, new Gva(User + (i << 12)), PageFaultCode.User | PageFaultCode.Write);
                guest.Mmu.DemandPage(0, new Gva(FarUser), PageFaultCode.User);
            }

            guest.Mmu.FlushUser(0);
        });
        Assert.True(guest.Statistics.LeavesMapped > 64);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Updates_OnceWarm_AllocateNothing(Format format)
    {
        using TestGuest guest = Quiet(format, new ShadowOptions());
        AddressSpace space = guest.NewSpace().MapRange(User, 0x50, 64, UserPage).Map(Kernel, 0x50, KernelPage);
        guest.Load(space);
        guest.Mmu.DemandPage(0, new Gva(User), PageFaultCode.User);
        guest.Mmu.DemandPage(0, new Gva(Kernel), PageFaultCode.Write);
        for (uint i = 0; i < 64; i++)
        {
            guest.Fill(0x50 + i, 1);
        }

        Gpa directory = new(space.Directory);
        AllocatesNothing(() =>
        {
            for (uint i = 0; i < 64; i++)
            {
                // Many mappings of one page: chains of the reverse map come and go.
                guest.Mmu.SetPte(0, directory, new Gva(User + (i << 12)), 0x50_000 | UserPage | A | D);
            }

            for (uint i = 0; i < 64; i++)
            {
                guest.Mmu.SetPte(0, directory, new Gva(User + (i << 12)), 0);
            }

            guest.Mmu.SetPte(0, directory, new Gva(Kernel), 0x51_000 | KernelPage | A | D);
            guest.Mmu.SetPgd(0, directory, 0);
            guest.Mmu.DemandPage(0, new Gva(User), PageFaultCode.User);
        });
        Assert.True(guest.Statistics.LeavesConverted > 64);
    }

    [Theory]
    [MemberData(nameof(Rows.Policies), MemberType = typeof(Rows))]
    public void Switches_OnceWarm_AllocateNothing(Format format, string policy)
    {
        using TestGuest guest = Quiet(format, new ShadowOptions { Slots = 3, Policy = Rows.Policy(policy) });
        AddressSpace[] spaces = [.. Enumerable.Range(0, 5).Select(i => guest.NewKernelSpace().Map(User, 0x50 + (uint)i, UserPage))];
        guest.Load(spaces[0]);
        guest.Stack(StackTop, 1);

        AllocatesNothing(() =>
        {
            foreach (AddressSpace space in spaces)
            {
                guest.Mmu.LoadPageTable(0, new Gpa(space.Directory));
                guest.Mmu.PrepareToRun(0, 0);
                guest.Mmu.DemandPage(0, new Gva(User), PageFaultCode.User | PageFaultCode.Write);
                guest.Mmu.PrepareToRun(0, 1);
            }
        });
        Assert.True(guest.Statistics.RootsReplaced > 5);
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void Flushes_OnceWarm_AllocateNothing(Format format, FlushPolicy flush)
    {
        using TestGuest guest = Quiet(format, new ShadowOptions { OnFlush = flush });
        AddressSpace space = guest.NewKernelSpace().MapRange(User, 0x50, 32, UserPage);
        guest.Load(space);
        guest.Stack(StackTop, 1);

        AllocatesNothing(() =>
        {
            for (uint i = 0; i < 32; i++)
            {
                guest.Mmu.DemandPage(0, new Gva(User + (i << 12)), PageFaultCode.User);
            }

            guest.Mmu.FlushUser(0);
            guest.Mmu.InvalidatePage(0, new Gva(User));
            guest.Mmu.TranslateGuest(0, new Gva(User));
            guest.Mmu.PinPage(0, new Gva(StackTop - 1));
            guest.Mmu.ClearAll(0);
        });
        Assert.True(guest.Statistics.FullFlushes > 0);
    }

    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void WatchedStores_OnceWarm_AllocateNothing(Format format, Coherence coherence)
    {
        using TestGuest guest = Quiet(format, new ShadowOptions { Guest = GuestKind.Unmodified, Coherence = coherence });
        AddressSpace space = guest.NewSpace().MapRange(User, 0x50, 8, UserPage);
        guest.Load(space);
        guest.Mmu.DemandPage(0, new Gva(User), PageFaultCode.User);
        Gpa place = new(space.PlaceOf(User));
        byte[] one = BitConverter.GetBytes(0x50_000 | UserPage | A)[..guest.Shape.EntrySize];
        byte[] two = BitConverter.GetBytes(0x51_000 | UserPage | A)[..guest.Shape.EntrySize];

        AllocatesNothing(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                guest.Memory.Write(place, (i & 1) == 0 ? one : two);
                guest.Mmu.InvalidatePage(0, new Gva(User));
                guest.Mmu.DemandPage(0, new Gva(User), PageFaultCode.User);
                guest.Mmu.LoadPageTable(0, new Gpa(space.Directory));
            }
        });
        Assert.True(guest.Statistics.WatchedStores > 20);
    }

    private static void AllocatesNothing(Action work)
    {
        // Tiered compilation and the growth of maps are part of warming up.
        for (int i = 0; i < 50; i++)
        {
            work();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        work();
        work();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    // No auditor, which allocates, and no TLB of the tests.
    private static TestGuest Quiet(Format format, ShadowOptions options)
    {
        TestGuest guest = new GuestBuilder(format) { Options = options, Audited = false }.Build();
        guest.Mmu.Cpu(0).Mailbox.Attach(null);
        return guest;
    }
}
