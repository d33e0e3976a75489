using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Privileged instructions that a kernel at level 1 still meets, and those whose fault is its own.</summary>
public sealed class EmulatedInstructionTests
{
    private const uint Page = 0x30_0000;
    private const uint Other = 0x31_0000;

    [Fact]
    public void CliAndSti_AreTheVirtualFlag()
    {
        using TinyMachine machine = Machine(k =>
        {
            k.Code.sti();
            k.Code.mov(eax, __dword_ptr[TinyKernel.Data]);
            k.Keep(0, eax);
            k.Code.cli();
            k.Code.mov(eax, __dword_ptr[TinyKernel.Data]);
            k.Keep(1, eax);
        });
        machine.RunToShutdown();
        Assert.Equal([0x200u, 0u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void Hlt_WaitsForAnInterrupt()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(33, "one");
        kernel.Code.hlt();
        kernel.Mark("behind");
        kernel.Code.nop();
        kernel.Mark("one");
        kernel.KeepStack(0, 1);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToHalt();
        machine.Guest.Interrupts.Raise(1);
        machine.RunToShutdown();
        Assert.Equal(kernel.Addresses["behind"], machine.Kept(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ControlRegisters_AreAnswered(bool pae)
    {
        using TinyMachine machine = Machine(
            k =>
            {
                k.Code.mov(eax, cr0);
                k.Keep(0, eax);
                k.Code.mov(esi, cr4);
                k.Keep(1, esi);
                k.Code.mov(__dword_ptr[TinyKernel.Data + 8], 0x1234_5678);
                k.Code.mov(ebp, cr2);
                k.Keep(2, ebp);
                k.LoadTables();
                k.Code.mov(edi, cr3);
                k.Keep(3, edi);
            },
            pae);
        machine.RunToShutdown();
        Assert.Equal([0x8005_0033u, 0u, 0x1234_5678u, TinyMachine.Directory], Enumerable.Range(0, 4).Select(machine.Kept));
    }

    [Fact]
    public void Cr4_BeforeInit_Is0()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Code.mov(eax, 1);
            k.Code.mov(eax, cr4);
            k.Keep(0, eax);
            k.Count(1);
            k.Init();
            k.ShutDown();
        });
        machine.RunToShutdown();
        Assert.Equal([0u, 1u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void Cr2_CanBeWritten()
    {
        using TinyMachine machine = Machine(k =>
        {
            k.Code.mov(ecx, 0x0BAD_F00D);
            k.Code.mov(cr2, ecx);
        });
        machine.RunToShutdown();
        Assert.Equal(0x0BAD_F00Du, machine.Data(8));
    }

    [Theory]
    [InlineData(false, Page)]
    [InlineData(true, Page)]
    [InlineData(false, TinyMachine.KernelHalf + Page)]
    [InlineData(true, TinyMachine.KernelHalf + Page)]
    public void Cr3_Written_LoadsTables_AndForgetsOldEntries(bool pae, uint address)
    {
        // As on a CPU: whatever was changed before, in either half, holds behind it.
        using TinyMachine machine = Machine(
            k =>
            {
                k.Code.mov(eax, TinyMachine.Directory);
                k.Code.mov(cr3, eax);
                k.Code.mov(eax, __dword_ptr[address]);
                k.Keep(0, eax);
                uint tables = address >= TinyMachine.KernelHalf ? 0x2_5000u : 0x2_2000u;
                k.Code.mov(__dword_ptr[tables + ((Page >> 12) * (pae ? 8u : 4u))], (int)(Other | TinyMachine.EntryFlags));
                k.Code.mov(ecx, cr3);
                k.Code.mov(cr3, ecx);
                k.Code.mov(eax, __dword_ptr[address]);
                k.Keep(1, eax);
            },
            pae);
        machine.Write32(Page, 1);
        machine.Write32(Other, 2);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void TaskSwitched_ByMovCltsAndLmsw()
    {
        using TinyMachine machine = Machine(k =>
        {
            void Note(int index)
            {
                k.Code.mov(eax, cr0);
                k.Keep(index, eax);
            }

            k.Code.mov(edx, cr0);
            k.Code.or(edx, 8);
            k.Code.mov(cr0, edx);
            Note(0);
            k.Code.clts();
            Note(1);
            k.Code.mov(ecx, 8);
            k.Code.lmsw(cx);
            Note(2);
            k.Code.mov(__dword_ptr[0x7000], 1);
            k.Code.mov(ebx, 0x3800);
            k.Code.lmsw(__word_ptr[ebx * 2]);
            Note(3);
            k.Code.mov(__dword_ptr[0x7000], 9);
            k.Code.mov(esi, 0x6FF0);
            k.Code.lmsw(__word_ptr[esi + 16]);
            Note(4);
            k.Code.mov(edx, cr0);
            k.Code.and(edx, ~8);
            k.Code.mov(cr0, edx);
            Note(5);
        });
        machine.RunToShutdown();
        Assert.Equal([8u, 0u, 8u, 0u, 8u, 0u], Enumerable.Range(0, 6).Select(i => machine.Kept(i) & 8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Invlpg_ForgetsAPage(bool pae)
    {
        using TinyMachine machine = Machine(
            k =>
            {
                k.LoadTables();
                k.Code.mov(eax, __dword_ptr[Page]);
                k.Keep(0, eax);
                k.Code.mov(__dword_ptr[0x2_2000 + ((Page >> 12) * (pae ? 8u : 4u))], (int)(Other | TinyMachine.EntryFlags));
                k.Code.mov(ecx, Page >> 2);
                k.Code.invlpg(__byte_ptr[ecx * 4 + 0x123]);
                k.Code.mov(eax, __dword_ptr[Page]);
                k.Keep(1, eax);
            },
            pae);
        machine.Write32(Page, 1);
        machine.Write32(Other, 2);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void Caches_AreNothing()
    {
        using TinyMachine machine = Machine(k =>
        {
            k.Code.wbinvd();
            k.Code.invd();
            k.Count(0);
        });
        machine.RunToShutdown();
        Assert.Equal(1u, machine.Kept(0));
    }

    [Fact]
    public void DebugRegisters_ReadWhatWasWritten_AndBreakNothing()
    {
        using TinyMachine machine = Machine(k =>
        {
            k.Code.mov(eax, dr7);
            k.Keep(0, eax);
            k.Code.mov(eax, 0x7000);
            k.Code.mov(dr0, eax);
            k.Code.mov(eax, 0x403);
            k.Code.mov(dr7, eax);
            k.Code.mov(__dword_ptr[0x7000], 1);
            k.Code.mov(eax, dr0);
            k.Keep(1, eax);
        });
        machine.RunToShutdown();
        Assert.Equal([0x400u, 0x7000u], [machine.Kept(0), machine.Kept(1)]);
    }

    public static TheoryData<string> Traced => ["cli", "mov", "in", "mmio"];

    [Theory]
    [MemberData(nameof(Traced))]
    public void TraceFlag_IsHonouredBehindAnEmulatedInstruction(string what)
    {
        Board board = new();
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(1, "debug");
        kernel.Code.mov(edx, Board.FirstPort);
        kernel.Code.push(0x302);
        kernel.Code.popfd();
        switch (what)
        {
            case "cli": kernel.Code.cli(); break;
            case "mov": kernel.Code.mov(eax, cr0); break;
            case "in": kernel.Code.@in(al, dx); break;
            default: kernel.Code.mov(__dword_ptr[Board.Window], eax); break;
        }

        kernel.Mark("behind");
        kernel.Code.nop();
        kernel.Code.ud2();
        kernel.Mark("debug");
        kernel.KeepStack(0, 3);
        kernel.Code.mov(eax, dr6);
        kernel.Keep(3, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, change: board.AddTo);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["behind"], 0x61u, 0x100u], [machine.Kept(0), machine.Kept(1), machine.Kept(2) & 0x100]);

        // BS: a single step (Intel SDM vol. 3, 17.2.3).
        Assert.Equal(0x4000u, machine.Kept(3) & 0x600F);
    }

    [Fact]
    public void SingleStep_OfLevel3_ShowsInDr6_UntilTheKernelClearsIt()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(1, "debug");
        kernel.Gate(3, "break", level: 3);
        kernel.GoToUser("user", eflags: 0x302);
        kernel.Mark("user");
        kernel.Code.nop();
        kernel.Code.int3();
        kernel.Mark("debug");
        kernel.Code.mov(eax, dr6);
        kernel.Keep(0, eax);
        kernel.Code.xor(eax, eax);
        kernel.Code.mov(dr6, eax);
        kernel.Code.mov(eax, dr6);
        kernel.Keep(1, eax);
        kernel.ShutDown();
        kernel.Mark("break");
        kernel.Code.ud2();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([0x4000u, 0u], [machine.Kept(0) & 0x600F, machine.Kept(1) & 0x600F]);
    }

    public static TheoryData<string> NotAnswered => ["rdmsr", "wrmsr", "lgdt", "lidt", "ltr", "lldt", "xsetbv"];

    [Theory]
    [MemberData(nameof(NotAnswered))]
    public void Others_AreTheGuestsFault(string what)
    {
        TinyKernel kernel = new();
        kernel.Init();
        int vector = what == "xsetbv" ? 6 : 13;
        kernel.Gate(vector, "fault");
        kernel.Code.mov(ecx, 0x10);
        kernel.Mark("at");
        switch (what)
        {
            case "rdmsr": kernel.Code.rdmsr(); break;
            case "wrmsr": kernel.Code.wrmsr(); break;
            case "lgdt": kernel.Code.lgdt(__[0x7000]); break;
            case "lidt": kernel.Code.lidt(__[0x7000]); break;
            case "ltr": kernel.Code.ltr(cx); break;
            case "lldt": kernel.Code.lldt(cx); break;
            default: kernel.Code.xsetbv(); break;
        }

        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        int at = vector == 13 ? 1 : 0;
        Assert.Equal([vector == 13 ? 0u : kernel.Addresses["at"], kernel.Addresses["at"]], [machine.Kept(0), machine.Kept(at)]);
    }

    private static TinyMachine Machine(Action<TinyKernel> write, bool pae = false) => TinyMachine.Of(
        k =>
        {
            k.Init();
            write(k);
            k.ShutDown();
        },
        pae);
}
