namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (iii): the guest says that an entry above a leaf table has changed.</summary>
public sealed class UpperUpdateTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetLevel2_ToZero_UnlinksWhatHangsBelow(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);
        guest.Access(User2, "wu");

        guest.SetLevel2(space, User, 0);

        Assert.Equal(["0x800000 0x52000 rwxu"], guest.Dump());
        Assert.Equal(1, guest.References(0x50));
        Assert.Equal("guest-fault 0x6", guest.Access(User, "wu"));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPgd_ToAnotherTable_ShowsThatTable(Format format)
    {
        using TestGuest guest = Mapped(format, out AddressSpace space);
        AddressSpace fresh = guest.NewSpace().Map(User, 0x60, UserPage);

        guest.SetPgd(space, User, fresh.Entry(User, guest.Shape.Levels));

        Assert.Equal("0x60000", guest.Access(User, "wu"));
        Assert.Equal(1, guest.References(0x50));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void SetPgd_OverTheStacksTable_PinsTheStackAgainAtOnce(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewKernelSpace();
        guest.Load(space);
        guest.Stack(StackTop, 1);

        guest.SetPgd(space, Kernel, space.Entry(Kernel, guest.Shape.Levels));

        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
    }

    [Fact]
    public void SetPmd_OverTheStacksTable_PinsTheStackAgainAtOnce()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.Pae);
        AddressSpace space = guest.NewKernelSpace();
        guest.Load(space);
        guest.Stack(StackTop, 1);

        guest.SetLevel2(space, Kernel, space.Entry(Kernel, 2));

        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
    }

    [Fact]
    public void SetPmd_InTwoLevelFormat_IsTheCallersMistake()
    {
        using TestGuest guest = GuestBuilder.Paravirtual(Format.TwoLevel);

        Assert.Throws<InvalidOperationException>(() => guest.Mmu.SetPmd(0, new Gpa(0x1000), 0));
        Assert.Null(guest.Mmu.KillReason);
    }

    // A guest with User → 0x50 and User2 → 0x52 mapped.
    private static TestGuest Mapped(Format format, out AddressSpace space)
    {
        TestGuest guest = new GuestBuilder(format) { Store = new MemoryStore() }.Build();
        space = guest.NewSpace().Map(User, 0x50, UserPage).Map(User2, 0x52, UserPage);
        guest.Load(space);
        Assert.Equal("0x50000", guest.Access(User, "wu"));
        guest.Fill(0x51, 1);
        return guest;
    }
}
