using Gnomon.Memory;

namespace Gnomon.Traces.Tests;

public sealed class PageTableViewTests
{
    private static readonly string[] _tables =
    [
        "poke 0x1004 0x2067",
        "poke 0x2000 0x5067",
        "poke 0x2004 0x6067",
        "poke 0x2008 0x7025",
        "poke 0x200c 0x9067",
        "load 0x1000",
    ];

    [Fact]
    public void Guest_NeighbouringPages_AreOneRun()
    {
        using TraceReplayer replayer = Run();

        PageTableView view = View(replayer);

        Assert.Equal(
            ["0x400000 2 0x5000 rwxu", "0x402000 1 0x7000 r-xu", "0x403000 1 0x9000 rwxu"],
            view.Guest().Select(run => $"{run.First.Address} {run.Pages} {run.First.Page.Address} {run.First.Rights()}"));
        Assert.Empty(view.Shadow());
    }

    [Fact]
    public void Differences_OfEveryKind_AreNamed()
    {
        using TraceReplayer replayer = Run(
            "poke 0x2000 0x5027",
            "access 0x400000 ru",
            "access 0x401000 wu",
            "access 0x402000 ru",
            "poke 0x2004 0",
            "poke 0x2008 0x8025",
            "poke 0x2010 0x10067",
            "access 0x404000 wu",
            "poke 0x2010 0x10065");

        Assert.Equal(
            [
                "FewerRights 0x400000 1", "Stale 0x401000 1", "OtherPage 0x402000 1", "NotFilled 0x403000 1", "MoreRights 0x404000 1",
            ],
            View(replayer).Differences().Select(run => $"{run.Kind} {run.Start} {run.Pages}"));
    }

    [Fact]
    public void View_OfAnything_ChangesNothing()
    {
        using TraceReplayer replayer = Run("access 0x400000 ru", "poke 0x2000 0x5007");
        List<KeyValuePair<string, long>> before = [.. replayer.Mmu.Statistics.All()];

        PageTableView view = new(replayer.Mmu, 0, default, new Gva(uint.MaxValue));
        Assert.NotEmpty(view.Guest());
        Assert.NotEmpty(view.Shadow());
        Assert.NotEmpty(view.Differences());

        Assert.Equal(before, replayer.Mmu.Statistics.All());
        byte[] entry = new byte[4];
        replayer.Mmu.Memory.Read(new Gpa(0x2000), entry);
        Assert.Equal(0x5007u, BitConverter.ToUInt32(entry));
        Assert.Null(replayer.Mmu.Audit());
    }

    [Fact]
    public void View_OfAKilledGuest_StillShows()
    {
        using TraceReplayer replayer = Run("access 0x400000 wu", "set-pgd 0x1000 1024");

        Assert.NotNull(replayer.KillReason);
        Assert.NotEmpty(View(replayer).Guest());
        Assert.Single(View(replayer).Shadow());
    }

    private static TraceReplayer Run(params string[] operations)
    {
        TraceReplayer replayer = new(Text.Of("", [.. _tables, .. operations]));
        Assert.NotEmpty(replayer.Run().ToList());
        return replayer;
    }

    private static PageTableView View(TraceReplayer replayer) => new(replayer.Mmu, 0, new Gva(0x400000), new Gva(0x7FFFFF));
}
