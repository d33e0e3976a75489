using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>What the manuals leave undefined in the result of a case, so that it is not compared. Sources: Intel SDM vol. 2, the instruction's own page, unless another is named.</summary>
internal sealed class Undefined
{
    private const uint Carry = 1, Parity = 4, Adjust = 0x10, Zero = 0x40, Sign = 0x80, Overflow = 0x800;
    private const uint AllStatus = Carry | Parity | Adjust | Zero | Sign | Overflow;

    /// <summary>C0, C2 and C3 of the x87 status word: the result of a comparison.</summary>
    public const ushort ConditionCodes = 0x4500;

    /// <summary>The status flags of EFLAGS.</summary>
    public const uint StatusFlags = AllStatus;

    private readonly uint[] _registers = new uint[8];
    private readonly List<(uint Start, uint Length)> _memory = [];

    /// <summary>EFLAGS bits that are undefined.</summary>
    public uint Flags { get; private set; }

    /// <summary>True if what an incomplete instruction has stored already is undefined.</summary>
    public bool AllMemory { get; private set; }

    /// <summary>Bits of the x87 status word that are undefined.</summary>
    public ushort FpuStatus { get; private set; }

    /// <summary>The status flags, which the host has changed, stay as they were before the instruction.</summary>
    public bool FlagsStay { get; private set; }

    /// <summary>The x87 condition codes, which the host has changed, stay as they were before the instruction.</summary>
    public bool CodesStay { get; private set; }

    /// <summary>Bits of a page fault's error code that are the processor's own affair.</summary>
    public uint ErrorCode { get; private set; }

    /// <summary>How far the significand of ST(0) and ST(1) may be away, in units of the last place: the manuals promise one for transcendental functions.</summary>
    public int FpuUlps { get; private set; }

    /// <summary>The bits of a general register that are undefined.</summary>
    public uint Register(int number) => _registers[number];

    /// <summary>True where the byte at a linear address is undefined.</summary>
    public bool IsUndefined(uint address) => AllMemory || _memory.Exists(range => address - range.Start < range.Length);

    /// <summary>Finds what is undefined in a case's result.</summary>
    public void Find(in InstructionCase c, in Instruction instruction, in CaseResult expected)
    {
        bool completed = expected.Context.Trap == ProcessorContext.NoTrap;
        Array.Clear(_registers);
        _memory.Clear();
        (Flags, AllMemory, FpuStatus, FpuUlps) = (ByDecoder(instruction.RflagsUndefined), false, FpuByDecoder(instruction.RflagsUndefined), 0);

        // Whether ARPL's first access to its operand, a read, already asks for the right to write is said nowhere.
        const uint WriteBit = 2;
        ErrorCode = instruction.Mnemonic == Mnemonic.Arpl ? WriteBit : 0;
        FindShifts(c, instruction);
        FindResults(c, instruction);
        FindStores(c, instruction, completed);
        FindWhatStays(c, instruction, expected, completed);
    }

    // Where Intel's manual says more than AMD's processors do.
    private void FindWhatStays(in InstructionCase c, in Instruction instruction, in CaseResult expected, bool completed)
    {
        // "The EFLAGS value is restored to the state prior to the execution of the instruction" (REP); AMD shows the last comparison's. A
        // tested processor may take a long repetition in portions, as if interrupted between them: then that is the last portion's start.
        const uint Short = 1024;
        bool repeats = instruction.HasRepPrefix || instruction.HasRepnePrefix;
        bool restored = !completed && repeats && instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd
            or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd;
        Flags |= restored ? AllStatus : 0;
        FlagsStay = restored && ((c.Context.Ecx - expected.Context.Ecx) & 0xFFFF) < Short;

        // An unmasked invalid operation leaves the result of a comparison as it was (FCOM, FCOMI); AMD shows "unordered".
        const int Invalid = 1;
        bool compares = instruction.Mnemonic is Mnemonic.Fcom or Mnemonic.Fcomp or Mnemonic.Fcompp or Mnemonic.Fucom or Mnemonic.Fucomp
            or Mnemonic.Fucompp or Mnemonic.Ficom or Mnemonic.Ficomp or Mnemonic.Ftst;
        bool comparesToFlags = instruction.Mnemonic is Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip;
        bool forbidden = completed && (compares || comparesToFlags)
            && (FpuState.Status(expected.Fpu) & ~FpuState.Control(c.Fpu) & Invalid) != 0;
        CodesStay = forbidden && compares;
        FlagsStay |= forbidden && comparesToFlags;
        FpuStatus |= CodesStay ? ConditionCodes : (ushort)0;
        Flags |= FlagsStay ? AllStatus : 0;

        // What POPA has read before it faults AMD keeps; a restart reads it again.
        const int Esp = 4;
        for (int register = 0; register < 8 && !completed && instruction.Mnemonic is Mnemonic.Popa or Mnemonic.Popad; register++)
        {
            _registers[register] = register == Esp ? 0 : 0xFFFF_FFFF;
        }
    }

    private void FindShifts(in InstructionCase c, in Instruction instruction)
    {
        if (!TryGetCount(c, instruction, out uint count))
        {
            return;
        }

        uint size = OperandBits(instruction);
        uint many = count == 1 ? 0 : Overflow;
        Flags = instruction.Mnemonic switch
        {
            _ when count == 0 => 0,
            Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr => Adjust | many | (count >= size ? Carry : 0),
            Mnemonic.Sar => Adjust | many,
            Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr => many,
            _ => count > size ? AllStatus : Adjust | many,
        };

        // A double shift by more than the operand's size (16 bits only) leaves the destination undefined.
        if (instruction.Mnemonic is Mnemonic.Shld or Mnemonic.Shrd && count > size)
        {
            Destination(c, instruction, 0xFFFF);
        }
    }

    private void FindResults(in InstructionCase c, in Instruction instruction)
    {
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Bsf or Mnemonic.Bsr when IsZero(c, instruction):
                // Intel: undefined; AMD: unchanged. Processors of both makers leave it unchanged, some clear the upper half.
                Destination(c, instruction, 0xFFFF_FFFF);
                break;
            case Mnemonic.Bswap when instruction.Op0Register.IsGPR16():
                Destination(c, instruction, 0xFFFF);
                break;
            case Mnemonic.Rdtsc:
                _registers[0] = _registers[2] = 0xFFFF_FFFF;
                break;
            case Mnemonic.Lar when instruction.Op0Register.IsGPR32():
                // Where a descriptor has the upper bits of its limit.
                Destination(c, instruction, 0x000F_0000);
                break;
            case Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip:
                // Intel: C1 is cleared; AMD leaves it.
                FpuStatus |= 0x200;
                break;
            case Mnemonic.Fsin or Mnemonic.Fcos or Mnemonic.Fsincos or Mnemonic.Fptan or Mnemonic.Fpatan
                or Mnemonic.F2xm1 or Mnemonic.Fyl2x or Mnemonic.Fyl2xp1:
                FpuUlps = 1;

                // C1 tells the direction of the rounding, which goes with the last place; so does whether a result is just exact.
                const ushort C1AndPrecision = 0x220;
                FpuStatus |= C1AndPrecision;
                break;
        }
    }

    private void FindStores(in InstructionCase c, in Instruction instruction, bool completed)
    {
        if (!completed)
        {
            // Which of several stores are done before one faults is the processor's own affair.
            AllMemory = instruction.Mnemonic is Mnemonic.Pusha or Mnemonic.Pushad or Mnemonic.Enter or Mnemonic.Call
                or Mnemonic.Fnstenv or Mnemonic.Fnsave or Mnemonic.Fxsave;
        }

        if (instruction.Code is Code.Pushd_CS or Code.Pushd_DS or Code.Pushd_ES or Code.Pushd_FS or Code.Pushd_GS or Code.Pushd_SS)
        {
            // Recent processors of Intel write sixteen bits and leave the upper half of the slot as it was.
            _memory.Add((Addresses.StackTop(c) - 2, 2));
        }

        if (instruction.MemorySize is MemorySize.FpuEnv14 or MemorySize.FpuState94)
        {
            _memory.Add((Addresses.Linear(c, instruction) + 6, 8));
        }
        else if (instruction.MemorySize is MemorySize.FpuEnv28 or MemorySize.FpuState108)
        {
            // The pointers to the last instruction and operand: some processors keep them only after an exception. And reserved halves.
            uint start = Addresses.Linear(c, instruction);
            _memory.Add((start + 2, 2));
            _memory.Add((start + 6, 2));
            _memory.Add((start + 10, 18));
        }
        else if (instruction.Code == Code.Fxsave_m512byte)
        {
            // Opcode, pointers, MXCSR; the padding of the registers; what belongs to SSE, which the profile lacks.
            uint start = Addresses.Linear(c, instruction);
            _memory.Add((start + 5, 27));
            _memory.Add((start + 160, 352));
            for (uint register = 0; register < 8; register++)
            {
                _memory.Add((start + 32 + (16 * register) + FpuState.RegisterBytes, 6));
            }
        }
    }

    private void Destination(in InstructionCase c, in Instruction instruction, uint bits)
    {
        if (instruction.Op0Kind == OpKind.Register)
        {
            _registers[instruction.Op0Register.GetFullRegister32().GetNumber()] = bits;
        }
        else
        {
            _memory.Add((Addresses.Linear(c, instruction), OperandBits(instruction) / 8));
        }
    }

    private static bool IsZero(in InstructionCase c, in Instruction instruction)
    {
        uint mask = instruction.Op0Register.IsGPR16() ? 0xFFFFu : 0xFFFF_FFFF;
        if (instruction.Op1Kind == OpKind.Register)
        {
            return (c.Context[instruction.Op1Register.GetFullRegister32().GetNumber()] & mask) == 0;
        }

        return CaseMemory.TryRead(c, Addresses.Linear(c, instruction), instruction.Op0Register.GetSize(), out ulong value) && value == 0;
    }

    private static bool TryGetCount(in InstructionCase c, in Instruction instruction, out uint count)
    {
        bool shifts = instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror
            or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd;
        count = 0;
        if (shifts)
        {
            int last = instruction.OpCount - 1;
            count = (instruction.GetOpKind(last) == OpKind.Register ? c.Context.Ecx : (uint)instruction.GetImmediate(last)) & 31;
        }

        return shifts;
    }

    private static uint OperandBits(in Instruction instruction) =>
        8 * (uint)(instruction.Op0Kind == OpKind.Register ? instruction.Op0Register.GetSize() : instruction.MemorySize.GetSize());

    private static uint ByDecoder(RflagsBits bits) =>
        (bits.HasFlag(RflagsBits.CF) ? Carry : 0) | (bits.HasFlag(RflagsBits.PF) ? Parity : 0) | (bits.HasFlag(RflagsBits.AF) ? Adjust : 0)
        | (bits.HasFlag(RflagsBits.ZF) ? Zero : 0) | (bits.HasFlag(RflagsBits.SF) ? Sign : 0) | (bits.HasFlag(RflagsBits.OF) ? Overflow : 0);

    private static ushort FpuByDecoder(RflagsBits bits) => (ushort)(
        (bits.HasFlag(RflagsBits.C0) ? 0x100 : 0) | (bits.HasFlag(RflagsBits.C1) ? 0x200 : 0)
        | (bits.HasFlag(RflagsBits.C2) ? 0x400 : 0) | (bits.HasFlag(RflagsBits.C3) ? 0x4000 : 0));
}
