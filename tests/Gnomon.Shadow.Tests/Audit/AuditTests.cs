namespace Gnomon.Shadow.Tests.Audit;

/// <summary>Spec §7: one bit, one link or one count is spoilt, and the auditor names the invariant and the place.</summary>
public sealed class AuditTests
{
    private const uint Page = 0x50;

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_OfAHealthyGuest_FindsNothing(Format format)
    {
        using TestGuest guest = Mapped(format);

        Assert.Null(guest.Mmu.Audit());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LeafToAForeignFrame_NamesInvariant1(Format format) => Spoil(
        format, 1, "leaf 0x0 of table", (_, room, _) => room.FlipShadow(User, 1, 1 << 12));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_AttributeBitInALeaf_NamesInvariant1(Format format) => Spoil(
        format, 1, "leaf 0x0 of table", (_, room, _) => room.FlipShadow(User, 1, PCD));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LinkToAFrameThatIsNoTable_NamesInvariant1(Format format) => Spoil(
        format, 1, "link", (_, room, _) => room.FlipShadow(User, 2, 0x2000 << 12));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_WritableLeafOfACleanEntry_NamesInvariant2(Format format) => Spoil(
        format, 2, "leaf 0x1 of table", (_, room, _) => room.FlipShadow(User + 0x1000, 1, RW));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_WritableLeafOfASharedPage_NamesInvariant2(Format format)
    {
        using TestGuest guest = Mapped(format);
        Assert.Equal(PageStatus.Ok, guest.Memory.Share(out GuestMemory? clone));
        IEngineRoom room = Room(guest);

        room.FlipShadow(User, 1, RW);
        string? broken = guest.Mmu.Audit();
        room.FlipShadow(User, 1, RW);

        Assert.StartsWith("invariant 2: leaf 0x0 of table", broken, StringComparison.Ordinal);
        clone!.Dispose();
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LinkThatLetsMoreThrough_NamesInvariant2(Format format) => Spoil(
        format, 2, "link", (_, room, _) => room.FlipRemembered(User, 2, RW));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_TablePageThatIsNotWatched_NamesInvariant2(Format format) => Spoil(
        format, 2, "guest page 0x", (guest, _, spoil) => guest.Memory.Watch(TablePage(guest), !spoil), Coherence.Watched);

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_WrongCountOfWatchedTables_NamesInvariant2(Format format) => Spoil(
        format, 2, "guest page 0x", (guest, room, spoil) => room.AddWatchedTables((uint)TablePage(guest).Value, spoil ? 1 : -1), Coherence.Watched);

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_ReferenceTooMany_NamesInvariant3(Format format) => Spoil(format, 3, "guest page 0x50", (guest, _, spoil) =>
    {
        Pfn frame = guest.Memory.Page(new Gfn(Page)).Frame;
        if (spoil)
        {
            guest.Host.AddReference(frame);
        }
        else
        {
            guest.Host.DropReference(frame);
        }
    });

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_SharedTableFrame_NamesInvariant3(Format format) => Spoil(format, 3, "shadow table", (guest, _, spoil) =>
    {
        if (spoil)
        {
            guest.Host.AddReference(guest.Mmu.Cpu(0).Root);
        }
        else
        {
            guest.Host.DropReference(guest.Mmu.Cpu(0).Root);
        }
    });

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LeafCountThatIsWrong_NamesInvariant3(Format format) => Spoil(
        format, 3, "leaves are counted", (guest, _, spoil) => guest.Statistics.LeavesPresent += spoil ? 1 : -1);

    [Theory]
    [InlineData(Format.TwoLevel, 0u, US)]
    [InlineData(Format.Pae, 0u, US)]
    [InlineData(Format.TwoLevel, 0u, RW)]
    [InlineData(Format.Pae, 0u, RW)]
    [InlineData(Format.TwoLevel, 1u, US)]
    [InlineData(Format.Pae, 1u, US)]
    [InlineData(Format.TwoLevel, 2u, RW)]
    [InlineData(Format.Pae, 2u, RW)]
    [InlineData(Format.TwoLevel, 3u, P)]
    [InlineData(Format.Pae, 3u, P)]
    public void Audit_SwitcherPageThatIsOpen_NamesInvariant4(Format format, uint page, ulong bit) => Spoil(
        format,
        page == 3 ? 8 : 4,
        page == 3 ? "table" : $"at page 0x{page:x} of the Switcher",
        (guest, room, _) => room.FlipShadow(guest.Shape.SwitcherAddress + (page << 12), 1, bit));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_PairOfAnotherHostCpu_NamesInvariant4(Format format) => Spoil(
        format, 4, "virtual CPU 0 sees", (guest, _, spoil) => guest.Mmu.Cpu(0).HostCpu = spoil ? 1 : 0);

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_WatchedEntryThatChangedUnseen_NamesInvariant5(Format format) => Spoil(format, 5, "leaf 0x0 of table", (guest, _, _) =>
    {
        Span<byte> table = guest.Host.Bytes(guest.Memory.Page(TablePage(guest)).Frame);
        table[1] ^= 0x10;
    }, Coherence.Watched);

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LinkToATableTheGuestDidNotName_NamesInvariant5(Format format) => Spoil(
        format, 5, "link", (_, room, _) => room.FlipRemembered(User, 2, 0x1000));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LeafThatLetsUsersIntoAKernelPage_NamesInvariant5(Format format) => Spoil(
        format, 5, "leaf 0x0 of table", (_, room, _) => room.FlipShadow(Kernel, 1, US));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_TwoTablesWithOneKey_NamesInvariant6(Format format)
    {
        // With WP off the access of the path is part of the key: one guest table has two shadows that differ in nothing else.
        using TestGuest guest = GuestBuilder.Unmodified(format);
        AddressSpace space = guest.NewSpace().Map(User, Page, UserPage);
        guest.Load(space.Link(User2, space.TableOf(User), P | US));
        guest.Mmu.SetControls(0, PagingControls.All & ~PagingControls.WriteProtect);
        guest.Access(User, "ru");
        guest.Access(User2, "ru");
        IEngineRoom room = Room(guest);
        ulong first = 0;
        room.SwapKey(room.TableOf(User, 1), ref first);
        ulong key = first;
        room.SwapKey(room.TableOf(User, 1), ref first);

        room.SwapKey(room.TableOf(User2, 1), ref key);
        string? broken = guest.Mmu.Audit();
        room.SwapKey(room.TableOf(User2, 1), ref key);

        Assert.Matches("^invariant 6: tables? [0-9]+ ", broken);
        Assert.Null(guest.Mmu.Audit());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_RootThatCountsAProcessorTooMany_NamesInvariant6(Format format) => Spoil(
        format, 6, "root", (guest, room, spoil) => room.AddInUse(guest.Mmu.Cpu(0).RootTable, spoil ? 1 : -1));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_WrongCountOfParentsAtAPlace_NamesInvariant6(Format format) => Spoil(
        format, 6, "parents at its place", (_, room, spoil) => room.AddHomeParents(room.TableOf(User, 1), spoil ? 1 : -1));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_ProcessorInATableThatIsNotItsRoot_NamesInvariant6(Format format) => Spoil(
        format, 6, "virtual CPU 0 is in table", (guest, _, _) => guest.Mmu.Cpu(0).Root = new Pfn(guest.Mmu.Cpu(0).Root.Value ^ 1));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LeafOfAnEntryThatWasNotAccessed_NamesInvariant7(Format format) => Spoil(
        format, 7, "leaf 0x0 of table", (_, room, _) => room.FlipRemembered(User, 1, A));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_EmptyEntryThatIsRemembered_NamesInvariant7(Format format) => Spoil(
        format, 7, "empty entry 0x9", (_, room, _) => room.FlipRemembered(User + 0x9000, 1, P | A));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LeafMissingInTheReverseMap_NamesInvariant8(Format format) => Spoil(
        format, 8, "leaf 0x0 of table", (_, room, spoil) => room.ReverseMap(User, Page, add: !spoil));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_ReverseMapEntryWithoutALeaf_NamesInvariant8(Format format) => Spoil(
        format, 8, "reverse map of guest page 0x50", (_, room, spoil) => room.ReverseMap(User + 0x9000, Page, add: spoil));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LinkMissingAmongTheParents_NamesInvariant8(Format format) => Spoil(
        format, 8, "link", (_, room, spoil) => room.Parent(User, 2, add: !spoil));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_CountOfLiveEntriesThatIsWrong_NamesInvariant8(Format format) => Spoil(
        format, 8, "live entries", (_, room, spoil) => room.AddLive(User, 1, spoil ? 1 : -1));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Audit_LiveEntryInALineCalledEmpty_NamesInvariant8(Format format) => Spoil(
        format, 8, "live entry 0x0", (_, room, _) => room.FlipLine(User, 1));

    // Spoils, listens to the auditor, and puts right again what it spoilt.
    private static void Spoil(
        Format format, int invariant, string where, Action<TestGuest, IEngineRoom, bool> change, Coherence coherence = Coherence.Notified)
    {
        using TestGuest guest = Mapped(format, coherence);
        IEngineRoom room = Room(guest);

        change(guest, room, true);
        string? broken = guest.Mmu.Audit();
        change(guest, room, false);

        Assert.NotNull(broken);
        Assert.StartsWith($"invariant {invariant}: ", broken, StringComparison.Ordinal);
        Assert.Contains(where, broken, StringComparison.Ordinal);
        Assert.Null(guest.Mmu.Audit());
    }

    private static IEngineRoom Room(TestGuest guest) =>
        guest.Format == Format.TwoLevel ? new EngineRoom<TwoLevel>(guest.Mmu) : new EngineRoom<Pae>(guest.Mmu);

    private static Gfn TablePage(TestGuest guest) => new(TestGuest.FirstTablePage + (uint)guest.Shape.Levels - 1);

    // User → 0x50 dirty, User + 0x1000 → 0x51 clean, User2 → 0x52, Kernel → 0x53. The first space's leaf table of User is TablePage.
    private static TestGuest Mapped(Format format, Coherence coherence = Coherence.Notified)
    {
        TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Coherence = coherence });
        AddressSpace space = guest.NewSpace().Map(User, Page, UserPage).Map(User + 0x1000, 0x51, UserPage)
            .Map(User2, 0x52, UserPage).Map(Kernel, 0x53, KernelPage);
        guest.Load(space);
        guest.Run(0);
        guest.Access(User, "wu");
        guest.Access(User + 0x1000, "ru");
        guest.Access(User2, "wu");
        guest.Access(Kernel, "wk");
        return guest;
    }
}
