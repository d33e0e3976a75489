namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Spec §5, faults 1 to 4 and 7: what the original did to its host.</summary>
public sealed class OriginalFaultsHostTests
{
    private const ulong Whitelist = P | RW | US | A | D | NX;

    public static TheoryData<Format, ulong> AttributeBits
    {
        get
        {
            TheoryData<Format, ulong> rows = [];
            foreach (Format format in Enum.GetValues<Format>())
            {
                foreach (ulong bits in new[] { PWT, PCD, PAT, G, 1UL << 9, 1UL << 10, 1UL << 11 })
                {
                    rows.Add(format, bits);
                }
            }

            return rows;
        }
    }

    [Theory]
    [InlineData(Format.TwoLevel, 1024u)]
    [InlineData(Format.Pae, 4u)]
    [InlineData(Format.TwoLevel, uint.MaxValue)]
    [InlineData(Format.Pae, uint.MaxValue)]
    public void Fault01_TopLevelIndexAtTheTablesLength_KillsTheGuest(Format format, uint index)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));

        string reason = guest.Killed(() => guest.AnnounceTop(space.Directory, index));

        Assert.Contains(TraceWords.Hex(index), reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(512u)]
    [InlineData(uint.MaxValue)]
    public void Fault01_MidLevelIndexAtTheTablesLength_KillsTheGuest(uint index)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);

        string reason = guest.Killed(() => guest.Mmu.SetPmd(0, new Gpa(space.TableOf(User, 2)), index));

        Assert.Contains(TraceWords.Hex(index), reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault01_LastIndexOfTheTopTable_IsStillAllowed(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);

        guest.AnnounceTop(space.Directory, (uint)guest.Shape.TopEntries - 1);

        Assert.Null(guest.Mmu.KillReason);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault02_SetPgdAtTheSwitchersIndexOfAnotherSpace_LeavesTheSwitcherInThatSpace(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace other = guest.NewSpace().Map(User, 0x50, UserPage);
        AddressSpace current = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(other);
        guest.Run();
        guest.Load(current);
        guest.Run();
        string[] pages = guest.DumpSwitcher();

        guest.AnnounceTop(other.Directory, (uint)guest.Shape.TopEntries - 1);

        Assert.Equal(pages, guest.DumpSwitcher());
        guest.Load(other);
        guest.Run();
        Assert.Equal(3, pages.Length);
        Assert.Equal(pages, guest.DumpSwitcher());
        Assert.Equal("switcher", guest.Access(guest.Shape.SwitcherAddress, "xk"));
        Assert.Equal("switcher", guest.Access(guest.Shape.SwitcherAddress + 0x1000, "wk"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault03_SwapLikeEntryWithAccessedAndDirty_TakesNoReference(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x51, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User + 0x1000, "ru");
        guest.Fill(0x50, 1);

        for (int i = 0; i < 100; i++)
        {
            guest.SetPte(space, User, 0x50_000 | RW | US | A | D);
        }

        Assert.Equal(1, guest.References(0x50));
        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal("guest-fault 0x4", guest.Access(User, "ru"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault03_SwapLikeEntryThatNamesNoPage_DoesNotKill(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        guest.SetPte(space, User, 0xFFFF_F000 | RW | A | D);

        Assert.Null(guest.Mmu.KillReason);
        Assert.Equal("none", guest.Leaf(User));
        Assert.Equal(1, guest.References(0x51));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault04_UpdateWithoutDirtyOfASharedPage_GoesInReadOnly(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "ru");
        guest.Fill(0x50, 7);
        Assert.Equal(PageStatus.Ok, guest.Memory.Share(out GuestMemory? clone));
        using GuestMemory other = clone!;
        space.Poke(User, 0x50_000 | P | RW | US | A);
        long breaks = guest.Memory.SharingBreaks;

        guest.Announce(space, User, 0x50_000 | P | RW | US | A);

        Assert.Equal("0x50000 r-u", guest.Leaf(User));
        Assert.Equal(breaks, guest.Memory.SharingBreaks);
        Assert.Equal("stored", guest.StoreAt(User, 0x99, "u"));
        Assert.Equal(D, space.Entry(User) & D);
        Span<byte> content = stackalloc byte[1];
        other.Read(new Gpa(0x50_000), content);
        Assert.Equal(7, content[0]);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault04_UpdateWithoutDirty_RecordsDirtyAtTheFirstStore(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "ru");
        guest.Fill(0x50, 7);

        guest.SetPte(space, User, 0x50_000 | P | RW | US | A);

        Assert.Equal("0x50000 r-u", guest.Leaf(User));
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(A | D, space.Entry(User) & (A | D));
        Assert.Equal("0x50000 rwu", guest.Leaf(User));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault04_UpdateWithDirtyOfASharedPage_NeverBreaksSharing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "ru");
        guest.Fill(0x50, 7);
        Assert.Equal(PageStatus.Ok, guest.Memory.Share(out GuestMemory? clone));
        using GuestMemory other = clone!;
        Pfn before = guest.Memory.Page(new Gfn(0x50)).Frame;
        space.Poke(User, 0x50_000 | P | RW | US | A | D);
        long breaks = guest.Memory.SharingBreaks;

        guest.Announce(space, User, 0x50_000 | P | RW | US | A | D);

        Assert.DoesNotContain("rw", guest.Leaf(User), StringComparison.Ordinal);
        Assert.Equal(before, guest.Memory.Page(new Gfn(0x50)).Frame);
        Assert.Equal(breaks, guest.Memory.SharingBreaks);
    }

    [Theory]
    [MemberData(nameof(AttributeBits))]
    public void Fault07_AttributeBitsOfALeaf_NeverReachTheShadow(Format format, ulong bits)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage | bits).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);

        guest.Access(User, "wu");
        guest.Access(User + 0x1000, "wu");
        guest.SetPte(space, User + 0x1000, 0x50_000 | UserPage | A | D | bits);

        foreach (uint address in new[] { User, User + 0x1000 })
        {
            ulong shadow = guest.RawShadow(address);
            Assert.Equal((ulong)guest.Memory.Page(new Gfn(0x50)).Frame.Value << 12, shadow & guest.Shape.AddressMask);
            Assert.Equal(P | RW | US, shadow & ~guest.Shape.AddressMask & ~(A | D));
        }
    }

    [Theory]
    [MemberData(nameof(AttributeBits))]
    public void Fault07_AttributeBitsOfUpperEntries_NeverReachTheShadow(Format format, ulong bits)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace();
        space.UpperFlags = UserPage | (bits & ~PS);
        space.Map(User, 0x50, UserPage);
        if (format == Format.Pae)
        {
            space.Poke(User, space.Entry(User, 3) | (bits & (PWT | PCD | AVAIL)), 3);
            guest.Load(space);
            guest.Access(User, "wu");
            Assert.Equal(P, guest.RawShadow(User, 3) & ~guest.Shape.AddressMask);
        }

        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        Assert.Equal(0UL, guest.RawShadow(User, 2) & ~guest.Shape.AddressMask & ~Whitelist);
    }

    [Fact]
    public void Fault07_ReservedHighBits_AreTheGuestsOwnFaultAndNeverReachTheShadow()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User + 0x1000, "wu");
        guest.Fill(0x50, 1);
        for (int bit = 36; bit <= 62; bit++)
        {
            ulong entry = 0x50_000 | UserPage | A | D | (1UL << bit);

            guest.SetPte(space, User, entry);

            Assert.Equal("none", guest.Leaf(User));
            Assert.Equal("guest-fault 0xf", guest.Access(User, "wu"));
            Assert.Equal("guest-fault 0xd", guest.Access(User, "ru"));
        }
    }
}
