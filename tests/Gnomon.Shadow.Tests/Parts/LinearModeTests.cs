namespace Gnomon.Shadow.Tests.Parts;

/// <summary>Part (i) before the guest has tables: every address is its own guest-physical address.</summary>
public sealed class LinearModeTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_InLinearMode_MapsEveryAddressOntoItselfForTheKernelAlone(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);

        Assert.Equal("0x5123", guest.Access(0x5123, "rk"));
        Assert.Equal("0x5123", guest.Access(0x5123, "wk"));
        Assert.Equal("0xfff000", guest.Access(0xFFF000, "rk"));
        Assert.Equal("guest-fault 0x5", guest.Access(0x5123, "ru"));
        Assert.Equal("0x5000 rwk", guest.Leaf(0x5000));
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void DemandPage_InLinearModeOfAnUnmodifiedGuest_LetsUsersInAndEndsOnTheOpenBus(Format format)
    {
        using TestGuest guest = GuestBuilder.Unmodified(format);

        Assert.Equal("0x5123", guest.Access(0x5123, "wu"));
        Assert.Equal("0x5000 rwu", guest.Leaf(0x5000));
        Assert.Equal("device 0x1000123", guest.Access(0x100_0123, "wk"));
        Assert.Equal("device 0xfffffff0", guest.Access(0xFFFF_FFF0, "xk"));
    }
}
