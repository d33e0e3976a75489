using Gnomon.Cpu;
using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Paging;
using Gnomon.Shadow;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>What becomes of each trap: done by the host, given to the guest, or the guest's end.</summary>
public sealed class TrapTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PageFault_ThatTheTablesAllow_IsNotTheGuests(bool pae)
    {
        using TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                k.LoadTables();
                k.Code.mov(__dword_ptr[0x30_0000], 77);
                k.ShutDown();
            },
            pae);
        machine.RunToShutdown();
        Assert.Equal(77u, machine.Read32(0x30_0000));
        Assert.Equal(0, machine.Guest.Statistics.Reflected);
        PagingEvent fault = Assert.Single(machine.Guest.RecentFaults, f => f.Address == 0x30_0000);
        Assert.Equal((FaultKind.Mapped, true), (fault.Outcome!.Value, (fault.Code & PageFaultCode.Write) != 0));
    }

    [Theory]
    [InlineData(false, 0x0u, 0u)]
    [InlineData(false, 0x65u, 3u)]
    [InlineData(true, 0x0u, 0u)]
    [InlineData(true, 0x65u, 3u)]
    public void PageFault_ThatIsTheGuests_HasCodeAndAddress(bool pae, uint flags, uint expected)
    {
        bool write = flags != 0;
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Gate(14, "fault");
        kernel.Mark("at");
        if (write)
        {
            kernel.Code.mov(__byte_ptr[0x30_0123], 1);
        }
        else
        {
            kernel.Code.mov(al, __byte_ptr[0x30_0123]);
        }

        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae);
        machine.WriteEntry(0x30_0000, flags == 0 ? 0 : 0x30_0000 | flags);
        machine.RunToShutdown();
        Assert.Equal([expected, kernel.Addresses["at"], 0x30_0123u], [machine.Kept(0), machine.Kept(1), machine.Data(8)]);
    }

    [Fact]
    public void Cr2_IsTheReflectedFaults_AlsoAfterAnotherOne()
    {
        // The handler's frame, its code and its data are faults of the shadows only: none of them shows.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Gate(14, "fault");
        kernel.Code.mov(esp, 0x31_1000);
        kernel.Code.mov(eax, __dword_ptr[0x5000_0010]);
        kernel.Code.mov(eax, __dword_ptr[0x6000_0020]);
        kernel.ShutDown();
        while (kernel.Code.Instructions.Count < 5000)
        {
            kernel.Code.nop();
        }

        kernel.Mark("fault");
        kernel.Code.mov(eax, __dword_ptr[0x32_0000]);
        kernel.Code.mov(__dword_ptr[0x33_0000], eax);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data + 8]);
        kernel.Code.mov(edx, __dword_ptr[TinyKernel.Results + 16]);
        kernel.Code.mov(__dword_ptr[edx * 8 + TinyKernel.Results], eax);
        kernel.Code.mov(eax, cr2);
        kernel.Code.mov(__dword_ptr[edx * 8 + (TinyKernel.Results + 4)], eax);
        kernel.Count(4);
        kernel.Code.add(esp, 4);

        // Over the load, which is 5 bytes.
        kernel.Code.add(__dword_ptr[esp], 5);
        kernel.Code.iretd();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([0x5000_0010u, 0x5000_0010u, 0x6000_0020u, 0x6000_0020u], Enumerable.Range(0, 4).Select(machine.Kept));
        Assert.Contains(machine.Guest.RecentFaults, f => f.Address == 0x33_0000 && f.Outcome == FaultKind.Mapped);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ProtectionFault_OfTheKernel_IsEmulatedOnlyWithCode0(bool zero)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(13, "fault");
        kernel.Enable();
        if (zero)
        {
            kernel.Code.cli();
            kernel.ShutDown();
        }
        else
        {
            kernel.Code.mov(eax, 0x1F9);
            kernel.Code.mov(fs, ax);
        }

        kernel.Mark("fault");
        kernel.KeepStack(0, 1);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([zero ? 0u : 0x1F8u, zero ? 1L : 0L], [machine.Kept(0), machine.Guest.Statistics.Emulated]);
    }

    public static TheoryData<string> Privileged => ["cli", "sti", "hlt", "in", "out", "clts", "cr0", "cr3", "invlpg", "wbinvd", "insb", "lmsw"];

    [Theory]
    [MemberData(nameof(Privileged))]
    public void ProtectionFault_OfLevel3_IsTheGuests(string what)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(13, "fault");
        kernel.GoToUser("user");
        kernel.Mark("user");
        switch (what)
        {
            case "cli": kernel.Code.cli(); break;
            case "sti": kernel.Code.sti(); break;
            case "hlt": kernel.Code.hlt(); break;
            case "in": kernel.Code.@in(al, 0x64); break;
            case "out": kernel.Code.@out(0x80, al); break;
            case "clts": kernel.Code.clts(); break;
            case "cr0": kernel.Code.mov(eax, cr0); break;
            case "cr3": kernel.Code.mov(cr3, eax); break;
            case "invlpg": kernel.Code.invlpg(__byte_ptr[0]); break;
            case "wbinvd": kernel.Code.wbinvd(); break;
            case "insb": kernel.Code.insb(); break;
            default: kernel.Code.lmsw(ax); break;
        }

        kernel.Mark("fault");
        kernel.KeepStack(0, 3);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([0u, kernel.Addresses["user"], 0x73u], [machine.Kept(0), machine.Kept(1), machine.Kept(2)]);
        Assert.Equal(0, machine.Guest.Statistics.Emulated);
    }

    [Fact]
    public void FpuTrap_ThatTheGuestHasNotAskedFor_IsSwallowed()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Code.mov(ecx, 500);
        kernel.Mark("busy");
        kernel.Code.dec(ecx);
        kernel.Code.jne(kernel.At("busy"));
        kernel.Code.fninit();
        kernel.Code.fld1();
        kernel.Count(0);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(400);

        // As a host does that has lent the FPU to someone else meanwhile.
        machine.Guest.Processor.Registers.Cr0 |= Cr0.TaskSwitched;
        machine.RunToShutdown();
        Assert.Equal(1u, machine.Kept(0));
        Assert.Equal(0, machine.Guest.Statistics.Reflected);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(13)]
    [InlineData(14)]
    public void ATrapWithoutAGate_Kills_WithVectorAndEip(int vector)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Call(8, 1);
        kernel.Code.xor(ecx, ecx);
        kernel.Mark("at");
        switch (vector)
        {
            case 0: kernel.Code.div(ecx); break;
            case 3: kernel.Code.nop(); break;
            case 6: kernel.Code.ud2(); break;
            case 7: kernel.Code.fnop(); break;
            case 13: kernel.Code.rdmsr(); break;
            default: kernel.Code.mov(eax, __dword_ptr[0x5000_0000]); break;
        }

        if (vector == 3)
        {
            // Level 0 of an empty gate: #GP.
            kernel.Code.int3();
        }

        using TinyMachine machine = new(kernel);
        string reason = machine.RunToDeath();
        uint eip = kernel.Addresses["at"] + (vector == 3 ? 1u : 0u);
        Assert.Contains($"0x{(vector == 3 ? 13 : vector):x} ", reason, StringComparison.Ordinal);
        Assert.Contains($"0x{eip:x}", reason, StringComparison.Ordinal);
        Assert.Equal(eip, machine.Guest.End!.Value.Eip);
    }

    [Fact]
    public void ADoubleFault_Kills_AndNeverHangs()
    {
        // A direct gate from level 3, whose stack segment the kernel has made unusable: #DE, and #SS on its way.
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(0, "handler", 0xF);
        kernel.Gate(8, "double");
        kernel.Gate(12, "double");
        kernel.Gate(10, "double");
        kernel.Call(18, 20, 0x0000_FFFF, 0x00CF_3200);
        kernel.Call(7, (20 * 8) | 1, TinyKernel.TrapStack, 1);
        kernel.Code.xor(ebp, ebp);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.div(ebp);
        kernel.Mark("handler");
        kernel.Code.hlt();
        kernel.Mark("double");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        string reason = machine.RunToDeath();
        Assert.Contains("0x8 ", reason, StringComparison.Ordinal);
        Assert.Contains($"0x{kernel.Addresses["user"]:x}", reason, StringComparison.Ordinal);
    }
}
