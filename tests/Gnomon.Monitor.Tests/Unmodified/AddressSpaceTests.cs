using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>What an unmodified guest sees when it loads other tables, and of global pages.</summary>
public sealed class AddressSpaceTests
{
    private const uint GlobalPages = 1 << 7;

    /// <summary>A page that is mapped elsewhere than where it lies.</summary>
    private const uint Moved = 0x4_0000;
    private const uint Target = 0x5_0000;

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void GlobalPages_AfterAChangeAndALoadOfTables_AreNewOnceGlobalIsOff(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.ChangeCr4(GlobalPages);
            p.SayAt(Moved);
            p.Store(new SmallTables((_, _) => { }, pae).Entry(Moved), Target | 0x107);
            p.ChangeCr4(0, GlobalPages);
            p.SayAt(Moved);
            p.Off();
        }, pae, pc =>
        {
            pc.Write32(Moved, 0x11);
            pc.Write32(Target, 0x22);
            pc.Tables.Map(Moved, Moved, 0x107);
        });

        Assert.Equal([0x11, 0x22], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void LoadOfTables_BackAndForth_ShowsEachAddressSpace(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            for (int i = 0; i < 3; i++)
            {
                p.LoadTables(SmallTables.Other);
                p.SayAt(Moved);
                p.LoadTables(SmallTables.Directory);
                p.SayAt(Moved);
            }

            p.Off();
        }, pae, pc =>
        {
            pc.Write32(Moved, 0x11);
            pc.Write32(Target, 0x22);
            pc.Tables.Lay(SmallTables.Other);
            pc.Tables.Map(Moved, Target, SmallTables.Open, SmallTables.Other);
        });

        Assert.Equal([0x22, 0x11, 0x22, 0x11, 0x22, 0x11], pc.RunToEnd());
        Assert.Equal(kind == PcKind.Nested ? 0 : 1, pc.Guest.Statistics.ControlWrites > 6 ? 1 : 0);
    }

    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void Pointers_WhenGlobalPagesAreSwitched_AreLoadedAnew(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae: true);
            p.Store(SmallTables.Directory, (SmallTables.Other + 0x1000) | 1);
            p.ChangeCr4(GlobalPages);
            p.SayAt(Moved);
            p.Store(SmallTables.Directory + 8, 0x1E7);
            p.Code.mov(eax, cr4);
            p.Code.and(eax, ~GlobalPages);
            p.Try("refused", c => c.mov(cr4, eax));
            p.Code.mov(ebx, cr4);
            p.Say(ebx);
            p.Off();
        }, true, pc =>
        {
            pc.Write32(Moved, 0x11);
            pc.Write32(Target, 0x22);
            pc.Tables.Lay(SmallTables.Other);
            pc.Tables.Map(Moved, Target, SmallTables.Open, SmallTables.Other);
        });

        Assert.Equal([0x22, .. pc.Fault(13, "refused", 0), 0xA0], pc.RunToEnd());
    }
}
