using System.Globalization;
using System.Text;
using Gnomon.Cpu;
using Gnomon.Cpu.Bare;
using Iced.Intel;

namespace Gnomon.Cli.Running;

/// <summary>
/// Runs a machine one instruction at a time and writes a line for each: where it lies, its bytes, what it is, and the registers that
/// it changed. The first line shows all of them. Where an exception or software interrupt is delivered the line names it, and shows what
/// its delivery changed.
/// </summary>
internal sealed class InstructionTrace
{
    private const int MaxLength = 15;
    private const int BytesWidth = 24;
    private const int TextWidth = 36;

    private static readonly string[] _names =
        ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "es", "cs", "ss", "ds", "fs", "gs", "cr0", "cr2", "cr3", "cr4", "eflags"];

    private static readonly string[] _vectors =
    [
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "vector 9", "#TS", "#NP", "#SS", "#GP", "#PF", "vector 15", "#MF", "#AC",
    ];

    private static readonly (int Bit, string Name)[] _flags =
    [
        (0, "CF"), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF"), (10, "DF"), (11, "OF"), (14, "NT"), (16, "RF"), (17, "VM"), (18, "AC"),
    ];

    private readonly BareMachine _machine;
    private readonly TextWriter _output;
    private readonly IntelFormatter _formatter = new(new FormatterOptions { HexPrefix = "0x", HexSuffix = "", UppercaseHex = false, SpaceAfterOperandSeparator = true });
    private readonly StringOutput _text = new();
    private readonly byte[] _bytes = new byte[MaxLength];
    private readonly StringBuilder _line = new();
    private uint[] _before = new uint[_names.Length];
    private uint[] _after = new uint[_names.Length];

    /// <summary>Begins: writes the line of the state at the start.</summary>
    public InstructionTrace(BareMachine machine, TextWriter output)
    {
        (_machine, _output) = (machine, output);
        Take(_after);
        _line.Append("start");
        for (int i = 0; i < _names.Length; i++)
        {
            Append(i);
        }

        WriteLine();
    }

    /// <summary>Runs one instruction or delivers one exception, and writes its line.</summary>
    public BareEnd Step()
    {
        ProcessorRegisters registers = _machine.Processor.Registers;
        SegmentValue code = registers.Segment(SegmentName.Cs);
        uint eip = registers.Eip;
        bool wide = (code.Access & (1 << 14)) != 0;
        (_before, _after) = (_after, _before);
        int length = _machine.Read(code.Base + eip, _bytes);

        BareStep step = _machine.Step();
        if (!step.IsCompleted && step.Vector is null)
        {
            return step.End;
        }

        Take(_after);
        if (step.IsTrap)
        {
            // What raised it has a line of its own.
            _line.Append(CultureInfo.InvariantCulture, $"{code.Selector:x4}:{eip:x8}  {"",BytesWidth} {"",TextWidth}");
        }
        else
        {
            Describe(code.Selector, eip, length, wide);
        }

        if (step.Vector is byte vector)
        {
            _line.Append(CultureInfo.InvariantCulture, $" {Name(vector)}");
            if (vector is 8 or (>= 10 and <= 14) or 17)
            {
                _line.Append(CultureInfo.InvariantCulture, $"(0x{step.Code:x})");
            }
        }

        for (int i = 0; i < _names.Length; i++)
        {
            if (_before[i] != _after[i])
            {
                Append(i);
            }
        }

        WriteLine();
        return step.End;
    }

    private static string Name(byte vector) => vector < _vectors.Length
        ? _vectors[vector]
        : string.Create(CultureInfo.InvariantCulture, $"vector {vector}");

    private void Describe(ushort selector, uint eip, int length, bool wide)
    {
        Iced.Intel.Decoder decoder = Iced.Intel.Decoder.Create(wide ? 32 : 16, new ByteArrayCodeReader(_bytes, 0, length));
        decoder.IP = eip;
        decoder.Decode(out Instruction instruction);
        _text.Reset();
        if (instruction.IsInvalid)
        {
            _text.Write(length == 0 ? "(not mapped)" : "(invalid)", FormatterTextKind.Text);
        }
        else
        {
            _formatter.Format(instruction, _text);
        }

        string bytes = Convert.ToHexStringLower(_bytes, 0, Math.Min(length, Math.Max(1, instruction.Length)));
        _line.Append(CultureInfo.InvariantCulture, $"{selector:x4}:{eip:x8}  {bytes.PadRight(BytesWidth)} {_text.ToString().PadRight(TextWidth)}");
    }

    private void Append(int register)
    {
        uint value = _after[register];
        bool selector = _names[register].Length == 2;
        _line.Append(' ').Append(_names[register]).Append('=').Append(value.ToString(selector ? "x4" : "x8", CultureInfo.InvariantCulture));
        if (_names[register] == "eflags")
        {
            _line.Append('(').AppendJoin(' ', _flags.Where(flag => (value >> flag.Bit & 1) != 0).Select(flag => flag.Name)).Append(')');
        }
    }

    private void WriteLine()
    {
        _output.WriteLine(_line.ToString().TrimEnd());
        _line.Clear();
    }

    private void Take(uint[] values)
    {
        ProcessorRegisters registers = _machine.Processor.Registers;
        for (int i = 0; i < 8; i++)
        {
            values[i] = registers[(GeneralRegister)i];
        }

        for (int i = 0; i < 6; i++)
        {
            values[8 + i] = registers.Segment((SegmentName)i).Selector;
        }

        (values[14], values[15], values[16], values[17], values[18]) = (registers.Cr0, registers.Cr2, registers.Cr3, registers.Cr4, registers.Eflags);
    }
}
