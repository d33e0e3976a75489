namespace Gnomon.Devices;

/// <summary>
/// A PS/2 keyboard that answers its commands (IBM PS/2 Hardware Interface Technical Reference, "Keyboards") and that nobody uses:
/// a kernel that looks for one finds it at once in place of waiting for one that does not answer.
/// </summary>
internal sealed class Ps2Keyboard
{
    private const byte Acknowledged = 0xFA;
    private const byte SelfTestPassed = 0xAA;
    private const byte Resend = 0xFE;
    private const byte Echo = 0xEE;

    // The longest answer has three bytes. A new command takes the place of an answer that nobody reads.
    private readonly byte[] _answer = new byte[3];
    private byte _answerAt;
    private byte _answerLength;
    private byte _command;
    private byte _codeSet = 2;

    /// <summary>A byte from the host.</summary>
    public void Take(byte value)
    {
        byte command = _command;
        _command = 0;
        if (command != 0 && value < 0xED)
        {
            TakeArgument(command, value);
            return;
        }

        switch (value)
        {
            case 0xED or 0xF0 or 0xF3 or 0xFB or 0xFC or 0xFD: // lights, code set, repeat rate, kinds of single keys
                _command = value;
                Give(Acknowledged);
                break;
            case Echo:
                Give(Echo);
                break;
            case 0xF2:
                Give(Acknowledged, 0xAB, 0x83);
                break;
            case 0xF6 or 0xFF:
                _codeSet = 2;
                Give(Acknowledged, value == 0xFF ? SelfTestPassed : null);
                break;
            case >= 0xF4 and <= 0xFA:
                Give(Acknowledged);
                break;
            default:
                Give(Resend);
                break;
        }
    }

    /// <summary>The next byte of the answer, if there is one.</summary>
    public bool TryGive(out byte value)
    {
        bool has = _answerAt < _answerLength;
        value = has ? _answer[_answerAt++] : (byte)0;
        return has;
    }

    /// <summary>What the controller makes of a byte when it translates scan codes: of what this keyboard sends, one changes.</summary>
    public static byte Translated(byte value) => value == 0x83 ? (byte)0x41 : value;

    public void Save(StateWriter writer)
    {
        writer.Write(_answer);
        writer.Write([_answerAt, _answerLength, _command, _codeSet]);
    }

    public void Load(StateReader reader)
    {
        reader.Read(_answer);
        _answerAt = reader.ReadByte();
        _answerLength = reader.ReadByte();
        _command = reader.ReadByte();
        _codeSet = reader.ReadByte();
        if (_answerLength > _answer.Length)
        {
            throw reader.Damaged($"the keyboard's answer has {_answerLength} bytes");
        }
    }

    private void TakeArgument(byte command, byte value)
    {
        if (command == 0xF0 && value == 0)
        {
            Give(Acknowledged, _codeSet);
            return;
        }

        _codeSet = command == 0xF0 && value <= 3 ? value : _codeSet;
        Give(Acknowledged);
    }

    private void Give(byte first, byte? second = null, byte? third = null)
    {
        _answer[0] = first;
        _answer[1] = second ?? 0;
        _answer[2] = third ?? 0;
        _answerAt = 0;
        _answerLength = (byte)(1 + (second is null ? 0 : 1) + (third is null ? 0 : 1));
    }
}
