using System.Numerics;

namespace Gnomon.Devices;

/// <summary>
/// One 8259A (Intel 8259A data sheet, order 231468), with the edge/level register that PCI machines have beside it. In edge mode a
/// request lasts from the rising edge until it is acknowledged or its input falls.
/// </summary>
/// <param name="cascade">For the master: the input at which the slave is; −1 for a slave.</param>
internal sealed class Pic8259(int cascade)
{
    /// <summary>What <see cref="Pending"/> says when no request is to be served.</summary>
    public const int None = -1;

    private const byte InitCommand = 1 << 4; // ICW1
    private const byte Icw1NeedsIcw4 = 1 << 0;
    private const byte Icw1Single = 1 << 1;
    private const byte Icw1Level = 1 << 3;
    private const byte Icw4AutoEoi = 1 << 1;
    private const byte Icw4FullyNested = 1 << 4;
    private const byte Ocw3 = 1 << 3;

    // Where the sequence of initialisation words is.
    private const byte Working = 0;
    private const byte WantsIcw2 = 1;
    private const byte WantsIcw3 = 2;
    private const byte WantsIcw4 = 3;
    private const byte NeverInitialised = 4;

    private byte _lines;
    private byte _requests;
    private byte _inService;
    private byte _mask = 0xFF;
    private byte _vectorBase;
    private byte _icw1;
    private byte _icw4;
    private byte _lowest = 7;
    private byte _edgeLevel;
    private byte _step = NeverInitialised;
    private bool _specialMask;
    private bool _rotateOnAutoEoi;
    private bool _readsInService;
    private bool _polled;

    /// <summary>Bit n: input n is level-triggered.</summary>
    public byte EdgeLevel
    {
        get => _edgeLevel;
        set
        {
            _edgeLevel = value;
            FollowLevels();
        }
    }

    /// <summary>Whether a slave's vector is asked for when <paramref name="input"/> is acknowledged.</summary>
    public bool Cascades(int input) => input == cascade && (_icw1 & Icw1Single) == 0;

    /// <summary>The input that INT stands for: the request of the highest priority, if nothing in service holds it back; or <see cref="None"/>.</summary>
    public int Pending
    {
        get
        {
            int requests = _requests & ~_mask;
            if (requests == 0 || _step != Working)
            {
                return None;
            }

            // Turned so that bit 0 has the highest priority.
            int holding = _specialMask ? _inService & ~_mask : _inService;
            int first = BitOperations.TrailingZeroCount(Turn(requests));
            int held = BitOperations.TrailingZeroCount(Turn(holding) | 0x100);
            int input = (first + _lowest + 1) & 7;
            bool again = first == held && input == cascade && (_icw4 & Icw4FullyNested) != 0;
            return first < held || again ? input : None;
        }
    }

    /// <summary>Drives an input.</summary>
    public void SetLine(int input, bool up)
    {
        byte bit = (byte)(1 << input);
        if (!up)
        {
            _lines &= (byte)~bit;
            _requests &= (byte)~bit;
        }
        else if ((_lines & bit) == 0)
        {
            _lines |= bit;
            _requests |= bit;
        }
    }

    /// <summary>The processor's acknowledgement: takes the request.</summary>
    /// <param name="input">Which it was, or <see cref="None"/>.</param>
    /// <returns>The vector. That of input 7 when no request was left: a spurious interrupt, not put in service.</returns>
    public byte Acknowledge(out int input)
    {
        input = Pending;
        if (input != None)
        {
            Take(input);
        }

        return (byte)(_vectorBase | (input == None ? 7 : input));
    }

    /// <summary>Reads port 0 (requests, in service, or a poll) or port 1 (the mask).</summary>
    public byte Read(int port)
    {
        if (_polled)
        {
            _polled = false;
            int input = Pending;
            if (input == None)
            {
                return 0;
            }

            Take(input);
            return (byte)(0x80 | input);
        }

        return port == 1 ? _mask : _readsInService ? _inService : _requests;
    }

    /// <summary>Writes port 0 (ICW1, OCW2, OCW3) or port 1 (ICW2 … ICW4, OCW1).</summary>
    public void Write(int port, byte value)
    {
        if (port == 1)
        {
            WriteSecondPort(value);
        }
        else if ((value & InitCommand) != 0)
        {
            Initialise(value);
        }
        else if ((value & Ocw3) != 0)
        {
            WriteOcw3(value);
        }
        else
        {
            WriteOcw2(value);
        }
    }

    public void Save(StateWriter writer)
    {
        writer.Write([_lines, _requests, _inService, _mask, _vectorBase, _icw1, _icw4, _lowest, _edgeLevel, _step]);
        writer.Write(_specialMask);
        writer.Write(_rotateOnAutoEoi);
        writer.Write(_readsInService);
        writer.Write(_polled);
    }

    public void Load(StateReader reader)
    {
        _lines = reader.ReadByte();
        _requests = reader.ReadByte();
        _inService = reader.ReadByte();
        _mask = reader.ReadByte();
        _vectorBase = (byte)(reader.ReadByte() & 0xF8);
        _icw1 = reader.ReadByte();
        _icw4 = reader.ReadByte();
        _lowest = reader.ReadByte();
        _edgeLevel = reader.ReadByte();
        _step = reader.ReadByte();
        if (_lowest > 7 || _step > NeverInitialised)
        {
            throw reader.Damaged($"the lowest priority is {_lowest}, the step of initialisation {_step}");
        }

        _specialMask = reader.ReadBoolean();
        _rotateOnAutoEoi = reader.ReadBoolean();
        _readsInService = reader.ReadBoolean();
        _polled = reader.ReadBoolean();
    }

    private byte LevelInputs => (_icw1 & Icw1Level) != 0 ? (byte)0xFF : _edgeLevel;

    private int Turn(int bits) => ((bits | (bits << 8)) >> ((_lowest + 1) & 7)) & 0xFF;

    private void FollowLevels() => _requests = (byte)((_requests & ~LevelInputs) | (_lines & LevelInputs));

    // A level-triggered request goes on for as long as its line is up.
    private void Take(int input)
    {
        byte bit = (byte)(1 << input);
        _requests &= (byte)(~bit | LevelInputs);
        if ((_icw4 & Icw4AutoEoi) == 0)
        {
            _inService |= bit;
        }
        else if (_rotateOnAutoEoi)
        {
            _lowest = (byte)input;
        }
    }

    private void Initialise(byte value)
    {
        _icw1 = value;
        _icw4 = 0;
        _mask = 0;
        _inService = 0;
        _requests = 0;
        _lowest = 7;
        _specialMask = false;
        _rotateOnAutoEoi = false;
        _readsInService = false;
        _polled = false;
        _step = WantsIcw2;
        FollowLevels();
    }

    private void WriteSecondPort(byte value)
    {
        switch (_step)
        {
            case WantsIcw2:
                _vectorBase = (byte)(value & 0xF8);
                _step = (_icw1 & Icw1Single) == 0 ? WantsIcw3 : AfterIcw3;
                break;
            case WantsIcw3: // which input the slave is at is wired
                _step = AfterIcw3;
                break;
            case WantsIcw4:
                _icw4 = value;
                _step = Working;
                break;
            default:
                _mask = value;
                break;
        }
    }

    private byte AfterIcw3 => (_icw1 & Icw1NeedsIcw4) != 0 ? WantsIcw4 : Working;

    private void WriteOcw2(byte value)
    {
        byte level = (byte)(value & 7);
        switch (value >> 5)
        {
            case 0:
                _rotateOnAutoEoi = false;
                break;
            case 4:
                _rotateOnAutoEoi = true;
                break;
            case 1 when HighestInService is int input and not None:
                _inService &= (byte)~(1 << input);
                break;
            case 5 when HighestInService is int input and not None:
                _inService &= (byte)~(1 << input);
                _lowest = (byte)input;
                break;
            case 3:
                _inService &= (byte)~(1 << level);
                break;
            case 7:
                _inService &= (byte)~(1 << level);
                _lowest = level;
                break;
            case 6:
                _lowest = level;
                break;
            default:
                break;
        }
    }

    private void WriteOcw3(byte value)
    {
        if ((value & 0x40) != 0)
        {
            _specialMask = (value & 0x20) != 0;
        }

        _polled = (value & 4) != 0;
        if ((value & 2) != 0)
        {
            _readsInService = (value & 1) != 0;
        }
    }

    // In special mask mode a non-specific end of interrupt leaves what is masked.
    private int HighestInService
    {
        get
        {
            int bits = _specialMask ? _inService & ~_mask : _inService;
            return bits == 0 ? None : (BitOperations.TrailingZeroCount(Turn(bits)) + _lowest + 1) & 7;
        }
    }
}
