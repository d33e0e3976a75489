namespace Gnomon.Devices;

//  Port 0x60  data                       Port 0x64  status (r): bit 0 output full, 2 system, 3 command last, 4 not locked, 5 from AUX
//                                                   command (w)

/// <summary>
/// The 8042 keyboard controller (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller") with a
/// keyboard that answers but has nobody at its keys, and without a mouse. All commands are answered at once: a kernel that probes
/// it waits for nothing. Command 0xFE, or clearing bit 0 of the output port, resets the machine.
/// </summary>
public sealed class KeyboardController : IDeviceState
{
    private const ushort DataPort = 0x60;
    private const ushort CommandPort = 0x64;

    private const byte OutputFull = 1 << 0;
    private const byte SystemFlag = 1 << 2;
    private const byte CommandLast = 1 << 3;
    private const byte NotLocked = 1 << 4;
    private const byte FromAux = 1 << 5;

    private const byte KeyboardInterrupt = 1 << 0;
    private const byte KeyboardOff = 1 << 4;
    private const byte AuxOff = 1 << 5;
    private const byte Translate = 1 << 6;

    private const byte NotReset = 1 << 0;
    private const byte A20 = 1 << 1;

    private const byte SelfTestPassed = 0x55;
    private const byte AuxClockStuck = 0x01;

    private readonly IInterruptLine _line;
    private readonly Action _reset;
    private readonly Ps2Keyboard _keyboard = new();
    private readonly byte[] _memory = new byte[32];
    private byte _outputPort = NotReset | A20;
    private byte _status = SystemFlag | NotLocked;
    private byte _data;
    private byte _command;
    private bool _lineIsUp;

    /// <summary>Makes a controller as firmware leaves it: keyboard on and translated, no interrupts, the address line A20 free.</summary>
    /// <param name="line">IRQ 1; edge-triggered.</param>
    /// <param name="reset">Resets the machine. Called in the middle of the guest's OUT.</param>
    public KeyboardController(IInterruptLine line, Action reset)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(reset);
        _line = line;
        _reset = reset;
        _memory[0] = Translate | AuxOff | SystemFlag;
    }

    /// <summary>Bit 1 of the output port, which gates the address line A20 on old machines; kept, without further effect.</summary>
    public bool A20IsFree => (_outputPort & A20) != 0;

    /// <summary>Puts the controller on its two ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(DataPort, 1, new BytePorts(_ => ReadData(), (_, value) => WriteData(value)));
        ports.Map(CommandPort, 1, new BytePorts(_ => _status, (_, value) => WriteCommand(value)));
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("8042", 1);
        writer.Write(_memory);
        writer.Write([_outputPort, _status, _data, _command]);
        writer.Write(_lineIsUp);
        _keyboard.Save(writer);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("8042", 1);
        reader.Read(_memory);
        _outputPort = reader.ReadByte();
        _status = reader.ReadByte();
        _data = reader.ReadByte();
        _command = reader.ReadByte();
        _lineIsUp = reader.ReadBoolean();
        _keyboard.Load(reader);
        reader.End();
    }

    private byte ReadData()
    {
        byte value = _data;
        _status &= unchecked((byte)~(OutputFull | FromAux));
        Drive();
        TakeFromKeyboard();
        return value;
    }

    // A byte for the data port is the argument of a command before it, or goes to the keyboard.
    private void WriteData(byte value)
    {
        _status &= unchecked((byte)~CommandLast);
        byte command = _command;
        _command = 0;
        switch (command)
        {
            case >= 0x60 and <= 0x7F:
                WriteMemory(command & 31, value);
                break;
            case 0xD1:
                WriteOutputPort(value);
                break;
            case 0xD2 or 0xD3:
                // 0xD3 should come back as a byte of the mouse; from the keyboard it tells that there is no port for one.
                Answer(value);
                break;
            case 0xD4:
                break;
            default:
                _memory[0] &= unchecked((byte)~KeyboardOff);
                _keyboard.Take(value);
                TakeFromKeyboard();
                break;
        }
    }

    private void WriteCommand(byte value)
    {
        _status |= CommandLast;
        _command = 0;
        switch (value)
        {
            case >= 0x20 and <= 0x3F:
                Answer(_memory[value & 31]);
                break;
            case >= 0x60 and <= 0x7F or 0xD1 or 0xD2 or 0xD3 or 0xD4:
                _command = value;
                break;
            case 0xA7:
                WriteMemory(0, (byte)(_memory[0] | AuxOff));
                break;
            case 0xA8:
                WriteMemory(0, (byte)(_memory[0] & ~AuxOff));
                break;
            case 0xA9:
                Answer(AuxClockStuck);
                break;
            case 0xAA:
                Answer(SelfTestPassed);
                break;
            case 0xAB:
                Answer(0);
                break;
            case 0xAD:
                WriteMemory(0, (byte)(_memory[0] | KeyboardOff));
                break;
            case 0xAE:
                WriteMemory(0, (byte)(_memory[0] & ~KeyboardOff));
                break;
            case 0xC0:
                Answer(0x80); // the input port: the keyboard is not locked
                break;
            case 0xD0:
                Answer(_outputPort);
                break;
            case >= 0xF0 when (value & NotReset) == 0: // pulses the bits of the output port that are 0
                _reset();
                break;
            default:
                break;
        }
    }

    private void WriteMemory(int address, byte value)
    {
        _memory[address] = value;
        _status = (byte)((_status & ~SystemFlag) | (_memory[0] & SystemFlag));
        TakeFromKeyboard();
        Drive();
    }

    private void WriteOutputPort(byte value)
    {
        _outputPort = value;
        if ((value & NotReset) == 0)
        {
            _reset();
        }
    }

    // The controller's own answers come before what the keyboard sends, and take the place of what was not read.
    private void Answer(byte value)
    {
        _status &= unchecked((byte)~OutputFull);
        Drive();
        _data = value;
        _status |= OutputFull;
        Drive();
    }

    private void TakeFromKeyboard()
    {
        if ((_status & OutputFull) == 0 && (_memory[0] & KeyboardOff) == 0 && _keyboard.TryGive(out byte value))
        {
            Answer((_memory[0] & Translate) != 0 ? Ps2Keyboard.Translated(value) : value);
        }
    }

    private void Drive()
    {
        bool up = (_status & OutputFull) != 0 && (_memory[0] & KeyboardInterrupt) != 0;
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
