using System.Text;
using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Paging;
using Gnomon.Shadow;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Hypercalls that end a guest or look after its CPU; those about page tables are in <see cref="PagingCallTests"/>.</summary>
public sealed class HypercallTests
{
    private const uint Size = TinyMachine.MemoryMiB << 20;

    public static TheoryData<uint> Known => [0, 2, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 18, 19];

    [Theory]
    [MemberData(nameof(Known))]
    public void First_ThatIsNotInit_Kills(uint number)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Call(number, TinyKernel.Data);
            k.Init();
            k.ShutDown();
        });
        Assert.Contains($"0x{number:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Fact]
    public void Init_Twice_Kills()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Init();
            k.ShutDown();
        });
        Assert.Contains("1", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(17)]
    [InlineData(20)]
    [InlineData(0x1_0001)]
    [InlineData(uint.MaxValue)]
    public void Unknown_Kills(uint number)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(number);
            k.ShutDown();
        });
        Assert.Contains($"0x{number:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Known))]
    public void Eax_IsNotWrittenBack(uint number)
    {
        uint first = number switch { 7 => 0x69, 4 or 14 or 15 => TinyMachine.Directory, 6 => 50, 9 or 10 => 0, 13 => 0x2_1000, 16 => TinyKernel.Text, _ => 1 };
        uint second = number switch { 6 => 0x61_0000, 7 => TinyKernel.Stack, 14 => 0x3_0000, _ => 0 };
        uint third = number switch { 6 => 0x8E00, 7 => 1, 14 => 0x3_0067, _ => 0 };
        using TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                k.Keep(0, eax);
                if (number is 2 or 10)
                {
                    // These do not come back, or only by an interrupt, whose handler sees EAX.
                    k.Gate(32, "tick");
                    k.Call(9, 1000);
                    k.Call(10);
                    k.Mark("tick");
                }
                else
                {
                    k.Call(number, first, second, third);
                }

                k.Keep(1, eax);
                k.ShutDown();
            },
            pae: number == 13);
        machine.RunToShutdown();
        Assert.Equal(1u, machine.Kept(0));
        Assert.Equal(number is 2 or 10 ? 10 : number, machine.Kept(1));
    }

    [Fact]
    public void FromLevel3_IsAProtectionFault()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(13, "fault");
        kernel.GoToUser("user");
        kernel.Mark("fault");
        kernel.KeepStack(0, 3);
        kernel.ShutDown();
        kernel.Mark("user");
        kernel.Code.mov(eax, 2);
        kernel.Mark("call");
        kernel.Code.@int(0x1F);
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();

        // The error code names the gate: vector × 8, and the IDT bit (Intel SDM vol. 3, 6.13).
        Assert.Equal([0xFAu, kernel.Addresses["call"], 0x73u], [machine.Kept(0), machine.Kept(1), machine.Kept(2)]);
    }

    [Theory]
    [InlineData(Size - 1388, true)]
    [InlineData(Size - 1387, false)]
    [InlineData(Size, false)]
    [InlineData(0xFFFF_FFF0, false)]
    public void Init_OfADataPageInMemoryOnly(uint address, bool fits)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Call(1, address);
            k.ShutDown();
        });
        machine.Guest.Memory.Write(new Gpa(Size - 1388 + 24), Enumerable.Repeat((byte)0xFF, 64).ToArray());
        if (fits)
        {
            machine.RunToShutdown();
            Assert.Equal(MachineClock.TscKhz, machine.Read32(address + 1372));
        }
        else
        {
            Assert.Contains($"0x{address:x}", machine.RunToDeath(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Init_FlushesEverything()
    {
        using TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Code.mov(eax, __dword_ptr[0x30_0000]);
                k.Code.mov(eax, __dword_ptr[0x30_0000]);
                k.Init();
                k.Code.mov(eax, __dword_ptr[0x30_0000]);
                k.ShutDown();
            },
            change: o => o with { Shadow = o.Shadow with { OnFlush = FlushPolicy.Discard } });
        machine.RunToShutdown();
        Assert.Equal(2, machine.Guest.RecentFaults.Count(fault => fault.Address == 0x30_0000));
    }

    [Theory]
    [InlineData(1, GuestStopReason.Shutdown)]
    [InlineData(2, GuestStopReason.Restart)]
    public void Shutdown_EndsWithTheText(uint how, GuestStopReason reason)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.ShutDown(how);
        });
        GuestStop stop = machine.Run();
        Assert.Equal((reason, "all is well"), (stop.Reason, stop.Text));
        Assert.Equal(stop, machine.Guest.End);
        Assert.Equal(stop, machine.Guest.Run(100));
    }

    [Theory]
    [InlineData(0xA000, 200, 128)]
    [InlineData(0xA000, 128, 128)]
    [InlineData(0xA000, 127, 127)]
    [InlineData(Size - 5, 5, 5)]
    public void Shutdown_OfALongText_Takes128Bytes(uint address, int length, int taken)
    {
        string text = new([.. Enumerable.Range(0, length).Select(i => (char)('a' + (i % 26)))]);
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(2, address, 1);
        });
        machine.Guest.Memory.Write(new Gpa(address), Encoding.ASCII.GetBytes(text));
        if (address + length < Size)
        {
            machine.Guest.Memory.Write(new Gpa(address + (uint)length), [0]);
        }

        Assert.Equal(text[..taken], machine.Run().Text);
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(uint.MaxValue)]
    public void Shutdown_WithATextOutsideMemory_Kills(uint address)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(2, address, 1);
        });
        Assert.Contains($"0x{address:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x68u, 1u, false)]
    [InlineData(0x69u, 0u, true)]
    [InlineData(0x69u, 1u, true)]
    [InlineData(0x69u, 2u, true)]
    [InlineData(0x69u, 3u, false)]
    [InlineData(0x69u, uint.MaxValue, false)]
    [InlineData(0x6Au, 1u, false)]
    [InlineData(0x6Bu, 1u, false)]
    public void SetStack_ChecksLevelAndPages(uint selector, uint pages, bool good)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(7, selector, TinyKernel.TrapStack, pages);
            k.ShutDown();
        });
        Assert.Equal(good ? GuestStopReason.Shutdown : GuestStopReason.Killed, machine.Run().Reason);
    }

    [Theory]
    [InlineData(0u, 0x1_4000u, false, false)]
    [InlineData(1u, 0x1_4000u, true, false)]
    [InlineData(2u, 0x1_4000u, true, true)]
    [InlineData(2u, 0x1_3001u, true, true)]
    public void SetStack_PinsThePagesBelow(uint pages, uint top, bool first, bool second)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        if (pages > 0)
        {
            kernel.Call(7, 0x69, top, pages);
        }

        kernel.Spin("here");
        using TinyMachine machine = new(kernel);
        machine.Run(10_000);
        Assert.Equal(first, IsMapped(machine, top - 1));
        Assert.Equal(second, IsMapped(machine, top - 1 - 4096));
        Assert.False(IsMapped(machine, top - 1 - 8192));
        Assert.False(IsMapped(machine, ((top - 1) | 0xFFF) + 1));
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(0x8000_0000u)]
    public void TaskSwitched_Set_MakesTheNextFpuInstructionTrap(uint set)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(7, "handler");
        kernel.Code.fninit();
        kernel.Code.mov(eax, cr0);
        kernel.Keep(0, eax);
        kernel.Call(8, set);
        kernel.Code.mov(eax, cr0);
        kernel.Keep(1, eax);
        kernel.Mark("fpu");
        kernel.Code.fninit();
        kernel.Code.mov(eax, cr0);
        kernel.Keep(3, eax);
        kernel.ShutDown();
        kernel.Mark("handler");
        kernel.Count(2);
        kernel.Call(8, 0);
        kernel.Code.iretd();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal(1u, machine.Kept(2));
        Assert.Equal([0u, 8u, 0u], [machine.Kept(0) & 8, machine.Kept(1) & 8, machine.Kept(3) & 8]);
        Assert.Equal(0u, machine.Guest.Processor.Registers.Cr0 & Cr0.TaskSwitched);
    }

    [Fact]
    public void ClockEvent_RaisesInterrupt0Once_AfterThatTime()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32, "tick");
        kernel.Enable();
        kernel.Code.rdtsc();
        kernel.Code.mov(edi, eax);
        kernel.Call(9, 50_000);
        kernel.Spin("wait");
        kernel.Mark("tick");
        kernel.Code.rdtsc();
        kernel.Code.sub(eax, edi);
        kernel.Keep(0, eax);
        kernel.Count(1);
        kernel.Enable();
        kernel.Spin("after");
        using TinyMachine machine = new(kernel);
        Assert.Equal(GuestStopReason.Budget, machine.Run(100_000).Reason);

        // 10 ns an instruction: the timer is set some instructions behind the first reading, and seen some behind its time.
        Assert.InRange(machine.Kept(0), 50_000u, 51_000u);
        Assert.Equal(1u, machine.Kept(1));
    }

    [Fact]
    public void ClockEvent_OfZero_TurnsItOff()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32, "tick");
        kernel.Enable();
        kernel.Call(9, 50_000);
        kernel.Call(9, 0);
        kernel.Spin("wait");
        kernel.Mark("tick");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        Assert.Equal(GuestStopReason.Budget, machine.Run(100_000).Reason);
    }

    [Fact]
    public void ClockEvent_SetAgain_ReplacesTheFirst()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32, "tick");
        kernel.Enable();
        kernel.Call(9, 500_000);
        kernel.Call(9, 50_000);
        kernel.Spin("wait");
        kernel.Mark("tick");
        kernel.Count(0);
        kernel.Enable();
        kernel.Code.iretd();
        using TinyMachine machine = new(kernel);
        machine.Run(20_000);
        Assert.Equal(1u, machine.Kept(0));
        machine.Run(100_000);
        Assert.Equal(1u, machine.Kept(0));
    }

    [Fact]
    public void Halt_WaitsForAnUnblockedInterrupt_AndWakingEnables()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(35, "three");
        kernel.Gate(36, "four", type: 0xF);
        kernel.Code.mov(__dword_ptr[TinyKernel.Data + 4], 1 << 3);
        kernel.Call(10);
        kernel.Mark("three");
        kernel.Code.ud2();
        kernel.Mark("four");
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data]);
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToHalt();
        machine.Guest.Interrupts.Raise(3);
        machine.RunToHalt();
        machine.Guest.Interrupts.Raise(4);
        machine.RunToShutdown();
        Assert.Equal(0x200u, machine.Kept(0));
    }

    [Fact]
    public void SendInterrupts_LooksForThemNow()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(37, "five");
        kernel.Call(9, 0);
        kernel.Code.mov(ecx, 200);
        kernel.Mark("busy");
        kernel.Code.dec(ecx);
        kernel.Code.jne(kernel.At("busy"));
        kernel.Enable();
        kernel.Code.mov(eax, 19);
        kernel.Code.@int(0x1F);
        kernel.Mark("missed");
        kernel.Code.ud2();
        kernel.Mark("five");
        kernel.KeepStack(0, 1);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(100);
        machine.Guest.Interrupts.Raise(5);
        machine.RunToShutdown();
        Assert.Equal(kernel.Addresses["missed"], machine.Kept(0));
    }

    private static bool IsMapped(TinyMachine machine, uint address) =>
        machine.Guest.Mmu.TryWalkShadow(0, new Gva(address), new PageAccess(PageFaultCode.Write), out _);
}
