namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Spec §5, faults 15 to 20: translation, pinning, write-back, replacement, attributes, coherence.</summary>
public sealed class OriginalFaultsStateTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault15_TranslationOfAnAddressWithoutATable_KillsAndGivesNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewSpace().Map(User, 0x50, UserPage));
        string translation = "nothing";

        string reason = guest.Killed(() => translation = guest.Translate(FarUser + 0x123));

        Assert.Equal("nothing", translation);
        Assert.Contains("0x40400", reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault15_TranslationOfALargePage_IsNotTakenForATable(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().MapLarge(User, 0x400, UserPage);
        guest.Load(space);
        guest.Poke(0x40_0000 + 0x14, 0x50_000 | UserPage);

        Assert.Equal("0x405123", guest.Translate(User + 0x5123));
    }

    [Fact]
    public void Fault15_TranslationAbove4GiB_IsNotCutTo32Bits()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x10_0050, UserPage);
        guest.Load(space);
        string translation = "killed";

        try
        {
            translation = guest.Translate(User + 0x123);
        }
        catch (GuestKilledException killed)
        {
            Assert.Contains("0x100050", killed.Message, StringComparison.Ordinal);
        }

        Assert.True(translation is "killed" or "0x100050123", translation);
    }

    [Theory]
    [InlineData(Format.TwoLevel, false)]
    [InlineData(Format.Pae, false)]
    [InlineData(Format.TwoLevel, true)]
    [InlineData(Format.Pae, true)]
    public void Fault16_PinThatFails_KillsAndWritesNothingIntoTheGuestsEntry(Format format, bool pin)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Memory.Declare(new Gfn(0x50), 1, GuestPageState.Hole);
        guest.Load(space);

        string reason = guest.Killed(pin ? () => guest.Pin(User) : () => guest.Fault(User, 6));

        Assert.Contains("0x50", reason, StringComparison.Ordinal);
        Assert.Equal(0x50_000 | UserPage, space.Entry(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault16_StoreToAReadOnlyPage_KillsAndWritesNothingIntoTheGuestsEntry(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Memory.Declare(new Gfn(0x50), 1, GuestPageState.ReadOnly);
        guest.Load(space);

        guest.Killed(() => guest.Fault(User, 6));

        Assert.Equal(0x50_000 | UserPage, space.Entry(User));
    }

    [Theory]
    [InlineData(Format.TwoLevel, P | US | A | D)]
    [InlineData(Format.Pae, P | US | A | D)]
    [InlineData(Format.TwoLevel, P | RW | US | A | D)]
    [InlineData(Format.Pae, P | RW | US | A | D)]
    public void Fault17_ReadOfADirtySharedPage_DoesNotBreakSharing(Format format, ulong flags)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Fill(0x50, 7);
        Assert.Equal(PageStatus.Ok, guest.Memory.Share(out GuestMemory? clone));
        using GuestMemory other = clone!;
        AddressSpace space = guest.NewSpace().Map(User, 0x50, flags);
        guest.Load(space);
        long breaks = guest.Memory.SharingBreaks;

        Assert.Equal("0x50000", guest.Access(User, "ru"));

        Assert.Equal("0x50000 r-u", guest.Leaf(User));
        Assert.Equal(breaks, guest.Memory.SharingBreaks);
        Assert.Equal(other.Page(new Gfn(0x50)).Frame, guest.Memory.Page(new Gfn(0x50)).Frame);
    }

    [Theory]
    [InlineData(Format.TwoLevel, P | US | A | D)]
    [InlineData(Format.Pae, P | US | A | D)]
    [InlineData(Format.TwoLevel, P | RW | US | A | D)]
    [InlineData(Format.Pae, P | RW | US | A | D)]
    public void Fault17_ReadOfADirtyReadOnlyPage_DoesNotKill(Format format, ulong flags)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Memory.Declare(new Gfn(0x50), 1, GuestPageState.ReadOnly);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, flags);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal("0x50000 r-u", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault18_EntryThatChangesWhileThePageIsBrought_IsWalkedAgainAndNotOverwritten(Format format)
    {
        MemoryStore store = new();
        using TestGuest guest = new GuestBuilder(format) { Store = store }.Build();
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Fill(0x50, 1);
        guest.Fill(0x51, 2);
        guest.Load(space);
        Assert.Equal(PageStatus.Ok, guest.Reclaim(0x50));

        // Another virtual CPU of the guest changes the entry between the walk and the write-back of A and D.
        ulong place = space.PlaceOf(User);
        store.OnLoad = () => guest.Poke(place, 0x51_000 | UserPage);

        Assert.Equal("0x51000", guest.Access(User, "wu"));
        Assert.Equal(0x51_000 | UserPage | A | D, space.Entry(User));
        Assert.True(guest.Statistics.Retries > 0);
    }

    [Theory]
    [MemberData(nameof(Rows.Policies), MemberType = typeof(Rows))]
    public void Fault18_Replacement_NeverTakesASpaceThatAProcessorIsIn(Format format, string policy)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(
            format, o => o with { Cpus = 2, Slots = 3, Policy = Rows.Policy(policy) });
        AddressSpace stays = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(stays, cpu: 1);
        guest.Access(User, "wu", cpu: 1);
        Pfn root = guest.Mmu.Cpu(1).Root;

        for (uint i = 0; i < 50; i++)
        {
            guest.Load(guest.NewSpace().Map(User, 0x100 + i, UserPage));
            guest.Access(User, "wu");
            Assert.Equal(root, guest.Mmu.Cpu(1).Root);
            Assert.Equal("0x50000 rwu", guest.Leaf(User, cpu: 1));
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Policies), MemberType = typeof(Rows))]
    public void Fault18_Replacement_TakesNobodyWhileSlotsAreFree(Format format, string policy)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Slots = 8, Policy = Rows.Policy(policy) });
        for (int i = 0; i < 8; i++)
        {
            guest.Load(guest.NewSpace());
        }

        Assert.Equal(0, guest.Statistics.RootsReplaced);
        guest.Load(guest.NewSpace());
        Assert.Equal(1, guest.Statistics.RootsReplaced);
    }

    [Theory]
    [InlineData(Format.TwoLevel, 2, PWT | PCD | AVAIL | D | G)]
    [InlineData(Format.Pae, 2, PWT | PCD | AVAIL | D | G | NX)]
    [InlineData(Format.Pae, 3, PWT | PCD | AVAIL)]
    public void Fault19_HarmlessBitsInUpperEntries_AreAccepted(Format format, int level, ulong bits)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage | PAT | PWT);
        space.Poke(User, space.Entry(User, level) | bits, level);
        guest.Load(space);

        Assert.Equal("0x50000", guest.Access(User, "wu"));
    }

    [Theory]
    [InlineData(Format.TwoLevel, 2, PWT)]
    [InlineData(Format.TwoLevel, 2, PCD)]
    [InlineData(Format.TwoLevel, 2, 1UL << 9)]
    [InlineData(Format.TwoLevel, 2, PS)]
    [InlineData(Format.TwoLevel, 1, PAT)]
    [InlineData(Format.Pae, 3, PWT)]
    [InlineData(Format.Pae, 3, A)]
    [InlineData(Format.Pae, 2, PCD)]
    [InlineData(Format.Pae, 2, NX)]
    [InlineData(Format.Pae, 2, PS)]
    [InlineData(Format.Pae, 1, PAT)]
    public void Fault19_Strict_KillsAsTheOriginalDid(Format format, int level, ulong bit)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Strict = true });
        AddressSpace space = guest.NewSpace().Map(User, 0x400, UserPage).Map(User2, 0x51, UserPage);
        ulong entry = bit == PS && level == 2 ? 0x40_0000 | UserPage : space.Entry(User, level);
        space.Poke(User, entry | bit, level);
        guest.Load(space);

        string reason = guest.Killed(() => guest.Access(User, "wu"));

        Assert.Contains("0x", reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void Fault20_ReloadOfAKnownTable_ShowsWhatTheGuestChangedSilently(Format format, Coherence coherence)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, coherence);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x60, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "ru"));
        Assert.Equal("0x60000", guest.Access(User2, "wu"));

        space.Poke(User, 0x51_000 | UserPage);
        space.Poke(User2, 0);
        guest.Load(space);

        Assert.Equal("0x51000", guest.Access(User, "ru"));
        Assert.Equal("guest-fault 0x6", guest.Access(User2, "wu"));
        Assert.Equal(1, guest.Statistics.LoadsKnown);
    }

    [Theory]
    [MemberData(nameof(Rows.SilentGuests), MemberType = typeof(Rows))]
    public void Fault20_ReturnToAKnownSpace_ShowsWhatWasChangedMeanwhile(Format format, Coherence coherence)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format, coherence);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace other = guest.NewSpace().Map(User, 0x52, UserPage);
        guest.Load(space);
        guest.Access(User, "ru");
        guest.Load(other);
        guest.Access(User, "ru");

        space.Poke(User, 0x51_000 | UserPage);
        guest.Load(space);

        Assert.Equal("0x51000", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault20_ReloadByAGuestThatNotifies_KeepsItsLeaves(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.Load(space);

        Assert.Equal("0x50000 rwu", guest.Leaf(User));
        Assert.Equal(1, guest.Statistics.LoadsKnown);
    }
}
