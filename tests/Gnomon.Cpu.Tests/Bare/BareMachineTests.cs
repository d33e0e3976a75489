using Gnomon.Cpu.Bare;
using Gnomon.Paging;

namespace Gnomon.Cpu.Tests.Bare;

/// <summary>Steps of a bare machine, and looks into its memory.</summary>
public sealed class BareMachineTests : IDisposable
{
    private const uint Start = 0x1_0000;

    private readonly BareMachine _machine = new(1, default, new NoPorts());

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Step_InstructionThenFault_TellsThemApart()
    {
        // INC EAX, UD2. Without a table of interrupts the exception ends in a triple fault.
        _machine.Memory.Load(Start, [0x40, 0x0F, 0x0B]);
        FlatStart.Apply(_machine, Start);

        Assert.Equal(new BareStep(BareEnd.Budget, true, null, 0, false), _machine.Step());
        Assert.Equal((1u, Start + 1), (_machine.Processor.Registers[GeneralRegister.Eax], _machine.Processor.Registers.Eip));

        BareStep fault = _machine.Step();
        Assert.Equal((false, (byte?)Vector.InvalidOpcode, false), (fault.IsCompleted, fault.Vector, fault.IsTrap));
        while (fault.End == BareEnd.Budget)
        {
            fault = _machine.Step();
        }

        Assert.Equal(BareEnd.TripleFault, fault.End);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1001)]
    public void Run_EndlessLoop_RunsExactlySoMany(int count)
    {
        // INC EAX, JMP back.
        _machine.Memory.Load(Start, [0x40, 0xEB, 0xFD]);
        FlatStart.Apply(_machine, Start);

        Assert.Equal(BareEnd.Budget, _machine.Run(count));

        Assert.Equal((ulong)count, _machine.Processor.Instructions);
        Assert.Equal((uint)(count + 1) / 2, _machine.Processor.Registers[GeneralRegister.Eax]);
    }

    [Fact]
    public void Read_ThroughPageTables_ChangesNothingAndStopsAtAHole()
    {
        // A directory at 0x2000 whose table at 0x3000 maps page 5 to 0x7000 and page 6 to nothing.
        _machine.Memory.Load(0x2000, BitConverter.GetBytes(0x3000 | (uint)PageEntry.Present));
        _machine.Memory.Load(0x3000 + (5 * 4), BitConverter.GetBytes(0x7000 | (uint)PageEntry.Present));
        _machine.Memory.Load(0x7FFE, [0x11, 0x22]);
        FlatStart.Apply(_machine, Start);
        _machine.Processor.Registers.Cr3 = 0x2000;
        _machine.Processor.Registers.Cr0 |= Cr0.Paging;

        byte[] bytes = new byte[4];
        Assert.Equal(2, _machine.Read(0x5FFE, bytes));
        Assert.Equal([0x11, 0x22, 0, 0], bytes);

        byte[] entry = new byte[4];
        _machine.Memory.Read(0x3000 + (5 * 4), entry);
        Assert.Equal(0x7000 | (uint)PageEntry.Present, BitConverter.ToUInt32(entry));
        Assert.Equal(0, _machine.Processor.Walks);
    }

    private sealed class NoPorts : IPortBus
    {
        public uint Read(ushort port, int size) => uint.MaxValue;

        public void Write(ushort port, int size, uint value)
        {
        }
    }
}
