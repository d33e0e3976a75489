namespace Gnomon.Shadow.Tests.Faults;

/// <summary>Spec §5, fault 14: the stack of the guest kernel, into which traps are delivered straight.</summary>
public sealed class OriginalFaultsStackTests
{
    [Theory]
    [MemberData(nameof(Rows.Formats), MemberType = typeof(Rows))]
    public void Fault14_FirstLoadOfASpace_AlwaysPinsTheStack(Format format)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { Slots = 4, Policy = new RandomPolicy(7) });
        AddressSpace kernel = guest.NewKernelSpace();
        guest.Load(kernel);
        guest.Stack(StackTop, 1);

        for (int i = 0; i < 300; i++)
        {
            guest.Load(guest.NewSpace().Share(Kernel, kernel));
            Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Flushes), MemberType = typeof(Rows))]
    public void Fault14_AfterAFullFlush_TheStackIsThereInEverySpaceThatRuns(Format format, FlushPolicy flush)
    {
        using TestGuest guest = GuestBuilder.Paravirtual(format, o => o with { OnFlush = flush });
        AddressSpace one = guest.NewKernelSpace();
        AddressSpace two = guest.NewKernelSpace();
        guest.Load(two);
        guest.Stack(StackTop, 1);
        guest.Load(one);
        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));

        guest.ClearAll();

        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
        guest.Load(two);
        guest.Run();
        Assert.Equal("0x30000 rwk", guest.Leaf(StackTop - 1));
    }
}
