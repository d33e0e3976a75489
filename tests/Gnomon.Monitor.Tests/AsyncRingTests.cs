using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>The ring of 64 asynchronous hypercalls: status bytes at 24 and calls of five words at 88 of the data page.</summary>
public sealed class AsyncRingTests
{
    private const uint Page = 0x30_0000;

    [Fact]
    public void BeforeEachCall_WaitingSlotsAreRun_AndFreed()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(0);
            k.ShutDown();
        });
        Fill(machine, 0, 8, 1);
        Fill(machine, 1, 6, 50, 0x61_5678, 0x1234_8E00);
        machine.RunToShutdown();
        Assert.Equal(8u, machine.Guest.Processor.Registers.Cr0 & 8);
        Assert.Equal([0xFF, 0xFF, 0xFF], [Status(machine, 0), Status(machine, 1), Status(machine, 2)]);
        Assert.Equal(2, machine.Guest.Statistics.AsyncHypercalls);
    }

    [Fact]
    public void InitItself_RunsNothing()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Spin("here");
        });
        Fill(machine, 0, 8, 1);
        machine.Run(1000);
        Assert.Equal(0, machine.Guest.Statistics.AsyncHypercalls);
        Assert.Equal(0, Status(machine, 0));
    }

    [Fact]
    public void ACallOfAnyNumber_RunsTheRingFirst()
    {
        // The slot turns TS on; the call behind it, off.
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(8, 0);
            k.ShutDown();
        });
        Fill(machine, 0, 8, 1);
        machine.RunToShutdown();
        Assert.Equal(0u, machine.Guest.Processor.Registers.Cr0 & 8);
        Assert.Equal(0xFF, Status(machine, 0));
    }

    [Fact]
    public void EachOfTheFiveWords_Arrives()
    {
        // SetPte in PAE has arguments in EBX, ECX, EDX and ESI: the no-execute bit makes the call fault.
        using TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                k.LoadTables();
                k.Gate(14, "fault");
                k.Code.mov(__byte_ptr[Page], 0xC3);
                k.Code.mov(edi, Page);
                k.Code.call(edi);
                k.Code.mov(__dword_ptr[0x2_2000 + (0x300 * 8) + 4], 0x8000_0000);
                k.Code.mov(__byte_ptr[TinyKernel.Data + 24], 0);
                k.Call(0);
                k.Code.call(edi);
                k.Code.ud2();
                k.Mark("fault");
                k.KeepStack(0, 1);
                k.ShutDown();
            },
            pae: true);
        Fill(machine, 0, 14, TinyMachine.Directory, Page, Page | TinyMachine.EntryFlags, 0x8000_0000);
        machine.Guest.Memory.Write(new Gpa(TinyKernel.Data + 24), [0xFF]);
        machine.RunToShutdown();
        Assert.Equal(0x11u, machine.Kept(0));
    }

    [Fact]
    public void Cursor_GoesOnWhereItStopped()
    {
        // Slot 0 is run; the next look begins at slot 1, and finds it free although slot 0 waits again.
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(0);
            k.Code.mov(__byte_ptr[TinyKernel.Data + 24], 0);
            k.Call(0);
            k.Spin("here");
        });
        Fill(machine, 0, 8, 1);
        machine.Run(2000);
        Assert.Equal(0, Status(machine, 0));
        Assert.Equal(1, machine.Guest.Statistics.AsyncHypercalls);
    }

    [Fact]
    public void AFreeSlot_StopsIt()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(0);
            k.Spin("here");
        });
        Fill(machine, 1, 8, 1);
        machine.Run(1000);
        Assert.Equal(0, Status(machine, 1));
        Assert.Equal(0u, machine.Guest.Processor.Registers.Cr0 & 8);
    }

    [Fact]
    public void Cursor_WrapsBehindSlot63()
    {
        // 64 times one slot, as a guest fills them one by one; then slot 0 again.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Code.xor(edi, edi);
        kernel.Mark("again");
        kernel.Code.mov(edx, edi);
        kernel.Code.and(edx, 63);
        kernel.Code.mov(__byte_ptr[edx + (TinyKernel.Data + 24)], 0);
        kernel.Code.mov(eax, 0);
        kernel.Code.@int(0x1F);
        kernel.Code.movzx(eax, __byte_ptr[edx + (TinyKernel.Data + 24)]);
        kernel.Code.add(__dword_ptr[TinyKernel.Results], eax);
        kernel.Code.inc(edi);
        kernel.Code.cmp(edi, 150);
        kernel.Code.jne(kernel.At("again"));
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal(150u * 0xFF, machine.Kept(0));
        Assert.Equal(150, machine.Guest.Statistics.AsyncHypercalls);
    }

    [Fact]
    public void AFullRing_IsRunOnceAround()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(0);
            k.ShutDown();
        });
        for (int slot = 0; slot < 64; slot++)
        {
            Fill(machine, slot, 8, (uint)(slot & 1) ^ 1);
        }

        machine.RunToShutdown();
        Assert.Equal(64, machine.Guest.Statistics.AsyncHypercalls);
        Assert.Equal(0u, machine.Guest.Processor.Registers.Cr0 & 8);
    }

    [Fact]
    public void AFullRingAgain_IsRunBehindTheNextCall()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(0);
            k.Code.mov(ecx, 64);
            k.Code.mov(edi, TinyKernel.Data + 24);
            k.Code.xor(eax, eax);
            k.Code.rep.stosb();
            k.Call(0);
            k.ShutDown();
        });
        for (int slot = 0; slot < 64; slot++)
        {
            Fill(machine, slot, 8, 0);
        }

        machine.RunToShutdown();
        Assert.Equal(128, machine.Guest.Statistics.AsyncHypercalls);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(3u)]
    [InlineData(99u)]
    public void BadCalls_KillAsElsewhere(uint number)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(0);
            k.ShutDown();
        });
        Fill(machine, 0, number);
        machine.RunToDeath();
    }

    [Fact]
    public void Shutdown_InTheRing_EndsAtOnce()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(3);
        });
        Fill(machine, 0, 2, TinyKernel.Text, 2);
        Fill(machine, 1, 3);
        GuestStop stop = machine.Run();
        Assert.Equal((GuestStopReason.Restart, "all is well"), (stop.Reason, stop.Text));
    }

    private static void Fill(TinyMachine machine, int slot, params ReadOnlySpan<uint> call)
    {
        for (int i = 0; i < call.Length; i++)
        {
            machine.Write32(TinyKernel.Data + 88 + (uint)((slot * 20) + (i * 4)), call[i]);
        }

        machine.Guest.Memory.Write(new Gpa(TinyKernel.Data + 24 + (uint)slot), [0]);
    }

    private static byte Status(TinyMachine machine, int slot)
    {
        byte[] status = new byte[1];
        machine.Guest.Memory.Read(new Gpa(TinyKernel.Data + 24 + (uint)slot), status);
        return status[0];
    }
}
