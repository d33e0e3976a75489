using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Paging;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Trap gates below 32 and the system call's: the CPU takes them to the guest kernel, and the host never knows.</summary>
public sealed class DirectTrapTests
{
    [Theory]
    [InlineData(0x80)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(11)]
    [InlineData(1)]
    public void TrapGate_CostsNoTrap(byte vector)
    {
        Assert.Equal(Traps(vector, 0xF, 10), Traps(vector, 0xF, 500));
    }

    [Theory]
    [InlineData(0x80)]
    [InlineData(3)]
    public void InterruptGate_CostsOneEach(byte vector)
    {
        Assert.Equal(490, Traps(vector, 0xE, 500) - Traps(vector, 0xE, 10));
    }

    [Fact]
    public void AFault_GoesDirect()
    {
        // #UD from level 3, 200 times: the handler steps over it.
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(6, "bad", 0xF);
        kernel.Gate(0x80, "end", 0xF, 3);
        kernel.Code.xor(edi, edi);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.ud2();
        kernel.Code.cmp(edi, 200);
        kernel.Code.jne(kernel.At("user"));
        kernel.Code.@int(0x80);
        kernel.Mark("bad");
        kernel.Code.inc(edi);
        kernel.Code.add(__dword_ptr[esp], 2);
        kernel.Code.iretd();
        kernel.Mark("end");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal(0, machine.Guest.Statistics.Reflected);
        Assert.Equal(0, machine.Guest.Statistics.Emulated);
        Assert.True(machine.Guest.Statistics.Traps < 50, $"{machine.Guest.Statistics.Traps}");
    }

    [Fact]
    public void InTheHandler_RealInterruptsAreOn_AndTheFrameIsTheCpus()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(3, "handler", 0xF, 3);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.int3();
        kernel.Mark("behind");
        kernel.Code.nop();
        kernel.Mark("handler");
        kernel.Keep(6, esp);
        kernel.KeepStack(0, 5);
        kernel.Code.pushfd();
        kernel.Code.pop(eax);
        kernel.Keep(5, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["behind"], 0x73u, 0x202u, TinyKernel.UserStack, 0x7Bu], [
            machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Kept(3), machine.Kept(4)]);
        Assert.Equal(0x200u, machine.Kept(5) & 0x200);
        Assert.Equal(TinyKernel.TrapStack - 20, machine.Kept(6));
        Assert.Equal(0, machine.Guest.Statistics.Reflected);
    }

    [Theory]
    [InlineData(false, 0u)]
    [InlineData(true, 0u)]
    [InlineData(false, 1u)]
    [InlineData(true, 1u)]
    public void Stack_StaysPinned_OverFlushesAndNewTables(bool pae, uint flush)
    {
        // The kernel flushes and loads another address space; the very next thing is a direct trap from level 3.
        TinyKernel kernel = new();
        kernel.PrepareUser(stackPages: 2);
        kernel.Gate(0x80, "call", 0xF, 3);
        kernel.Code.mov(edi, 5);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.@int(0x80);
        kernel.Code.jmp(kernel.At("user"));
        kernel.Mark("call");
        kernel.Code.dec(edi);
        kernel.Code.je(kernel.At("end"));
        kernel.Call(5, flush);
        kernel.Call(4, 0x3_0000);
        kernel.Call(4, TinyMachine.Directory);
        kernel.Call(5, flush);
        kernel.Code.iretd();
        kernel.Mark("end");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae, o => o with { Shadow = o.Shadow with { OnFlush = Shadow.FlushPolicy.Discard } });
        for (uint at = 0; at < 4096; at += 4)
        {
            machine.Write32(0x3_0000 + at, machine.Read32(TinyMachine.Directory + at));
        }

        machine.RunToShutdown();
        Assert.Equal(0, machine.Guest.Statistics.Reflected);
        Assert.DoesNotContain(machine.Guest.RecentFaults, fault => fault.Address is >= TinyKernel.TrapStack - 8192 and < TinyKernel.TrapStack);
        Assert.True(machine.Guest.Mmu.TryWalkShadow(0, new Gva(TinyKernel.TrapStack - 5000), new PageAccess(PageFaultCode.Write), out _));
    }

    private static long Traps(byte vector, int type, int times)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(vector, "handler", type, 3);
        kernel.Gate(5, "end", 0xF, 3);
        kernel.Code.mov(edi, times);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.@int(vector);
        kernel.Code.dec(edi);
        kernel.Code.jne(kernel.At("user"));
        kernel.Code.@int(5);
        kernel.Mark("handler");
        kernel.Code.iretd();
        kernel.Mark("end");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        return machine.Guest.Statistics.Traps;
    }
}
