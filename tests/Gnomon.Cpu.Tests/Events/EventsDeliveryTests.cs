using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Events;

/// <summary>Interrupts and exceptions, and the way back (Intel SDM vol. 3, ch. 6).</summary>
public sealed class EventsDeliveryTests
{
    private const uint InterruptGate = 0x8E00 >> 8;
    private const uint TrapGate = 0x8F00 >> 8;

    [Fact]
    public void RealMode_InterruptAndIret_AreEachOthersInverse()
    {
        using TestRam ram = new(0x10_0000);
        using Processor processor = new(ram);
        ProcessorRegisters r = processor.Registers;
        r.SetSegment(SegmentName.Cs, new SegmentValue(0x1000, 0x1_0000, 0xFFFF, 0x93));
        r.SetSegment(SegmentName.Ss, new SegmentValue(0x2000, 0x2_0000, 0xFFFF, 0x93));
        r.Eip = 0x123;
        // One word is left: the frame goes around the end of the segment.
        r[GeneralRegister.Esp] = 0xABCD_0002;
        r.Eflags = 0x0AD7;
        BitConverter.TryWriteBytes(ram.Bytes(0x20 * 4, 4), 0x3000_0010u);
        ram.Bytes(0x3_0010, 1)[0] = 0xCF;

        processor.InjectInterrupt(0x20);
        Assert.Equal((0x3000, 0x3_0000u, 0x10u), (r.Segment(SegmentName.Cs).Selector, r.Segment(SegmentName.Cs).Base, r.Eip));
        Assert.Equal(0x0AD7u & ~0x300u, r.Eflags);
        Assert.Equal(0xABCD_FFFCu, r[GeneralRegister.Esp]);
        Assert.Equal(0x0AD7, BitConverter.ToUInt16(ram.Bytes(0x2_0000, 2)));
        Assert.Equal(0x1000, BitConverter.ToUInt16(ram.Bytes(0x2_FFFE, 2)));
        Assert.Equal(0x123, BitConverter.ToUInt16(ram.Bytes(0x2_FFFC, 2)));

        processor.Run(1);
        Assert.Equal((0x1000, 0x123u, 0xABCD_0002u, 0x0AD7u), (r.Segment(SegmentName.Cs).Selector, r.Eip, r[GeneralRegister.Esp], r.Eflags));
    }

    [Theory]
    [InlineData(InterruptGate, 0x002u)]
    [InlineData(TrapGate, 0x202u)]
    public void SameLevel_InterruptAndIret(uint gate, uint flagsInside)
    {
        using EventsFixture f = new();
        f.SetGate(0x41, EventsFixture.KernelCode, EventsFixture.Handlers, gate);
        f.Assemble(EventsFixture.Handlers, a => a.iretd());
        f.R.Eflags = 0x202;
        string before = f.State();
        f.Processor.InjectInterrupt(0x41);
        Assert.Equal(flagsInside, f.R.Eflags);
        Assert.Equal(EventsFixture.Handlers, f.R.Eip);
        Assert.Equal([EventsFixture.Code, EventsFixture.KernelCode, 0x202], f.Top(3));
        f.Run(1);
        Assert.Equal(before, f.State());
    }

    [Fact]
    public void SixteenBitGate_PushesWords()
    {
        using EventsFixture f = new();
        f.SetGate(0x41, EventsFixture.KernelCode, 0x1234_5000, 0x86);
        f.R.Eflags = 0x202;
        f.Processor.InjectInterrupt(0x41);
        Assert.Equal(0x5000u, f.R.Eip);
        Assert.Equal(EventsFixture.KernelStack - 6, f.R[GeneralRegister.Esp]);
        Assert.Equal((EventsFixture.KernelCode << 16) | (EventsFixture.Code & 0xFFFF), f.Dword(f.R[GeneralRegister.Esp]));
        Assert.Equal(0x202, f.Word(f.R[GeneralRegister.Esp] + 4));
    }

    [Fact]
    public void FaultOfAProgram_GoesToTheInnerStack_AndIretReturns()
    {
        using EventsFixture f = new(user: true);
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Assemble(EventsFixture.Code, a => a.hlt());
        f.Assemble(EventsFixture.Handlers, a =>
        {
            a.mov(ax, EventsFixture.KernelData);
            a.mov(ds, eax);
            a.add(esp, 4);
            a.iretd();
        });
        f.R.Eflags = 0x202;
        f.R[GeneralRegister.Eax] = EventsFixture.KernelData;
        string before = f.State();
        Assert.Equal(CpuExitReason.Budget, f.Run(1).Reason);
        Assert.Equal((0, EventsFixture.Handlers, 0x2u), (f.R.Cpl, f.R.Eip, f.R.Eflags));
        Assert.Equal(EventsFixture.KernelStack - 24, f.R[GeneralRegister.Esp]);

        // RF is set in what a fault pushes.
        Assert.Equal([0, EventsFixture.Code, EventsFixture.UserCode, 0x1_0202, EventsFixture.UserStack, EventsFixture.UserData], f.Top(6));
        f.Run(4);
        Assert.Equal(0x1_0202u, f.R.Eflags);

        // What the handler could use is taken away.
        Assert.Equal(default, f.R.Segment(SegmentName.Ds));
        f.R.SetSegment(SegmentName.Ds, f.R.Segment(SegmentName.Es));
        f.R.Eflags = 0x202;
        f.R[GeneralRegister.Eax] = EventsFixture.KernelData;
        Assert.Equal(before, f.State());
    }

    [Fact]
    public void SoftwareInterrupt_WithoutTheRight_FaultsAtItsInstruction()
    {
        using EventsFixture f = new(user: true);
        f.SetGate(0x41, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers + 0x10, InterruptGate);
        f.PutInterrupt(0x41);
        f.Run(2);
        Assert.Equal(EventsFixture.Handlers + 0x10, f.R.Eip);

        // The error code names the gate; no EXT.
        Assert.Equal([(0x41 * 8) | 2, EventsFixture.Code], f.Top(2));
    }

    [Fact]
    public void InterruptWhoseGateIsMissing_FaultsWithTheExternalBit()
    {
        using EventsFixture f = new();
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Processor.InjectInterrupt(0x41);
        Assert.Equal([(0x41 * 8) | 3, EventsFixture.Code], f.Top(2));
    }

    [Fact]
    public void ContributoryOnTheWayOfContributory_IsADoubleFault()
    {
        using EventsFixture f = new();
        f.SetGate(Vector.DoubleFault, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Processor.InjectFault(Vector.GeneralProtection, 0x50);
        f.Run(1);
        Assert.Equal(EventsFixture.Handlers, f.R.Eip);
        Assert.Equal([0, EventsFixture.Code, EventsFixture.KernelCode], f.Top(3));
    }

    [Fact]
    public void BenignThenContributory_AreServedOneAfterTheOther()
    {
        using EventsFixture f = new();
        f.SetGate(Vector.GeneralProtection, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Processor.InjectFault(Vector.InvalidOpcode);
        f.Run(1);
        Assert.Equal([(Vector.InvalidOpcode * 8) | 3, EventsFixture.Code], f.Top(2));
    }

    [Fact]
    public void NoGateAtAll_IsATripleFault_AndTheProcessorStaysShutDown()
    {
        using EventsFixture f = new();
        f.Processor.InjectFault(Vector.GeneralProtection);
        Assert.Equal(CpuExitReason.TripleFault, f.Run(10).Reason);
        Assert.Equal(CpuExitReason.TripleFault, f.Run(10).Reason);
        Assert.Equal(EventsFixture.Code, f.R.Eip);
    }

    [Fact]
    public void StackLoad_HoldsTheInterruptBack_ForOneInstruction()
    {
        using EventsFixture f = new();
        f.SetGate(0x41, EventsFixture.KernelCode, EventsFixture.Handlers, InterruptGate);
        f.Processor.InterruptSource = new OneInterrupt(0x41);
        f.Assemble(EventsFixture.Code, a =>
        {
            a.mov(ss, eax);
            a.mov(esp, EventsFixture.OtherStack);
            a.nop();
        });
        f.R[GeneralRegister.Eax] = EventsFixture.KernelData;
        f.R.Eflags = 0x202;
        f.Run(1);
        f.Processor.SetInterruptLine(true);
        f.Run(1);
        Assert.Equal((EventsFixture.Handlers, EventsFixture.OtherStack - 12), (f.R.Eip, f.R[GeneralRegister.Esp]));
        Assert.Equal(EventsFixture.Code + 7, f.Top(1)[0]);
    }

    private sealed class OneInterrupt(byte vector) : IInterruptSource
    {
        public byte Acknowledge() => vector;
    }
}
