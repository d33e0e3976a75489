namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Spec §5, fault 5: work without bound on one request.</summary>
public sealed class OriginalFaultsWorkTests
{
    [Theory]
    [InlineData(Format.TwoLevel, int.MinValue)]
    [InlineData(Format.Pae, int.MinValue)]
    [InlineData(Format.TwoLevel, int.MaxValue)]
    [InlineData(Format.Pae, int.MaxValue)]
    [InlineData(Format.TwoLevel, 3)]
    [InlineData(Format.Pae, 3)]
    public void Fault05_StackOfEndlessPages_KillsBeforeOneIsPinned(Format format, int pages)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        guest.Load(guest.NewKernelSpace());
        long pins = guest.Statistics.StackPins;

        string reason = guest.Killed(() => guest.Stack(StackTop, pages));

        Assert.Contains("stack", reason, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(pins, guest.Statistics.StackPins);
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void Fault05_FlushOfEverything_LooksOnlyAtWhatIsMapped(Format format, FlushPolicy flush)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { OnFlush = flush });
        AddressSpace space = guest.NewSpace();
        for (uint i = 0; i < 3; i++)
        {
            space.Map(User + (i * 0x1000_0000), 0x50 + i, UserPage);
        }

        guest.Load(space);
        for (uint i = 0; i < 3; i++)
        {
            guest.Access(User + (i * 0x1000_0000), "wu");
        }

        long before = Looked(guest);
        guest.ClearAll();

        // 3 leaves, the entries above them, and the Switcher's own: nowhere near what could be mapped.
        Assert.InRange(Looked(guest) - before, 3, 24);
    }

    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault05_FlushWithATableLinkedManyTimes_ComparesItOnce(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format);
        AddressSpace space = guest.NewSpace().Map(User, 0x50, UserPage);
        for (uint i = 1; i < 40; i++)
        {
            space.Link(User + (i << 22), space.TableOf(User));
        }

        guest.Load(space);
        for (uint i = 0; i < 40; i++)
        {
            Assert.Equal("0x50000", guest.Access(User + (i << 22), "wu"));
        }

        long compared = guest.Statistics.Resyncs;
        guest.FlushUser();

        Assert.InRange(guest.Statistics.Resyncs - compared, 1, guest.Statistics.TablesPresent);
    }

    private static long Looked(TestGuest guest) =>
        guest.Statistics.EntriesKept + guest.Statistics.EntriesDropped + guest.Statistics.LeavesReleased;
}
