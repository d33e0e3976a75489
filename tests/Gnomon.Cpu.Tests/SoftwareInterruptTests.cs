using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;

namespace Gnomon.Cpu.Tests;

public sealed unsafe class SoftwareInterruptTests
{
    [Theory]
    [InlineData(new byte[] { 0xCD, 0x80 }, (byte)0x80, EventKind.SoftwareInterrupt)]
    [InlineData(new byte[] { 0xCD, 0x03 }, (byte)3, EventKind.SoftwareInterrupt)]
    [InlineData(new byte[] { 0xCC }, (byte)3, EventKind.SoftwareException)]
    [InlineData(new byte[] { 0xCE }, (byte)4, EventKind.SoftwareException)]
    [InlineData(new byte[] { 0xF1 }, (byte)1, EventKind.Trap)]
    public void Raised_BehindTheInstruction(byte[] program, byte vector, EventKind kind)
    {
        using StringFixture fixture = new();
        fixture.Program(program);
        fixture.Registers.Eflags = Flags.Overflow;
        Outcome outcome = fixture.Step();
        Assert.Equal((true, Pending.Exception, vector, (uint)program.Length), (outcome.Done, outcome.Pending, outcome.Vector, outcome.Code));
        Assert.Equal(kind, fixture.State->FaultKind);
        Assert.Equal(StringFixture.Code + (uint)program.Length, fixture.Registers.Eip);
    }

    [Fact]
    public void Into_NoOverflow_GoesOn()
    {
        using StringFixture fixture = new();
        fixture.Program(0xCE);
        fixture.Registers.Eflags = Flags.Carry | Flags.Sign;
        Assert.True(fixture.Step().IsClean);
    }

    [Theory]
    [InlineData(0u, 0u, true)]
    [InlineData(Flags.Iopl, 0u, false)]
    [InlineData(0u, Cr4.VirtualMode, false)]
    public void Int_Virtual8086_NeedsIopl3OrTheExtensions(uint iopl, uint cr4, bool faults)
    {
        using StringFixture fixture = new();
        fixture.Program(0xCD, 0x21);
        fixture.Virtual8086(iopl);
        fixture.Registers.Cr4 = cr4;
        Outcome outcome = fixture.Step();
        Assert.Equal(faults, outcome.IsFault(Vector.GeneralProtection));
        Assert.Equal(!faults, outcome.Done && outcome.Vector == 0x21);

        // INT3 asks for no IOPL.
        fixture.Program(0xCC);
        fixture.Registers.Eip = 0;
        Assert.Equal((true, Vector.Breakpoint), (fixture.Step().Done, fixture.State->FaultVector));
    }

    [Fact]
    public void Breakpoint_Intercepted_IsAnExit()
    {
        using StringFixture fixture = new();
        fixture.Program(0xCC);
        fixture.Processor.Intercepts = Intercepts.Breakpoint;
        CpuExit exit = fixture.Processor.Run(1);
        Assert.Equal((CpuExitReason.Breakpoint, (byte)1, StringFixture.Code), (exit.Reason, exit.Size, fixture.Registers.Eip));
    }

    [Theory]
    [InlineData(new byte[] { 0x0F, 0x0B })]
    [InlineData(new byte[] { 0x0F, 0xB9, 0xC0 })]
    [InlineData(new byte[] { 0x0F, 0xFF, 0xC0 })]
    public void Undefined_OnPurpose_Faults(byte[] program)
    {
        using StringFixture fixture = new();
        fixture.Program(program);
        Assert.True(fixture.Step().IsFault(Vector.InvalidOpcode));
    }

    [Theory]
    [InlineData(-5, false)]
    [InlineData(-6, true)]
    [InlineData(0, false)]
    [InlineData(7, false)]
    [InlineData(8, true)]
    [InlineData(int.MinValue, true)]
    [InlineData(int.MaxValue, true)]
    public void Bound_SignedAndInclusive(int index, bool faults)
    {
        using StringFixture fixture = new();
        fixture.Write32(0x40000, unchecked((uint)-5));
        fixture.Write32(0x40004, 7);
        fixture.Registers[GeneralRegister.Eax] = (uint)index;
        fixture.Registers[GeneralRegister.Ebx] = 0x40000;
        fixture.Program(0x62, 0x03);
        Outcome outcome = fixture.Step();
        Assert.Equal(faults, outcome.IsFault(Vector.BoundRange));
        Assert.Equal(!faults, outcome.IsClean);

        // The 16-bit form sees -5 and -1.
        fixture.Registers[GeneralRegister.Eax] = 0x1234_FFFE;
        fixture.Registers.Eip = StringFixture.Code;
        fixture.Program(0x66, 0x62, 0x03);
        Assert.True(fixture.Step().IsClean);
        fixture.Registers[GeneralRegister.Eax] = 0x1234_0000;
        fixture.Registers.Eip = StringFixture.Code;
        Assert.True(fixture.Step().IsFault(Vector.BoundRange));
    }
}
