namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Parts (iii) and (iv): what a guest names wrongly, and linear mode.</summary>
public sealed class UpdateArgumentTests
{
    private const ulong Outside = (ulong)GuestBuilder.DefaultPages << 12;

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_DirectoryOutsideMemory_Kills(Format format) =>
        Kills(format, guest => guest.Mmu.SetPte(0, new Gpa(Outside), new Gva(User), 0));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPgd_DirectoryOutsideMemory_Kills(Format format) =>
        Kills(format, guest => guest.Mmu.SetPgd(0, new Gpa(Outside), 0));

    [Fact]
    public void SetPmd_TableOutsideMemory_Kills() =>
        Kills(Format.Pae, guest => guest.Mmu.SetPmd(0, new Gpa(Outside), 0));

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void LoadPageTable_DirectoryOutsideMemory_Kills(Format format) =>
        Kills(format, guest => guest.Mmu.LoadPageTable(0, new Gpa(Outside)));

    [Fact]
    public void LoadPageTable_DirectoryAbove4GiB_IsNotTruncated() =>
        Kills(Format.Pae, guest => guest.Mmu.LoadPageTable(0, new Gpa(0x1_0080_0000)), "0x100800000");

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Updates_InLinearMode_ChangeNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        Assert.Equal("0x50000", guest.Access(0x50000, "wk"));
        string[] leaves = guest.Dump();

        guest.SetPte(space, User, 0x51_000 | UserPage | A | D);
        guest.SetPgd(space, User, space.Entry(User, guest.Shape.Levels));

        Assert.True(guest.Mmu.Cpu(0).IsLinear);
        Assert.Equal(leaves, guest.Dump());
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPte_InLinearModeInTheSwitchersRange_KillsAllTheSame(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);

        Assert.NotEmpty(guest.Killed(() => guest.Mmu.SetPte(0, new Gpa(0x1000), new Gva(guest.Shape.SwitcherAddress), 0)));
    }

    [Theory]
    [InlineData(Format.TwoLevel, 1024u)]
    [InlineData(Format.Pae, 4u)]
    public void SetPgd_InLinearModePastTheEnd_KillsAllTheSame(Format format, uint index)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);

        Assert.NotEmpty(guest.Killed(() => guest.Mmu.SetPgd(0, new Gpa(0x1000), index)));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Operation_AfterAKill_ThrowsTheSameReasonAndChangesNothing(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User + 0x1000, 0x51, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");
        string reason = guest.Killed(() => guest.Pin(FarUser));

        foreach (Action later in new Action[]
        {
            () => guest.Mmu.PinPage(0, new Gva(User)),
            () => guest.Mmu.SetStack(0, new Gva(StackTop), 1),
            () => guest.Mmu.SetPte(0, new Gpa(space.Directory), new Gva(User), 0),
            () => guest.Mmu.SetPgd(0, new Gpa(space.Directory), 0),
            () => guest.Mmu.FlushUser(0),
            () => guest.Mmu.ClearAll(0),
            () => guest.Mmu.InvalidatePage(0, new Gva(User)),
            () => guest.Mmu.PrepareToRun(0, 0),
            () => guest.Mmu.SetGuestData(new Gva(Kernel)),
            () => guest.Mmu.TranslateGuest(0, new Gva(User)),
        })
        {
            Assert.Equal(reason, Assert.Throws<GuestKilledException>(later).Message);
        }

        Assert.Equal(0x51_000 | UserPage, space.Entry(User + 0x1000));
        Assert.Equal(reason, guest.Mmu.KillReason);
    }

    private static void Kills(Format format, Action<TestGuest> operation, string? named = null)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        guest.Load(space);
        guest.Access(User, "wu");

        string reason = guest.Killed(() => operation(guest));

        Assert.Contains(named ?? TraceWords.Hex(Outside), reason, StringComparison.Ordinal);
    }
}
