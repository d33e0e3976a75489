using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>A board with its buses, clock and owner, without a processor.</summary>
internal sealed class BoardMachine : IPcBoardOwner
{
    public BoardMachine()
    {
        Scheduler = new DeviceScheduler(Clock);
        Pci = new PciBus(new MmioBus(), new HostBridge());
        Board = new PcBoard(new PcBoardParts
        {
            Scheduler = Scheduler,
            Pci = Pci,
            SerialOutput = Output,
            Listener = Output,
            Owner = this,
            MemoryBytes = 128 << 20,
        });
        Board.MapTo(Ports);
    }

    public TestClock Clock { get; } = new();

    public DeviceScheduler Scheduler { get; }

    public PortBus Ports { get; } = new();

    public PciBus Pci { get; }

    public PcBoard Board { get; }

    public UartOutput Output { get; } = new();

    public bool Interrupt { get; private set; }

    public int Resets { get; private set; }

    public int PowerOffs { get; private set; }

    /// <summary>As after a load: the output is where the controllers say.</summary>
    public void ForgetTheLine() => Interrupt = Board.Pic.HasInterrupt;

    public void InterruptChanged(bool up)
    {
        Assert.NotEqual(Interrupt, up);
        Interrupt = up;
    }

    public void ResetRequested() => Resets++;

    public void PowerOffRequested() => PowerOffs++;

    public int In(int port) => Ports.In(port);

    public void Out(int port, int value) => Ports.Out(port, value);

    /// <summary>As Linux does it: vectors 0x30 … 0x3F, all masked but the cascade and those given.</summary>
    public void InitialisePics(params int[] irqs)
    {
        PicRun.Initialise(Ports, 1, 1);
        int open = irqs.Aggregate(4, (mask, irq) => mask | (1 << irq));
        Out(0x21, ~open & 0xFF);
        Out(0xA1, ~open >> 8 & 0xFF);
    }

    public void LoadFrom(BoardMachine other)
    {
        Clock.Nanoseconds = other.Clock.Nanoseconds;
        PortTester.Load(Board, PortTester.Saved(other.Board));
        PortTester.Load(Pci, PortTester.Saved(other.Pci));
        ForgetTheLine();
    }
}
