using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Events;

/// <summary>What a monitor stops on its way changes nothing, and is taken up again.</summary>
public sealed class EventsRestartTests
{
    private const uint InterruptGate = 0x8E;
    private const uint Absent = 0;

    [Fact]
    public void Delivery_StoppedByEveryPageItNeeds_IsTakenUpAgain()
    {
        using EventsFixture f = new(user: true, paging: true, Intercepts.PageFault);
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Assemble(EventsFixture.Code, a => a.hlt());
        f.Run(1);
        string without = f.State();

        using EventsFixture g = new(user: true, paging: true, Intercepts.PageFault);
        g.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        g.Assemble(EventsFixture.Code, a => a.hlt());
        uint[] pages = [EventsFixture.Idt, EventsFixture.Gdt, EventsFixture.Task, EventsFixture.KernelStack - 0x1000];
        foreach (uint page in pages)
        {
            g.SetDword(EventsFixture.Table + (page >> 12 << 2), Absent);
        }

        string before = g.State();
        List<uint> stops = [];
        for (CpuExit exit = g.Run(10); exit.Reason == CpuExitReason.PageFault && g.R.Eip == EventsFixture.Code; exit = g.Run(1))
        {
            Assert.Equal(before, g.State());
            stops.Add(exit.Address & ~0xFFFu);
            g.SetDword(EventsFixture.Table + (exit.Address >> 12 << 2), (exit.Address & ~0xFFFu) | 7);
        }

        Assert.Equal(pages.Order(), stops.Order());
        Assert.Equal(without, g.State());
    }

    [Theory]
    [InlineData(Vector.GeneralProtection, Vector.PageFault, Vector.PageFault)]
    [InlineData(Vector.PageFault, Vector.PageFault, Vector.DoubleFault)]
    [InlineData(Vector.PageFault, Vector.GeneralProtection, Vector.DoubleFault)]
    [InlineData(Vector.InvalidOpcode, Vector.PageFault, Vector.PageFault)]
    [InlineData(Vector.DivideError, Vector.StackFault, Vector.DoubleFault)]
    public void FaultInjectedOnTheWayOfAnEvent_Combines(byte first, byte second, byte delivered)
    {
        using EventsFixture f = new(user: true, paging: true, Intercepts.PageFault);
        for (int vector = 0; vector < 20; vector++)
        {
            f.SetGate(vector, EventsFixture.KernelCode, EventsFixture.Handlers + ((uint)vector * 16), InterruptGate);
        }

        uint stack = EventsFixture.Table + ((EventsFixture.KernelStack - 0x1000) >> 12 << 2);
        f.SetDword(stack, Absent);
        f.Processor.InjectFault(first);
        Assert.Equal(CpuExitReason.PageFault, f.Run(10).Reason);
        Assert.False(f.Processor.CanInterrupt);
        f.SetDword(stack, (EventsFixture.KernelStack - 0x1000) | 7);
        f.Processor.InjectFault(second, 0, 0x1234);
        f.Run(1);
        Assert.Equal(EventsFixture.Handlers + (delivered * 16u), f.R.Eip);
        Assert.Equal(second == Vector.PageFault ? 0x1234u : 0u, f.R.Cr2);
    }

    [Fact]
    public void FarCall_WhosePushFaults_StartsAgain()
    {
        using EventsFixture f = new(user: false, paging: true, Intercepts.PageFault);
        f.R[GeneralRegister.Esp] = 0x4_0004;
        uint entry = EventsFixture.Table + (0x3_F000 >> 12 << 2);
        f.SetDword(entry, Absent);
        f.Assemble(EventsFixture.Code, a => a.db(0x9A, 0x00, 0x50, 0, 0, 0x08, 0));
        string before = f.State();
        CpuExit exit = f.Run(1);
        Assert.Equal((CpuExitReason.PageFault, 0x3_FFFCu, true), (exit.Reason, exit.Address, exit.IsWrite));
        Assert.Equal(before, f.State());
        Assert.Equal(0u, f.Dword(0x4_0000));
        f.SetDword(entry, 0x3_F007);
        Assert.Equal(CpuExitReason.Budget, f.Run(1).Reason);
        Assert.Equal(EventsFixture.Handlers, f.R.Eip);
        Assert.Equal([EventsFixture.Code + 7, EventsFixture.KernelCode], f.Top(2));
    }

    [Fact]
    public void StackOnADevice_AnswersOneByOne()
    {
        using EventsFixture f = new();
        f.SetGate(0x41, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Assemble(EventsFixture.Handlers, a => a.db(0xEB, 0xFE)); // An interrupt costs nothing: the handler begins, and stays.
        f.R[GeneralRegister.Esp] = 0x20_0000;
        f.R.Eflags = 0x202;
        string before = f.State();
        f.Processor.InjectInterrupt(0x41);
        List<(ulong, ulong)> writes = [];
        for (CpuExit exit = f.Run(1); exit.Reason == CpuExitReason.Device; exit = f.Run(1))
        {
            Assert.Equal(before, f.State());
            writes.Add((exit.Physical, exit.Value));
            f.Processor.CompleteWrite();
        }

        Assert.Equal([(0x1F_FFFC, 0x202), (0x1F_FFF8, EventsFixture.KernelCode), (0x1F_FFF4, EventsFixture.Code)], writes);
        Assert.Equal(EventsFixture.Handlers, f.R.Eip);
    }

    [Fact]
    public void InterceptedControlWrite_IsDoneButForTheWrite()
    {
        using EventsFixture f = new(intercepts: Intercepts.ControlWrite | Intercepts.ControlRead);
        f.Assemble(EventsFixture.Code, a =>
        {
            a.mov(cr3, eax);
            a.clts();
            a.mov(ebx, cr0);
        });
        f.R[GeneralRegister.Eax] = 0x7_0000;
        Assert.Equal(
            new CpuExit { Reason = CpuExitReason.ControlWrite, IsWrite = true, Register = 3, Value = 0x7_0000, Code = uint.MaxValue, Size = 3 }, f.Run(1));
        Assert.Equal((0u, EventsFixture.Code + 3), (f.R.Cr3, f.R.Eip));
        CpuExit clear = f.Run(1);
        Assert.Equal((CpuExitReason.ControlWrite, 0, 8u), (clear.Reason, clear.Register, clear.Code));
        Assert.Equal((CpuExitReason.ControlRead, 0), (f.Run(1).Reason, f.Processor.Run(1).Register));
        f.Processor.CompleteRead(0x1234_5678);
        f.Run(1);
        Assert.Equal((0x1234_5678u, EventsFixture.Code + 8), (f.R[GeneralRegister.Ebx], f.R.Eip));
    }
}
