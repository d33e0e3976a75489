using Gnomon.Shadow;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>What an unmodified guest sees of its own paging: formats, rights, control registers.</summary>
public sealed class PagingTests
{
    private const uint PageSizeExtensions = 1 << 4;
    private const uint GlobalPages = 1 << 7;
    private const uint NoExecuteEnable = 1 << 11;

    /// <summary>A page that is mapped elsewhere than where it lies.</summary>
    private const uint Moved = 0x4_0000;
    private const uint Target = 0x5_0000;

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Paging_OnOffAndOnAgain_AddressesMeanWhatTheModeSays(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.Store(Moved, 0x11);
            p.Store(Target, 0x22);
            for (int i = 0; i < 2; i++)
            {
                p.PagingOn(pae);
                p.SayAt(Moved);
                p.PagingOff();
                p.SayAt(Moved);
            }

            p.Off();
        }, pae, pc => pc.Tables.Map(Moved, Target, SmallTables.Open));

        Assert.Equal([0x22, 0x11, 0x22, 0x11], pc.RunToEnd());
        Assert.False(pc.Guest.IsShadowed);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Paging_OffInOneFormatAndOnInTheOther_WalksTheOtherTables(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.Store(Target, 0x33);
            p.Store(Target + 0x1000, 0x44);
            p.PagingOn(pae);
            p.SayAt(Moved);
            p.PagingOff();
            p.ChangeCr4(pae ? 0 : 1u << 5, pae ? 1u << 5 : 0);
            p.LoadTables(SmallTables.Other);
            p.Code.mov(eax, cr0);
            p.Code.or(eax, 0x8000_0000);
            p.Code.mov(cr0, eax);
            p.SayAt(Moved);
            p.Off();
        }, pae, pc =>
        {
            pc.Tables.Map(Moved, Target, SmallTables.Open);
            SmallTables other = new(pc.Write32, !pae);
            other.Lay(SmallTables.Other);
            other.Map(Moved, Target + 0x1000, SmallTables.Open, SmallTables.Other);
        });

        Assert.Equal([0x33, 0x44], pc.RunToEnd());
    }

    // A PAE table of pointers lies at any multiple of 32: here in the middle of the directory. Intel SDM vol. 3, 4.4.1: a write that
    // changes CR4.PAE with paging on loads the pointers.
    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void Format_ChangedWhilePagingIsOn_TheSameRegisterNamesTheOtherTables(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.Store(Target, 0x33);
            p.Store(Target + 0x1000, 0x44);
            p.PagingOn(pae: false);
            p.LoadTables(SmallTables.Directory + 0x800);
            p.SayAt(Moved);
            p.ChangeCr4(1 << 5);
            p.SayAt(Moved);
            p.ChangeCr4(0, 1 << 5);
            p.SayAt(Moved);
            p.Off();
        }, prepare: pc =>
        {
            pc.Tables.Map(Moved, Target, SmallTables.Open);
            SmallTables other = new(pc.Write32, pae: true);
            other.Lay(SmallTables.Other);
            other.Map(Moved, Target + 0x1000, SmallTables.Open, SmallTables.Other);
            pc.Write32(SmallTables.Directory + 0x800, pc.Read32(SmallTables.Other));
        });

        Assert.Equal([0x33, 0x44, 0x33], pc.RunToEnd());
    }

    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void Format_ChangedToPointersWithReservedBits_IsRefusedAndNothingChanges(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae: false);
            p.Code.mov(eax, cr4);
            p.Code.or(eax, 1 << 5);
            p.Try("change", c => c.mov(cr4, eax));
            p.Code.mov(ebx, cr4);
            p.Say(ebx);
            p.Store(Moved, 0x77);
            p.SayAt(Moved);
            p.Off();
        });

        // The directory's first entry has RW, which is reserved in a pointer.

        Assert.Equal([.. Fault(pc, 13, "change", 0), 0, 0x77], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void LargePages_WithTheirBitAndWithout_AreWhatTheRegisterSays(PcKind kind, bool pae)
    {
        // In PAE large pages are always on.
        using SmallPc pc = new(kind, p =>
        {
            p.Store(0x12_3454, 0x55);
            p.Code.mov(ebx, cr4);
            p.Code.or(ebx, PageSizeExtensions);
            p.Code.mov(cr4, ebx);
            p.PagingOn(pae);
            p.SayAt(Large(pae) + 0x12_3454);
            p.Store(Large(pae) + 0x12_3458, 0x66);
            p.SayAt(0x12_3458);
            p.Off();
        }, pae, pc => pc.Write32(pc.Tables.UpperEntry(Large(pae)), 0x87));

        Assert.Equal([0x55, 0x66], pc.RunToEnd());
        Assert.Equal(0xE7u, pc.Read32(pc.Tables.UpperEntry(Large(pae))));
    }

    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void LargePages_OnAndOffWhilePagingIsOn_TheBitNamesAPageOrATable(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.Store(Target, 0x33);
            p.Store(Moved, 0x44);
            p.PagingOn(pae: false);
            p.SayAt(0x40_0000 + Moved);
            p.ChangeCr4(PageSizeExtensions);
            p.SayAt(0x40_0000 + Moved);
            p.ChangeCr4(0, PageSizeExtensions);
            p.SayAt(0x40_0000 + Moved);
            p.Off();
        }, prepare: pc =>
        {
            // As a table it lies at 0, where the program leaves room: 0x40 is the entry of Moved.
            pc.Write32(SmallTables.Directory + 4, 0x87);
            pc.Write32(0x100, Target | SmallTables.Open);
        });

        Assert.Equal([0x33, 0x44, 0x33], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void WriteProtect_OffAndOn_DecidesAboutSupervisorStores(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae, writeProtect: false);
            p.Store(Moved, 1);
            p.Protect(true);
            p.Try("refused", c => c.mov(__dword_ptr[Moved], 2));
            p.SayAt(Moved);
            p.Protect(false);
            p.Try("allowed", c => c.mov(__dword_ptr[Moved], 3));
            p.SayAt(Moved);
            p.Protect(true);
            p.Try("again", c => c.inc(__dword_ptr[Moved]));
            p.SayAt(Moved);
            p.Off();
        }, pae, pc => pc.Tables.Map(Moved, Moved, 5));

        Assert.Equal([.. Fault(pc, 14, "refused", 3, Moved), 1, 3, .. Fault(pc, 14, "again", 3, Moved), 3], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void WriteProtect_OffAndAStoreByTheKernel_TheUserStillMayNot(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae, writeProtect: false);
            p.Store(Moved, 1);
            p.GoToUser("user");
            p.Mark("user");
            p.Code.mov(ebx, __dword_ptr[Moved]);
            p.Load(ebp, "end");
            p.Mark("store");
            p.Code.mov(__dword_ptr[Moved], 2);
            p.Mark("end");
            p.Code.mov(eax, ebx);
            p.Code.int3();
        }, pae, pc =>
        {
            pc.Tables.Map(Moved, Moved, 5);
            pc.Gate(3, "exception 3");
        });
        pc.Heard = value =>
        {
            if (value == (SmallProgram.Exception | 3))
            {
                pc.Guest.RequestStop();
            }
        };

        Assert.Equal(GuestStopReason.Asked, pc.Run().Reason);
        Assert.Equal([.. Fault(pc, 14, "store", 7, Moved), SmallProgram.Exception | 3], pc.Said);
        Assert.Equal(1u, pc.Read32(Moved));
    }

    // What the guest has switched off, the monitor still needs: to see first stores, and stores to tables.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void WriteProtect_OffFromTheStartOrLater_StoresAreStillNoticed(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        foreach (bool later in (bool[])[false, true])
        {
            using SmallPc pc = new(kind, p =>
            {
                p.PagingOn(pae, writeProtect: later);
                p.SayAt(Moved);
                p.SayAt(Target);
                if (later)
                {
                    p.Protect(false);
                }

                p.Code.mov(ebx, __dword_ptr[Target]);
                p.Store(Target, 0x23);
                p.SayAt(tables.Entry(Target));
                p.Store(tables.Entry(Moved), Target | SmallTables.Open);
                p.Code.invlpg(__byte_ptr[Moved]);
                p.SayAt(Moved);
                p.Off();
            }, pae, pc =>
            {
                pc.Write32(Moved, 0x11);
                pc.Write32(Target, 0x22);
            });

            Assert.Equal([0x11, 0x22, Target | 0x67, 0x23], pc.RunToEnd());
        }
    }

    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void NoExecute_SwitchedOnAndOff_DecidesWhatTheBitMeans(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.Store(Moved, 0x90C3_C3C3);
            p.PagingOn(pae: true);

            // While the bit is off, it is reserved.
            p.Try("reserved", c => c.mov(ebx, __dword_ptr[Moved]));
            p.WriteEfer(NoExecuteEnable);
            p.Try("read", c => c.mov(ebx, __dword_ptr[Moved]));
            p.Say(ebx);
            Call(p, "fetch");
            p.WriteEfer(0);
            Call(p, "fetch reserved");
            p.Code.mov(ecx, 0xC000_0080);
            p.Code.rdmsr();
            p.Say(eax);
            p.Off();
        }, true, pc =>
        {
            pc.Tables.Map(Moved, Moved, SmallTables.Open);
            pc.Write32(pc.Tables.Entry(Moved) + 4, 0x8000_0000);
        });

        uint[] said = pc.RunToEnd();
        const uint page = SmallProgram.Exception | 14;
        Assert.Equal([.. Fault(pc, 14, "reserved", 9, Moved), 0x90C3_C3C3, page, 0x11, Moved, Moved, page, 9, Moved, Moved, 0], said);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void NotPresent_EveryLevel_IsTheGuestsOwnFault(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Try("leaf", c => c.mov(ebx, __dword_ptr[Moved + 8]));
            p.Try("upper", c => c.mov(__dword_ptr[0x4000_0010], ebx));
            p.Off();
        }, pae, pc => pc.Tables.Map(Moved, 0, 0));

        Assert.Equal([.. Fault(pc, 14, "leaf", 0, Moved + 8), .. Fault(pc, 14, "upper", 2, 0x4000_0010)], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void AccessedAndDirty_OfAPageReadAndAPageWritten_AreSetInTheGuestsTables(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(pc0(pae).Entry(Moved));
            p.Code.mov(ebx, __dword_ptr[Moved]);
            p.SayAt(pc0(pae).Entry(Moved));
            p.Store(Moved, 1);
            p.SayAt(pc0(pae).Entry(Moved));

            // A page that is clean again is found dirty again.
            p.Store(pc0(pae).Entry(Moved), Moved | SmallTables.Open);
            p.Code.invlpg(__byte_ptr[Moved]);
            p.Store(Moved, 1);
            p.SayAt(pc0(pae).Entry(Moved));
            p.Off();
        }, pae);

        Assert.Equal([Moved | 0x07, Moved | 0x27, Moved | 0x67, Moved | 0x67], pc.RunToEnd());

        static SmallTables pc0(bool pae) => new((_, _) => { }, pae);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void ControlRegisters_Read_ShowTheGuestsOwnValues(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae, writeProtect: false);
            p.LoadTables(SmallTables.Directory | 0x18);
            p.Code.mov(ebx, cr0);
            p.Say(ebx);
            p.Code.mov(ebx, cr3);
            p.Say(ebx);
            p.Code.mov(ebx, cr4);
            p.Say(ebx);
            p.Code.smsw(ebx);
            p.Say(ebx);
            p.Code.mov(eax, 0xF);
            p.Code.lmsw(ax);
            p.Code.smsw(__word_ptr[Moved]);
            p.SayAt(Moved);
            p.Code.clts();
            p.Code.xor(eax, eax);
            p.Code.lmsw(ax);
            p.Code.mov(ebx, cr0);
            p.Say(ebx);
            p.PagingOff();
            p.Code.mov(ebx, cr3);
            p.Say(ebx);
            p.Off();
        }, pae);

        uint[] said = pc.RunToEnd();

        // Written in PAE, bits 3 and 4 are PWT and PCD in both formats.
        Assert.Equal([0x8000_0011, SmallTables.Directory | 0x18, pae ? 0x20u : 0, 0x8000_0011, 0x1F, 0x8000_0011, SmallTables.Directory | 0x18], said);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void ControlRegisters_BetweenRuns_AreTheGuestsOwn(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae, writeProtect: false);
            p.Off();
        }, pae);

        pc.RunToEnd();
        Assert.Equal((0x8000_0011u, SmallTables.Directory, pae ? 0x20u : 0), (pc.Guest.ControlRegister(0), pc.Guest.ControlRegister(3), pc.Guest.ControlRegister(4)));
        Assert.Equal(kind != PcKind.Nested, pc.Guest.IsShadowed);
    }

    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void Pointers_WithReservedBits_AreRefusedWithTheInstructionsAddress(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.ChangeCr4(1 << 5);
            p.LoadTables(SmallTables.Other);
            p.Code.mov(eax, cr0);
            p.Code.or(eax, 0x8001_0000);
            p.Try("on", c => c.mov(cr0, eax));
            p.Code.mov(ebx, cr0);
            p.Say(ebx);
            p.SayAt(Moved);
            p.PagingOn(pae: true);
            p.SayAt(Moved);
            p.Code.mov(eax, SmallTables.Other);
            p.Try("load", c => c.mov(cr3, eax));
            p.Code.mov(ebx, cr3);
            p.Say(ebx);
            p.SayAt(Moved);
            p.Off();
        }, true, pc =>
        {
            pc.Write32(Moved, 0x11);
            pc.Write32(Target, 0x22);
            pc.Tables.Map(Moved, Target, SmallTables.Open);
            pc.Tables.Lay(SmallTables.Other);
            pc.Write32(SmallTables.Other + 8, 0x1E7);
        });

        Assert.Equal([.. Fault(pc, 13, "on", 0), 0x11, 0x11, 0x22, .. Fault(pc, 13, "load", 0), SmallTables.Directory, 0x22], pc.RunToEnd());
    }

    // Intel SDM vol. 3, 4.4.1: changes of CR0.CD and CR0.NW load the pointers as well, when paging is on.
    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void Pointers_WhenCachingIsSwitched_AreLoadedAnew(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae: true);
            p.Store(SmallTables.Directory, (SmallTables.Other + 0x1000) | 1);
            p.Code.mov(eax, cr0);
            p.Code.or(eax, 1 << 30);
            p.Code.mov(cr0, eax);
            p.SayAt(Moved);
            p.Store(SmallTables.Directory + 8, 0x1E7);
            p.Code.mov(eax, cr0);
            p.Code.and(eax, ~(1 << 30));
            p.Try("refused", c => c.mov(cr0, eax));
            p.Code.mov(ebx, cr0);
            p.Say(ebx);
            p.Off();
        }, true, pc =>
        {
            pc.Write32(Moved, 0x11);
            pc.Write32(Target, 0x22);
            pc.Tables.Lay(SmallTables.Other);
            pc.Tables.Map(Moved, Target, SmallTables.Open, SmallTables.Other);
        });

        Assert.Equal([0x22, .. Fault(pc, 13, "refused", 0), 0xC001_0011], pc.RunToEnd());
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

        Assert.Equal([0x22, .. Fault(pc, 13, "refused", 0), 0xA0], pc.RunToEnd());
    }

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

    private static uint Large(bool pae) => pae ? 0x60_0000u : 0x80_0000;

    private static uint[] Fault(SmallPc pc, int vector, string at, uint? code = null, uint? address = null) => pc.Fault(vector, at, code, address);

    private static void Call(SmallProgram p, string name)
    {
        p.Load(ebp, name + " back");
        p.Code.mov(ebx, Moved);
        p.Code.call(ebx);
        p.Mark(name + " back");
    }
}
