namespace Gnomon.Shadow.Tests.Rules;

/// <summary>Spec §4a, "Resynchronise": only live entries are compared, and only those that differ go.</summary>
public sealed class ResynchroniseTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Resynchronise_DropsWhatDiffersAndKeepsTheRest(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().MapRange(User, 0x50, 64, UserPage);
        guest.Load(space);
        for (uint i = 0; i < 64; i++)
        {
            guest.Access(User + (i << 12), "wu");
        }

        space.Poke(User + 0x5000, 0);
        space.Poke(User + 0x2_1000, 0x90_000 | UserPage);
        long faults = guest.Statistics.Faults;
        guest.FlushUser();

        Assert.Equal(62, guest.Dump().Length);
        Assert.Equal(2, guest.Statistics.EntriesDropped);
        Assert.Equal("0x90000", guest.Access(User + 0x2_1000, "ru"));
        Assert.Equal("guest-fault 0x4", guest.Access(User + 0x5000, "ru"));
        Assert.Equal(2, guest.Statistics.Faults - faults);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Resynchronise_EveryEntryOfATable_IsLookedAt(Format format)
    {
        using TestGuest guest = new GuestBuilder(format) { Audited = false }.Build();
        AddressSpace space = guest.NewSpace();
        uint entries = (uint)guest.Shape.TableEntries;
        space.MapRange(User, 0x100, (int)entries, P | US | A);
        guest.Load(space);
        for (uint i = 0; i < entries; i++)
        {
            guest.Access(User + (i << 12), "ru");
        }

        for (uint i = 0; i < entries; i += 13)
        {
            space.Poke(User + (i << 12), ((ulong)(0x600 + i) << 12) | P | US);
            guest.FlushUser();
            Assert.Equal(TraceWords.Hex((0x600 + i) << 12), guest.Access(User + (i << 12), "ru"));
        }

        guest.Check();
    }

    [Theory]
    [InlineData(Format.TwoLevel, A)]
    [InlineData(Format.Pae, A)]
    [InlineData(Format.TwoLevel, D)]
    [InlineData(Format.Pae, D)]
    [InlineData(Format.TwoLevel, RW)]
    [InlineData(Format.Pae, RW)]
    [InlineData(Format.TwoLevel, US)]
    [InlineData(Format.Pae, US)]
    [InlineData(Format.TwoLevel, 1UL << 9)]
    [InlineData(Format.Pae, 1UL << 9)]
    public void Resynchronise_AnyBitThatDiffers_MakesTheEntryGo(Format format, ulong bit)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        space.Poke(User, space.Entry(User) ^ bit);
        guest.FlushUser();

        Assert.Equal("none", guest.Leaf(User));
    }

    [Fact]
    public void Resynchronise_HighHalfOfAPaeEntry_IsComparedToo()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "xu"));

        space.Poke(User, space.Entry(User) | NX);
        guest.FlushUser();

        Assert.Equal("guest-fault 0x15", guest.Access(User, "xu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Resynchronise_OfAReusedRoot_KeepsOnlyWhatTheNewTableHasToo(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Slots = 1 });
        AddressSpace first = guest.NewSpace().Map(Kernel, 0x50, KernelPage).Map(User, 0x60, UserPage);
        AddressSpace second = guest.NewSpace().Share(Kernel, first).Map(User, 0x61, UserPage);
        guest.Load(first);
        guest.Access(Kernel, "wk");
        guest.Access(User, "wu");

        guest.Load(second);

        Assert.Equal("0x50000 rwk", guest.Leaf(Kernel));
        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(1, guest.Statistics.RootsReplaced);
        Assert.Equal(1, guest.References(0x60));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Resynchronise_TwiceInARow_ComparesAgainWhatChangedMeanwhile(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        for (uint page = 0x50; page < 0x58; page++)
        {
            Assert.Equal(TraceWords.Hex(page << 12), guest.Access(User, "wu"));
            space.Poke(User, ((ulong)(page + 1) << 12) | UserPage);
            guest.FlushUser();
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Resynchronise_TheEnginesOwnDirty_IsNoDifferenceInAnyShadowOfTheTable(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, Coherence.Watched, o => o with { Cpus = 2 });
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Mmu.SetControls(1, PagingControls.All & ~PagingControls.WriteProtect);
        guest.Load(space, cpu: 0);
        guest.Load(space, cpu: 1);
        guest.Access(User, "ru", cpu: 0);
        guest.Access(User, "ru", cpu: 1);

        // D goes into the guest's entry; the other virtual CPU's shadow, of another role, was made from the entry without it.
        guest.Access(User, "wu", cpu: 0);
        guest.FlushUser(cpu: 1);

        Assert.Equal(0, guest.Statistics.EntriesDropped);
        Assert.Equal("0x50000 r-u", guest.Leaf(User, cpu: 1));
    }
}
