namespace Gnomon.Devices;

//  offset  read                     write                    with the divisor latch (LCR bit 7)
//  0       RBR received byte        THR byte to send         DLL
//  1       IER interrupts enabled   IER                      DLM
//  2       IIR which interrupt      FCR FIFO control
//  3       LCR line control         LCR
//  4       MCR modem control        MCR
//  5       LSR line status
//  6       MSR modem status
//  7       SCR scratch              SCR

/// <summary>
/// A 16550A serial port (National Semiconductor PC16550D data sheet). What the guest sends leaves at once: the transmitter is always
/// empty again. Input waits in a queue of the host's and comes as fast as the guest reads, so nothing is ever lost by an overrun.
/// </summary>
/// <remarks>
/// Fewer bytes in the receive FIFO than its trigger level cause the character time-out at once, since no more are on the wire. The
/// far end has its modem lines (CTS, DSR, DCD) up. The line to the interrupt controller passes a gate that OUT2 opens, as on a PC.
/// <para>With <see cref="Handshakes"/> the far end sends while the guest listens: what is typed while a kernel boots, or faster than a
/// program reads, is not lost. A guest listens while RTS is up; one that has once used the receiver's interrupt with it, while that is
/// enabled too, since a driver that starts again empties the receiver with RTS still up.</para>
/// </remarks>
public sealed class Uart16550 : IDeviceState
{
    /// <summary>How many ports it has.</summary>
    public const int PortCount = 8;

    /// <summary>The first serial port's first port; its interrupt is IRQ 4.</summary>
    public const ushort FirstSerialPort = 0x3F8;

    /// <summary>How many bytes of input wait at most.</summary>
    public const int InputLimit = UartInput.Limit;

    private const int FifoBytes = 16;

    private const byte IerReceived = 1 << 0;
    private const byte IerEmpty = 1 << 1;
    private const byte IerLine = 1 << 2;
    private const byte IerModem = 1 << 3;

    private const byte IirNone = 1;
    private const byte IirModem = 0;
    private const byte IirEmpty = 2;
    private const byte IirReceived = 4;
    private const byte IirLine = 6;
    private const byte IirTimeout = 12;
    private const byte IirFifos = 0xC0;

    private const byte LcrDivisor = 1 << 7;
    private const byte McrRequestToSend = 1 << 1;
    private const byte McrOut2 = 1 << 3;
    private const byte McrLoop = 1 << 4;

    private const byte LsrReady = 1 << 0;
    private const byte LsrOverrun = 1 << 1;
    private const byte LsrEmpty = 0x60; // THRE and TEMT
    private const byte MsrRing = 1 << 6;
    private const byte MsrConnected = 0xB0; // DCD, DSR, CTS

    private readonly string _name;
    private readonly IConsoleOutput _output;
    private readonly IInterruptLine _line;
    private readonly IDeviceListener _listener;
    private readonly UartInput _input = new();
    private readonly byte[] _fifo = new byte[FifoBytes];
    private int _fifoFirst;
    private int _fifoCount;
    private bool _fifos;
    private byte _trigger = 1;
    private byte _ier;
    private byte _lcr;
    private byte _mcr;
    private byte _msr = MsrConnected;
    private byte _scratch;
    private ushort _divisor = 1;
    private bool _overrun;
    private bool _emptyPending;
    private bool _lineIsUp;
    private bool _takesInterrupts;

    /// <summary>Makes a serial port.</summary>
    /// <param name="name">Names it in notes and saved states.</param>
    /// <param name="line">Its interrupt; edge-triggered.</param>
    /// <param name="output">Takes what the guest sends.</param>
    /// <param name="listener">Hears when the output fails.</param>
    public Uart16550(string name, IInterruptLine line, IConsoleOutput output, IDeviceListener listener)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(listener);
        _name = name;
        _line = line;
        _output = output;
        _listener = listener;
    }

    /// <summary>Whether the far end sends only when the guest asks for it. Off, it sends at once.</summary>
    public bool Handshakes { get; init; }

    /// <summary>How many bytes of input wait for the guest.</summary>
    public int InputWaiting => _input.Count + _fifoCount;

    /// <summary>Gives the guest input. Any thread may; the guest hears of it when <see cref="TakeInput"/> is called on the machine's.</summary>
    /// <param name="bytes">The input.</param>
    /// <returns>How many bytes were taken: fewer than given when <see cref="InputLimit"/> bytes wait.</returns>
    public int Receive(ReadOnlySpan<byte> bytes) => _input.Put(bytes);

    /// <summary>Takes what <see cref="Receive"/> brought, as much as the FIFO holds, and interrupts. On the machine's thread.</summary>
    public void TakeInput()
    {
        Fill();
        Drive();
    }

    /// <summary>What <c>REP OUTSB</c> to the first port sends: many bytes at once. On the machine's thread.</summary>
    /// <param name="bytes">The bytes.</param>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        if ((_lcr & LcrDivisor) != 0 || (_mcr & McrLoop) != 0)
        {
            foreach (byte value in bytes)
            {
                Write(0, value);
            }
        }
        else if (bytes.Length > 0)
        {
            Transmit(bytes);
        }
    }

    /// <summary>Puts the port on its eight I/O ports.</summary>
    /// <param name="ports">The bus.</param>
    /// <param name="first">The first of them.</param>
    public void MapTo(PortBus ports, ushort first = FirstSerialPort)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(first, PortCount, new BytePorts(Read, Write));
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin(_name, 2);
        writer.Write((byte)_fifoCount);
        for (int i = 0; i < _fifoCount; i++)
        {
            writer.Write(_fifo[(_fifoFirst + i) % FifoBytes]);
        }

        writer.Write([_trigger, _ier, _lcr, _mcr, _msr, _scratch]);
        writer.Write(_divisor);
        writer.Write(_fifos);
        writer.Write(_overrun);
        writer.Write(_emptyPending);
        writer.Write(_lineIsUp);
        writer.Write(_takesInterrupts);
        _input.Save(writer);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin(_name, 2);
        int count = reader.ReadByte();
        if (count > FifoBytes)
        {
            throw reader.Damaged($"{count} bytes are in the FIFO of {FifoBytes}");
        }

        _fifoFirst = 0;
        _fifoCount = count;
        reader.Read(_fifo.AsSpan(0, count));
        _trigger = reader.ReadByte();
        _ier = reader.ReadByte();
        _lcr = reader.ReadByte();
        _mcr = reader.ReadByte();
        _msr = reader.ReadByte();
        _scratch = reader.ReadByte();
        _divisor = reader.ReadUInt16();
        _fifos = reader.ReadBoolean();
        _overrun = reader.ReadBoolean();
        _emptyPending = reader.ReadBoolean();
        _lineIsUp = reader.ReadBoolean();
        _takesInterrupts = reader.ReadBoolean();
        _input.Load(reader);
        reader.End();
    }

    private int Capacity => _fifos ? FifoBytes : 1;

    private byte Interrupt =>
        (_ier & IerLine) != 0 && _overrun ? IirLine
        : (_ier & IerReceived) != 0 && _fifoCount > 0 ? !_fifos || _fifoCount >= _trigger ? IirReceived : IirTimeout
        : (_ier & IerEmpty) != 0 && _emptyPending ? IirEmpty
        : (_ier & IerModem) != 0 && (_msr & 0x0F) != 0 ? IirModem
        : IirNone;

    private byte Read(int register)
    {
        bool divisor = (_lcr & LcrDivisor) != 0;
        switch (register)
        {
            case 0:
                return divisor ? (byte)_divisor : TakeByte();
            case 1:
                return divisor ? (byte)(_divisor >> 8) : _ier;
            case 2:
                return Identify();
            case 3:
                return _lcr;
            case 4:
                return _mcr;
            case 5:
                Fill();
                byte status = (byte)(LsrEmpty | (_fifoCount > 0 ? LsrReady : 0) | (_overrun ? LsrOverrun : 0));
                _overrun = false;
                Drive();
                return status;
            case 6:
                byte modem = _msr;
                _msr = (byte)(modem & 0xF0);
                Drive();
                return modem;
            default:
                return _scratch;
        }
    }

    private void Write(int register, byte value)
    {
        bool divisor = (_lcr & LcrDivisor) != 0;
        switch (register)
        {
            case 0 when divisor:
                _divisor = (ushort)((_divisor & 0xFF00) | value);
                break;
            case 0 when (_mcr & McrLoop) != 0:
                LoopBack(value);
                break;
            case 0:
                Transmit([value]);
                break;
            case 1 when divisor:
                _divisor = (ushort)((_divisor & 0xFF) | (value << 8));
                break;
            case 1:
                // Enabling the transmitter's interrupt asks for it anew: the transmitter is empty.
                _emptyPending |= (value & ~_ier & IerEmpty) != 0;
                _ier = (byte)(value & 0x0F);
                NoteHowItListens();
                Fill();
                Drive();
                break;
            case 2:
                ControlFifos(value);
                break;
            case 3:
                _lcr = value;
                break;
            case 4:
                _mcr = (byte)(value & 0x1F);
                NoteHowItListens();
                FollowModemLines();
                break;
            case 7:
                _scratch = value;
                break;
            default: // the status registers are for factory tests
                break;
        }
    }

    // Reading this register takes the transmitter's interrupt back, if it is that which is told.
    private byte Identify()
    {
        byte interrupt = Interrupt;
        if (interrupt == IirEmpty)
        {
            _emptyPending = false;
            Drive();
        }

        return (byte)(interrupt | (_fifos ? IirFifos : 0));
    }

    private byte TakeByte()
    {
        Fill();
        if (_fifoCount == 0)
        {
            return 0;
        }

        byte value = _fifo[_fifoFirst];
        _fifoFirst = (_fifoFirst + 1) % FifoBytes;
        _fifoCount--;
        Fill();
        Drive();
        return value;
    }

    // In loopback the wire is cut: the host's input waits.
    private bool MaySend => (_mcr & McrLoop) == 0
        && (!Handshakes || ((_mcr & McrRequestToSend) != 0 && (!_takesInterrupts || (_ier & IerReceived) != 0)));

    private void NoteHowItListens() =>
        _takesInterrupts |= (_mcr & (McrRequestToSend | McrLoop)) == McrRequestToSend && (_ier & IerReceived) != 0;

    private void Fill()
    {
        while (_fifoCount < Capacity && MaySend && _input.TryTake(out byte value))
        {
            Enqueue(value);
        }
    }

    private void Enqueue(byte value)
    {
        _fifo[(_fifoFirst + _fifoCount) % FifoBytes] = value;
        _fifoCount++;
    }

    private void LoopBack(byte value)
    {
        if (_fifoCount < Capacity)
        {
            Enqueue(value);
        }
        else
        {
            // With FIFOs the byte that comes is lost, without them the one that waits.
            _overrun = true;
            if (!_fifos)
            {
                _fifo[_fifoFirst] = value;
            }
        }

        Emptied();
    }

    private void Transmit(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _output.Write(bytes);
        }
        catch (IOException error)
        {
            _listener.HostFailed(_name, $"{bytes.Length} bytes of output are lost: {error.Message}");
        }

        Emptied();
    }

    // The interrupt goes away with the writing and comes anew, an edge for the controller, when the byte has left: now.
    private void Emptied()
    {
        _emptyPending = false;
        Drive();
        _emptyPending = true;
        Drive();
    }

    private void ControlFifos(byte value)
    {
        bool enable = (value & 1) != 0;
        if (enable != _fifos || (enable && (value & 2) != 0))
        {
            _fifoCount = 0;
        }

        _fifos = enable;
        _trigger = (byte)(!enable ? 1 : (value >> 6) switch
        {
            0 => 1,
            1 => 4,
            2 => 8,
            _ => 14,
        });

        if (enable && (value & 4) != 0)
        {
            _emptyPending = true;
        }

        Fill();
        Drive();
    }

    // In loopback the modem control outputs are the modem status inputs: DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD.
    private void FollowModemLines()
    {
        int lines = (_mcr & McrLoop) == 0 ? MsrConnected
            : ((_mcr & 1) << 5) | ((_mcr & 2) << 3) | ((_mcr & 4) << 4) | ((_mcr & 8) << 4);
        int changed = (lines ^ _msr) & 0xF0;
        int deltas = (changed & ~MsrRing) | (changed & ~lines & MsrRing); // of the ring only its end
        _msr = (byte)(lines | (_msr & 0x0F) | (deltas >> 4));
        Fill();
        Drive();
    }

    private void Drive()
    {
        bool up = Interrupt != IirNone && (_mcr & (McrOut2 | McrLoop)) == McrOut2;
        if (up == _lineIsUp)
        {
            return;
        }

        _lineIsUp = up;
        if (up)
        {
            _line.Raise();
        }
        else
        {
            _line.Lower();
        }
    }
}
