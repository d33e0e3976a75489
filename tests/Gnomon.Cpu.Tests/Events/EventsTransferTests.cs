using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Events;

/// <summary>Call gates, virtual-8086 mode, SYSENTER, control and debug registers.</summary>
public sealed class EventsTransferTests
{
    private const uint InterruptGate = 0x8E;
    private const uint Virtual8086 = 1 << 17;

    [Fact]
    public void CallGate_CopiesParameters_AndTheReturnReleasesThemOnBothStacks()
    {
        using EventsFixture f = new(user: true);
        f.SetGlobalGate(EventsFixture.Gate, EventsFixture.KernelCode, EventsFixture.Handlers, 0xEC, parameters: 3);
        f.Assemble(EventsFixture.Code, a =>
        {
            a.push(0x11);
            a.push(0x22);
            a.push(0x33);
            a.db(0x9A, 0xEF, 0xBE, 0xAD, 0xDE, (byte)EventsFixture.Gate, 0);
        });
        f.Assemble(EventsFixture.Handlers, a => a.retf(12));
        f.Run(4);
        Assert.Equal((0, EventsFixture.Handlers, EventsFixture.KernelCode), (f.R.Cpl, f.R.Eip, f.R.Segment(SegmentName.Cs).Selector));
        Assert.Equal(
            [EventsFixture.Code + 13, EventsFixture.UserCode, 0x33, 0x22, 0x11, EventsFixture.UserStack - 12, EventsFixture.UserData], f.Top(7));
        f.Run(1);
        Assert.Equal((3, EventsFixture.Code + 13, EventsFixture.UserStack), (f.R.Cpl, f.R.Eip, f.R[GeneralRegister.Esp]));
        Assert.Equal((EventsFixture.UserCode, EventsFixture.UserData), (f.R.Segment(SegmentName.Cs).Selector, f.R.Segment(SegmentName.Ss).Selector));
    }

    [Fact]
    public void Virtual8086_IsEnteredByIret_AndLeftByAFault()
    {
        using EventsFixture f = new();
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Assemble(EventsFixture.Code, a => a.iretd());
        f.Ram.Bytes(0x4_0010, 1)[0] = 0xF4;
        uint[] frame = [0x10, 0x4000, Virtual8086 | 0x202, 0xFFFE, 0x4100, 0x4200, 0x4300, 0x4400, 0x4500];
        f.R[GeneralRegister.Esp] = 0x6_0000;
        for (int i = 0; i < frame.Length; i++)
        {
            f.SetDword(0x6_0000 + ((uint)i * 4), frame[i]);
        }

        f.Run(1);
        Assert.Equal((3, 0x10u, Virtual8086 | 0x202), (f.R.Cpl, f.R.Eip, f.R.Eflags));
        Assert.Equal(new SegmentValue(0x4300, 0x4_3000, 0xFFFF, 0xF3), f.R.Segment(SegmentName.Ds));
        Assert.Equal(0xFFFEu, f.R[GeneralRegister.Esp]);

        f.Run(1);
        Assert.Equal((0, EventsFixture.Handlers, 2u), (f.R.Cpl, f.R.Eip, f.R.Eflags));
        frame[2] |= 1 << 16;
        Assert.Equal([0, .. frame], f.Top(10));
        foreach (SegmentName name in (SegmentName[])[SegmentName.Ds, SegmentName.Es, SegmentName.Fs, SegmentName.Gs])
        {
            Assert.Equal(default, f.R.Segment(name));
        }
    }

    [Theory]
    [InlineData(0u, 0x8_0202u, 0x3202u)]
    [InlineData(0u, 0x0_0202u, 0x3002u)]
    [InlineData(3u, 0x8_0202u, 0x3202u)]
    public void Virtual8086_RedirectedInterrupt_GoesToTheMachinesOwnHandler(uint iopl, uint virtualAndInterrupt, uint pushed)
    {
        using EventsFixture f = new();
        f.R.Cr4 = 1;
        f.R.Task = new SegmentValue(EventsFixture.TaskSelector, EventsFixture.Task, 0xFF, 0x8B);
        f.SetWord(EventsFixture.Task + 0x66, 0x90);
        f.SetDword(0x41 * 4, 0x4200_0030);
        f.R.Eflags = Virtual8086 | virtualAndInterrupt | (iopl << 12);
        f.R.SetSegment(SegmentName.Ss, new SegmentValue(0x4100, 0x4_1000, 0xFFFF, 0xF3));
        f.R.SetSegment(SegmentName.Cs, new SegmentValue(0x4000, 0x4_0000, 0xFFFF, 0xF3));
        f.R[GeneralRegister.Esp] = 0x100;
        f.R.Eip = 0x10;
        f.PutInterrupt(0x41);
        f.Run(2);
        Assert.Equal((0x4200, 0x30u), (f.R.Segment(SegmentName.Cs).Selector, f.R.Eip));
        Assert.Equal(pushed, (uint)f.Word(0x4_10FE));
        Assert.Equal((0x4000, 0x12), (f.Word(0x4_10FC), f.Word(0x4_10FA)));

        // Its own IF is closed: IF itself with IOPL 3, else VIF.
        uint closed = iopl == 3 ? 0x200u : 0x8_0000u;
        Assert.Equal(0u, f.R.Eflags & closed);
        Assert.Equal((Virtual8086 | virtualAndInterrupt) & ~closed, f.R.Eflags & (Virtual8086 | 0x8_0202));
    }

    [Fact]
    public void Virtual8086_InterruptBelowIopl3_IsAFault()
    {
        using EventsFixture f = new();
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.R.Eflags = Virtual8086 | 2;
        f.R.Eip = 0x10;
        f.PutInterrupt(0x41);
        f.Run(1);
        Assert.Equal([0, 0x10], f.Top(2));
    }

    [Fact]
    public unsafe void Sysenter_AndSysexit()
    {
        using EventsFixture f = new(user: true);
        f.Processor.State->SysenterCs = EventsFixture.KernelCode;
        f.Processor.State->SysenterEsp = EventsFixture.KernelStack;
        f.Processor.State->SysenterEip = EventsFixture.Handlers;
        f.Assemble(EventsFixture.Code, a => a.sysenter());
        f.Assemble(EventsFixture.Handlers, a => a.sysexit());
        f.R[GeneralRegister.Ecx] = EventsFixture.UserStack;
        f.R[GeneralRegister.Edx] = EventsFixture.Code + 2;
        f.R.Eflags = 0x202;
        f.Run(1);
        Assert.Equal((0, EventsFixture.Handlers, EventsFixture.KernelStack, 2u), (f.R.Cpl, f.R.Eip, f.R[GeneralRegister.Esp], f.R.Eflags));
        Assert.Equal(new SegmentValue(EventsFixture.KernelCode, 0, uint.MaxValue, 0xC09B), f.R.Segment(SegmentName.Cs));
        f.Run(1);
        Assert.Equal((3, EventsFixture.Code + 2, EventsFixture.UserStack), (f.R.Cpl, f.R.Eip, f.R[GeneralRegister.Esp]));
        Assert.Equal(new SegmentValue(EventsFixture.UserCode, 0, uint.MaxValue, 0xC0FB), f.R.Segment(SegmentName.Cs));
        Assert.Equal(new SegmentValue(EventsFixture.UserData, 0, uint.MaxValue, 0xC0F3), f.R.Segment(SegmentName.Ss));
    }

    [Fact]
    public void DirectoryWithReservedPointerBits_IsNotLoaded()
    {
        using EventsFixture f = new(paging: true);
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.SetDword(0x7_0000, 0x8_2001);
        f.SetDword(0x7_0020, 0x8_2003);
        f.SetDword(0x8_2000, 0x8_3003);
        for (uint i = 0; i < 512; i++)
        {
            f.SetDword(0x8_3000 + (i * 8), (i << 12) | 3);
        }

        f.Assemble(EventsFixture.Code, a =>
        {
            a.mov(cr0, eax);
            a.mov(cr4, ebx);
            a.mov(cr3, ecx);
            a.mov(cr0, edx);
            a.mov(cr3, esi);
        });
        f.R[GeneralRegister.Eax] = 0x11;
        f.R[GeneralRegister.Ebx] = 0x20;
        f.R[GeneralRegister.Ecx] = 0x7_0000;
        f.R[GeneralRegister.Edx] = 0x8001_0011;
        f.R[GeneralRegister.Esi] = 0x7_0020;
        Assert.Equal(CpuExitReason.Budget, f.Run(5).Reason);
        Assert.Equal((0x7_0000u, EventsFixture.Handlers), (f.R.Cr3, f.R.Eip));
        Assert.Equal([0, EventsFixture.Code + 12], f.Top(2));
    }

    [Theory]
    [InlineData(0x8000_0010u)]
    [InlineData(0x2000_0011u)]
    public void ForbiddenCr0_IsAFault(uint value)
    {
        using EventsFixture f = new();
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Assemble(EventsFixture.Code, a => a.mov(cr0, eax));
        f.R[GeneralRegister.Eax] = value;
        f.Run(1);
        Assert.Equal((0x11u, EventsFixture.Handlers), (f.R.Cr0, f.R.Eip));
    }

    [Fact]
    public void GuardedDebugRegister_RaisesDebug_AndTheHandlerMayUseIt()
    {
        using EventsFixture f = new();
        f.SetGate(Vector.Debug, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Assemble(EventsFixture.Code, a =>
        {
            a.mov(dr7, eax);
            a.mov(ebx, dr0);
        });
        f.Assemble(EventsFixture.Handlers, a => a.mov(ecx, dr7));
        f.R[GeneralRegister.Eax] = 0x2400;
        f.Run(3);
        Assert.Equal((0x400u, 0xFFFF_2FF0u), (f.R[GeneralRegister.Ecx], f.R.Dr6));
        Assert.Equal([EventsFixture.Code + 3, EventsFixture.KernelCode, 0x1_0002], f.Top(3));
    }
}
