using System.Buffers.Binary;
using System.Globalization;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>Compares what a tested processor made of a case with what the host made of it.</summary>
internal sealed class Comparer
{
    private const uint PageFault = 14;

    /// <summary>Bit 4 of a page fault's error code is set on fetches only where no-execute is on; that is for the tests of the page walk.</summary>
    private const uint FetchBit = 0x10;

    /// <summary>RF is seen only in the image that an exception pushes.</summary>
    private const uint NotCompared = 1 << 16;

    private static readonly string[] _registers = ["EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"];

    private readonly InstructionDecoder _decoder = new();
    private readonly Undefined _undefined = new();
    private readonly List<string> _differences = [];

    /// <summary>False when what is tested is a host as well: then it is not asked for what the manual says where hosts do something else.</summary>
    public bool IsDocumented { get; init; } = true;

    /// <summary>The differences, in words; empty if there are none. The list is used again by the next call.</summary>
    public IReadOnlyList<string> Compare(in InstructionCase c, in CaseResult expected, in CaseResult got)
    {
        _differences.Clear();
        Instruction instruction = _decoder.Loosely(c.CodeSpan, c.Context.Eip);
        _undefined.Find(c, instruction, expected);
        CompareException(c, instruction, expected.Context, got.Context);
        CompareContext(c, expected.Context, got.Context);
        CompareMemory(expected.Memory, got.Memory);
        if (c.Flags.HasFlag(CaseFlags.Fpu))
        {
            CompareFpu(expected.Fpu, got.Fpu);
            Check("condition codes, which stay", FpuState.Status(c.Fpu), FpuState.Status(got.Fpu), _undefined.CodesStay && IsDocumented ? Undefined.ConditionCodes : 0u);
        }

        return _differences;
    }

    private void CompareException(in InstructionCase c, in Instruction instruction, in ProcessorContext expected, in ProcessorContext got)
    {
        if (!FaultOrder.AllowsBoth(c, instruction, expected, got))
        {
            Check("exception", expected.Trap, got.Trap, uint.MaxValue);
            Check("error code", expected.ErrorCode, got.ErrorCode, expected.Trap == PageFault ? ~(FetchBit | _undefined.ErrorCode) : uint.MaxValue);
            Check("CR2", expected.Cr2, got.Cr2, expected.Trap == PageFault ? uint.MaxValue : 0);
        }
    }

    private void CompareContext(in InstructionCase c, in ProcessorContext expected, in ProcessorContext got)
    {
        Check("EIP", expected.Eip, got.Eip, uint.MaxValue);
        Check("EFLAGS", expected.Eflags, got.Eflags, ~(_undefined.Flags | NotCompared));
        Check("status flags, which stay", c.Context.Eflags, got.Eflags, _undefined.FlagsStay && IsDocumented ? Undefined.StatusFlags : 0);
        for (int register = 0; register < _registers.Length; register++)
        {
            Check(_registers[register], expected[register], got[register], ~_undefined.Register(register));
        }

        Check("CS", expected.Cs, got.Cs, 0xFFFF);
        Check("DS", expected.Ds, got.Ds, 0xFFFF);
        Check("ES", expected.Es, got.Es, 0xFFFF);
        Check("SS", expected.Ss, got.Ss, 0xFFFF);
        Check("FS", expected.Fs, got.Fs, 0xFFFF);
        Check("GS", expected.Gs, got.Gs, 0xFFFF);
    }

    private void Check(string what, uint expected, uint got, uint mask)
    {
        if (((expected ^ got) & mask) != 0)
        {
            _differences.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: expected {expected:X}, got {got:X}, differs in {(expected ^ got) & mask:X}"));
        }
    }

    private void CompareMemory(MemoryChanges expected, MemoryChanges got)
    {
        int i = 0, j = 0;
        while (i < expected.Blocks.Count || j < got.Blocks.Count)
        {
            uint address = Math.Min(
                i < expected.Blocks.Count ? expected.Blocks[i].Address : uint.MaxValue,
                j < got.Blocks.Count ? got.Blocks[j].Address : uint.MaxValue);
            bool inExpected = i < expected.Blocks.Count && expected.Blocks[i].Address == address;
            bool inGot = j < got.Blocks.Count && got.Blocks[j].Address == address;
            if (!inExpected || !inGot || expected.Blocks[i].Data != got.Blocks[j].Data)
            {
                CompareBlock(address, expected, got);
            }

            i += inExpected ? 1 : 0;
            j += inGot ? 1 : 0;
        }
    }

    private void CompareBlock(uint block, MemoryChanges expected, MemoryChanges got)
    {
        for (uint address = block; address < block + MemoryChanges.BlockBytes; address++)
        {
            byte wanted = expected.ByteAt(address), found = got.ByteAt(address);
            if (wanted != found && !_undefined.IsUndefined(address))
            {
                _differences.Add(string.Create(CultureInfo.InvariantCulture, $"byte at {address:X8}: expected {wanted:X2}, got {found:X2}"));
            }
        }
    }

    private void CompareFpu(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> got)
    {
        Check("FPU control word", FpuState.Control(expected), FpuState.Control(got), 0xFFFF);
        Check("FPU status word", FpuState.Status(expected), FpuState.Status(got), (ushort)~_undefined.FpuStatus);
        Check("FPU tags", FpuState.Tags(expected), FpuState.Tags(got), 0xFF);
        int top = (FpuState.Status(expected) >> 11) & 7;
        for (int register = 0; register < 8; register++)
        {
            bool isEmpty = ((FpuState.Tags(expected) >> ((top + register) & 7)) & 1) == 0;
            ReadOnlySpan<byte> wanted = FpuState.Register(expected, register), found = FpuState.Register(got, register);
            if (!isEmpty && !wanted.SequenceEqual(found) && !(register < 2 && AreNear(wanted, found)))
            {
                _differences.Add(string.Create(
                    CultureInfo.InvariantCulture, $"ST({register}): expected {FpuState.Text(wanted)}, got {FpuState.Text(found)}"));
            }
        }
    }

    private bool AreNear(ReadOnlySpan<byte> wanted, ReadOnlySpan<byte> found)
    {
        if (_undefined.FpuUlps == 0)
        {
            return false;
        }

        return UInt128.Max(Order(wanted), Order(found)) - UInt128.Min(Order(wanted), Order(found)) <= (UInt128)_undefined.FpuUlps
            && ((wanted[9] ^ found[9]) & 0x80) == 0;

        // Exponent and significand as one number: neighbours differ by one, also across a power of two (without its explicit bit).
        static UInt128 Order(ReadOnlySpan<byte> value) =>
            ((UInt128)(BinaryPrimitives.ReadUInt16LittleEndian(value[8..]) & 0x7FFF) << 63)
            | (BinaryPrimitives.ReadUInt64LittleEndian(value) & long.MaxValue);
    }
}
