namespace Gnomon.Devices;

//   IRQ 0  1  2        3  4  5  6  7
//       |  |  |        |  |  |  |  |
//      +-----------------------------+
//      |  master, ports 0x20, 0x21   |--- output, to the processor
//      +-----------------------------+
//             |
//      +-----------------------------+
//      |   slave, ports 0xA0, 0xA1   |
//      +-----------------------------+
//       |  |  |  |  |  |  |  |
//       8  9  10 11 12 13 14 15         ports 0x4D0, 0x4D1: bit n of the 16 makes IRQ n level-triggered

/// <summary>
/// The PC's two cascaded 8259A interrupt controllers with their edge/level control registers. The 16 lines may be shared: each of
/// the devices at a line raises and lowers it, and the line is up while one of them wants it up.
/// </summary>
public sealed class DualPic : IDeviceState
{
    /// <summary>How many lines there are; line 2 is the cascade.</summary>
    public const int LineCount = 16;

    private const int CascadeInput = 2;
    private const ushort MasterPorts = 0x20;
    private const ushort SlavePorts = 0xA0;
    private const ushort EdgeLevelPorts = 0x4D0;

    // Lines 0, 1, 2, 8 and 13 belong to devices of the board and are always edge-triggered.
    private const byte MasterCanBeLevel = 0xF8;
    private const byte SlaveCanBeLevel = 0xDE;

    private readonly Pic8259 _master = new(CascadeInput);
    private readonly Pic8259 _slave = new(Pic8259.None);
    private readonly PicLine[] _lines = new PicLine[LineCount];
    private readonly Action<bool>? _outputChanged;
    private bool _slaveOutput;

    /// <summary>Makes the controllers as they are after power-on: nothing is initialised, all is masked and edge-triggered.</summary>
    /// <param name="outputChanged">Hears of the output to the processor going up (true) and down. It may not call back.</param>
    public DualPic(Action<bool>? outputChanged = null)
    {
        _outputChanged = outputChanged;
        for (int i = 0; i < LineCount; i++)
        {
            _lines[i] = new PicLine(this, i);
        }
    }

    /// <summary>The output to the processor: an interrupt waits for <see cref="Acknowledge"/>.</summary>
    public bool HasInterrupt { get; private set; }

    /// <summary>The line of a device. It may be handed to several, each of which lowers it as often as it raises it.</summary>
    /// <param name="irq">0 … 15, except 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such line.</exception>
    public IInterruptLine Line(int irq)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(irq);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(irq, LineCount);
        ArgumentOutOfRangeException.ThrowIfEqual(irq, CascadeInput);
        return _lines[irq];
    }

    /// <summary>
    /// The processor's INTA cycles: the interrupt of the highest priority is in service now. When there is none any more, the answer
    /// is a spurious IRQ 7. (A spurious 15 needs a slave's request that goes between the two INTA cycles; here they are one step.)
    /// </summary>
    /// <returns>The vector.</returns>
    public byte Acknowledge()
    {
        byte vector = _master.Acknowledge(out int input);
        if (_master.Cascades(input))
        {
            vector = _slave.Acknowledge(out _);
            SlaveWasTaken();
        }

        Update();
        return vector;
    }

    /// <summary>Makes lines level-triggered, as firmware does for PCI before it starts a kernel.</summary>
    /// <param name="lines">Bit n is IRQ n; those that are always edge-triggered stay so.</param>
    public void SetLevelTriggered(ushort lines)
    {
        WriteEdgeLevel(0, (byte)lines);
        WriteEdgeLevel(1, (byte)(lines >> 8));
    }

    /// <summary>Puts the controllers on their ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(MasterPorts, 2, new BytePorts(ReadMaster, WriteMaster));
        ports.Map(SlavePorts, 2, new BytePorts(ReadSlave, WriteSlave));
        ports.Map(EdgeLevelPorts, 2, new BytePorts(port => port == 0 ? _master.EdgeLevel : _slave.EdgeLevel, WriteEdgeLevel));
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("pic", 1);
        _master.Save(writer);
        _slave.Save(writer);
        foreach (PicLine line in _lines)
        {
            writer.Write((uint)line.Wanted);
        }

        writer.End();
    }

    /// <inheritdoc/>
    /// <remarks>The output is what <see cref="HasInterrupt"/> says then; it is not announced.</remarks>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("pic", 1);
        _master.Load(reader);
        _slave.Load(reader);
        foreach (PicLine line in _lines)
        {
            line.Wanted = reader.ReadCount(int.MaxValue, "the devices that want a line up");
        }

        reader.End();
        _slaveOutput = _slave.Pending != Pic8259.None;
        HasInterrupt = _master.Pending != Pic8259.None;
    }

    private byte ReadMaster(int port)
    {
        byte value = _master.Read(port);
        Update();
        return value;
    }

    private void WriteMaster(int port, byte value)
    {
        _master.Write(port, value);
        Update();
    }

    // A poll of the slave takes its request, like an acknowledgement.
    private byte ReadSlave(int port)
    {
        int before = _slave.Pending;
        byte value = _slave.Read(port);
        if (_slave.Pending != before)
        {
            SlaveWasTaken();
        }

        Update();
        return value;
    }

    private void WriteSlave(int port, byte value)
    {
        _slave.Write(port, value);
        Update();
    }

    private void WriteEdgeLevel(int port, byte value)
    {
        if (port == 0)
        {
            _master.EdgeLevel = (byte)(value & MasterCanBeLevel);
        }
        else
        {
            _slave.EdgeLevel = (byte)(value & SlaveCanBeLevel);
        }

        Update();
    }

    private void SetLine(int irq, bool up)
    {
        (irq < 8 ? _master : _slave).SetLine(irq & 7, up);
        Update();
    }

    // An acknowledged slave lowers its output for a moment: the master sees an edge when the slave has more.
    private void SlaveWasTaken()
    {
        _slaveOutput = false;
        _master.SetLine(CascadeInput, false);
    }

    private void Update()
    {
        bool slave = _slave.Pending != Pic8259.None;
        if (slave != _slaveOutput)
        {
            _slaveOutput = slave;
            _master.SetLine(CascadeInput, slave);
        }

        bool output = _master.Pending != Pic8259.None;
        if (output != HasInterrupt)
        {
            HasInterrupt = output;
            _outputChanged?.Invoke(output);
        }
    }

    private sealed class PicLine(DualPic pic, int irq) : IInterruptLine
    {
        public int Wanted { get; set; }

        public void Raise()
        {
            if (++Wanted == 1)
            {
                pic.SetLine(irq, true);
            }
        }

        public void Lower()
        {
            if (--Wanted == 0)
            {
                pic.SetLine(irq, false);
            }
        }
    }
}
