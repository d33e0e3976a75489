using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Interrupts, halts, tasks: what an unmodified guest's own tables of descriptors do under the monitor.</summary>
public sealed class UnmodifiedInterruptTests
{
    private const byte Vector = 0x40;
    private const ulong Nanoseconds = 10;

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Interrupt_WhileDisabled_WaitsForTheInstructionBehindSti(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            for (int i = 0; i < 100; i++)
            {
                p.Code.nop();
            }

            p.Say(1);
            p.Code.sti();

            // Not before this one is done.
            p.Code.mov(ebx, 7);
            p.Mark("taken");
            p.Code.nop();
            p.Code.cli();
            p.Say(2);
            p.Off();
            Handler(p);
        }, pae, Connect);
        pc.InterruptAt(20 * Nanoseconds, Vector);

        Assert.Equal([1, 7, pc.Program.Addresses["taken"], 2], pc.RunToEnd());
        Assert.Equal(1, pc.Guest.Statistics.Interrupts);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Interrupts_Several_ComeOneAfterTheOtherAsTheGuestEnablesThem(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, 7);
            p.Code.sti();
            p.Mark("wait");
            p.Code.cmp(__dword_ptr[0x9000], 3);
            p.Code.jb(p.At("wait"));
            p.Off();
            p.Mark("interrupt");
            p.Code.push(eax);
            p.Code.inc(__dword_ptr[0x9000]);
            p.SayAt(0x9000);
            p.Code.pushfd();
            p.Code.pop(eax);
            p.Code.and(eax, 0x200);
            p.Say(eax);
            p.Code.pop(eax);
            p.Code.iretd();
        }, pae, Connect);
        for (ulong i = 0; i < 3; i++)
        {
            pc.InterruptAt((40 + i) * Nanoseconds, Vector);
        }

        Assert.Equal([1, 0, 2, 0, 3, 0], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Halt_WithATimer_EndsAtItsTime(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, 7);
            p.Code.sti();
            p.Code.hlt();
            p.Mark("taken");
            p.Off();
            Handler(p);
        }, pae, Connect);
        pc.InterruptAt(1_000_000, Vector);

        Assert.Equal([7, pc.Program.Addresses["taken"]], pc.RunToEnd());
        Assert.InRange(pc.Guest.Now, 1_000_000ul, 1_002_000ul);
    }

    [Fact]
    public void Halt_WithATimerThatRaisesNothing_WaitsForTheNextOne()
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.Code.mov(ebx, 7);
            p.Code.sti();
            p.Code.hlt();
            p.Mark("taken");
            p.Off();
            Handler(p);
        }, prepare: Connect);
        int ran = 0;
        pc.Scheduler.CreateTimer(_ => ran++).Set(500_000);
        pc.InterruptAt(1_000_000, Vector);

        Assert.Equal([7, pc.Program.Addresses["taken"]], pc.RunToEnd(1_000));
        Assert.Equal(1, ran);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Halt_WithInterruptsDisabled_IsForEverWhateverComes(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.cli();
            p.Code.hlt();
            p.Say(1);
            Handler(p);
        }, pae, Connect);
        pc.InterruptAt(500_000, Vector);

        GuestStop stop = pc.Run();
        Assert.Equal((GuestStopReason.Halted, ulong.MaxValue), (stop.Reason, stop.WakeAt));
        Assert.InRange(pc.Guest.Now, 0ul, 10_000ul);
        Assert.Equal(stop, pc.Run());
        Assert.Empty(pc.Said);
    }

    [Fact]
    public void Halt_WithNothingThatComes_IsToldAndEndsWhenSomethingComes()
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.PagingOn(pae: false);
            p.Code.mov(ebx, 7);
            p.Code.sti();
            p.Code.hlt();
            p.Mark("taken");
            p.Off();
            Handler(p);
        }, prepare: Connect);

        GuestStop stop = pc.Run();
        Assert.Equal((GuestStopReason.Halted, ulong.MaxValue), (stop.Reason, stop.WakeAt));
        pc.Pic.Raise(Vector);
        Assert.Equal([7, pc.Program.Addresses["taken"]], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Interrupt_DuringARepetition_ComesBetweenTwoElements(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.sti();
            p.Code.mov(esi, 0x9000);
            p.Code.mov(edx, SmallProgram.SayPort);
            p.Code.mov(ecx, 6);
            p.Mark("string");
            p.Code.rep.outsd();
            p.Code.cli();
            p.Say(ecx);
            p.Say(esi);
            p.Off();
            p.Mark("interrupt");
            p.Code.push(eax);
            p.Code.mov(eax, __dword_ptr[esp + 4]);
            p.Say(eax);
            p.Code.pop(eax);
            p.Code.iretd();
        }, pae, pc =>
        {
            Connect(pc);
            for (uint i = 0; i < 6; i++)
            {
                pc.Write32(0x9000 + (i * 4), 0xA0 + i);
            }
        });
        pc.Heard = value =>
        {
            if (value == 0xA2)
            {
                pc.Pic.Raise(Vector);
            }
        };

        // Not in the middle of an element; behind it, or behind the next one.
        List<uint> said = [.. pc.RunToEnd()];
        int at = said.IndexOf(pc.Program.Addresses["string"]);
        Assert.InRange(at, 3, 4);
        said.RemoveAt(at);
        Assert.Equal([0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0, 0x9018], said);
    }

    // Intel SDM vol. 3, 6.9: the trap of the instruction before is taken first, the interrupt at the first instruction of its handler.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Interrupt_TogetherWithASingleStepTrap_ComesBehindIt(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, 7);
            p.Code.pushfd();
            p.Code.or(__dword_ptr[esp], 0x300);
            p.Load(eax, "stepped");
            p.Code.push(8);
            p.Code.push(eax);
            p.Code.iretd();
            p.Mark("stepped");
            p.Code.@out(SmallProgram.SayPort + 3, al);
            p.Mark("behind");
            p.Off();
            p.Mark("step");
            p.Code.push(eax);
            p.Say(0xDB);
            p.Code.mov(eax, __dword_ptr[esp + 4]);
            p.Say(eax);
            p.Code.pop(eax);
            p.Code.and(__dword_ptr[esp + 8], ~0x100);
            p.Code.iretd();
            Handler(p);
        }, pae, pc =>
        {
            Connect(pc);
            pc.Gate(1, "step");
        });
        pc.Heard = value =>
        {
            if (pc.Said.Count == 1)
            {
                pc.Pic.Raise(Vector);
            }
        };

        uint[] said = pc.RunToEnd();
        uint behind = pc.Program.Addresses["behind"];
        Assert.Equal([0xDB, behind, 7, behind], said[1..]);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Delivery_ToAStackThatIsNotInTheShadowsYet_IsDoneOnce(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, 7);
            p.Code.mov(esp, 0x10_1004);
            p.Code.sti();
            p.Code.nop();
            p.Mark("wait");
            p.Code.jmp(p.At("wait"));
            p.Mark("interrupt");
            p.Code.mov(ebx, esp);
            p.Say(ebx);
            p.Code.mov(eax, __dword_ptr[esp]);
            p.Say(eax);
            p.Off();
        }, pae, Connect);
        pc.InterruptAt(100 * Nanoseconds, Vector);

        Assert.Equal([0x10_0FF8, pc.Program.Addresses["wait"]], pc.RunToEnd());
        Assert.Equal(1, pc.Pic.Taken);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Delivery_WithoutAStack_IsADoubleFaultThroughATask(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(esp, 0x80_0000);
            p.Mark("fault");
            p.Code.ud2();
            p.Mark("double");
            p.Code.pop(ebx);
            p.Say(ebx);
            p.Code.mov(ebx, cr2);
            p.Say(ebx);
            p.Code.mov(ebx, cr3);
            p.Say(ebx);
            p.Code.smsw(ebx);
            p.Code.and(ebx, 8);
            p.Say(ebx);
            p.Off();
        }, pae, pc =>
        {
            Task(pc, "double", SmallTables.Other);
            pc.Tables.Lay(SmallTables.Other);
            pc.Write32(SmallPc.Idt + (8 * 8), (uint)SmallPc.OtherTask << 16);
            pc.Write32(SmallPc.Idt + (8 * 8) + 4, 0x8500);
        });

        // #UD is benign; its #PF is delivered, and a #PF on its way makes the double fault.
        Assert.Equal([0, 0x7F_FFFC, SmallTables.Other, 8], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Delivery_WithoutAStackAndADoubleFaultsGate_KillsWithOneSentence(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(esp, 0x80_0000);
            p.Code.sti();
            p.Mark("wait");
            p.Code.jmp(p.At("wait"));
            Handler(p);
        }, pae, Connect);
        pc.InterruptAt(100 * Nanoseconds, Vector);

        GuestStop stop = pc.Run();
        Assert.Equal(GuestStopReason.Killed, stop.Reason);
        Assert.StartsWith("triple fault: ", stop.Text, StringComparison.Ordinal);
        Assert.Equal(pc.Program.Addresses["wait"], stop.Eip);
        Assert.Equal(stop, pc.Guest.Run(10));
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void TaskSwitch_IntoAnotherAddressSpaceAndBack_LoadsCr3(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(0x4_0000);
            p.Code.db(0x9A);
            p.Code.dd(0);
            p.Code.dw(SmallPc.OtherTask);
            p.Mark("behind");
            p.SayAt(0x4_0000);
            p.Code.mov(ebx, cr3);
            p.Say(ebx);
            p.Code.smsw(ebx);
            p.Code.and(ebx, 8);
            p.Say(ebx);
            p.Off();
            p.Mark("task");
            p.SayAt(0x4_0000);
            p.Code.clts();
            p.Code.smsw(ebx);
            p.Code.and(ebx, 8);
            p.Say(ebx);
            p.Code.iretd();
        }, pae, pc =>
        {
            Task(pc, "task", SmallTables.Other);
            pc.Write32(SmallPc.FirstTaskImage + 0x1C, SmallTables.Directory);
            pc.Write32(0x4_0000, 0x11);
            pc.Write32(0x5_0000, 0x22);
            pc.Tables.Lay(SmallTables.Other);
            pc.Tables.Map(0x4_0000, 0x5_0000, SmallTables.Open, SmallTables.Other);
        });

        Assert.Equal([0x11, 0x22, 0, 0x11, SmallTables.Directory, 8], pc.RunToEnd());
    }

    // Intel SDM vol. 3, 7.3 and 4.4.1: a task with the same CR3 loads nothing, so that pointers that are bad by now do not matter.
    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void TaskSwitch_WithTheSameTables_DoesNotLoadThePointers(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae: true);
            p.Store(SmallTables.Directory + 8, 0x1E7);
            p.Code.db(0xEA);
            p.Code.dd(0);
            p.Code.dw(SmallPc.OtherTask);
            p.Mark("task");
            p.Say(1);
            p.Off();
        }, true, pc => Task(pc, "task", SmallTables.Directory));

        Assert.Equal([1], pc.RunToEnd());
    }

    [Fact]
    public void Timer_ThatIsAlwaysDueAgain_DoesNotKeepTheGuestFromRunning()
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.Code.mov(ecx, 100);
            p.Mark("loop");
            p.Code.dec(ecx);
            p.Code.jnz(p.At("loop"));
            p.Off();
        });
        int ran = 0;
        Gnomon.Devices.DeviceTimer timer = null!;
        timer = pc.Scheduler.CreateTimer(_ =>
        {
            ran++;
            timer.Set(0);
        });
        timer.Set(0);

        pc.RunToEnd();
        Assert.InRange(ran, 200, 300);
    }

    [Fact]
    public void Timer_ThatIsAlwaysDueAgain_DoesNotKeepAHaltedGuestFromComingBack()
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.Code.sti();
            p.Code.hlt();
        });
        Gnomon.Devices.DeviceTimer timer = null!;
        timer = pc.Scheduler.CreateTimer(_ => timer.Set(0));
        timer.Set(0);

        Assert.Equal(GuestStopReason.Budget, pc.Run(1_000).Reason);
    }

    private static void Connect(SmallPc pc) => pc.Gate(Vector, "interrupt");

    // Says EBX and where it came from.
    private static void Handler(SmallProgram p)
    {
        p.Mark("interrupt");
        p.Code.push(eax);
        p.Say(ebx);
        p.Code.mov(eax, __dword_ptr[esp + 4]);
        p.Say(eax);
        p.Code.pop(eax);
        p.Code.iretd();
    }

    private static void Task(SmallPc pc, string entry, uint directory)
    {
        const uint image = SmallPc.OtherTaskImage;
        pc.Write32(image + 0x1C, directory);
        pc.Write32(image + 0x20, pc.Program.Addresses[entry]);
        pc.Write32(image + 0x24, 2);
        pc.Write32(image + 0x38, SmallProgram.Stack - 0x400);
        pc.Write32(image + 0x4C, 8);
        foreach (uint segment in (uint[])[0x48, 0x50, 0x54, 0x58, 0x5C])
        {
            pc.Write32(image + segment, 0x10);
        }
    }
}
