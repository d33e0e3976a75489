using Gnomon.Cpu.Instructions;
using Iced.Intel;

namespace Gnomon.Cpu.Execution;

/// <summary>Makes one op from one decoded instruction: what a row of the <see cref="InstructionTable"/> is given.</summary>
// SAFETY: Op points at room for one op in the block that is being built.
internal unsafe struct OpBuilder
{
    /// <summary>The instruction. Its IP is the distance from the block's start, so that a near branch's target is one too.</summary>
    public Instruction Instruction;

    /// <summary>The instruction's first byte, prefixes included.</summary>
    public byte* Bytes;

    /// <summary>The op to fill in; cleared, but for what every op has.</summary>
    public Op* Op;

    /// <summary>The mode that is decoded for.</summary>
    public BlockMode Mode;

    /// <summary>Whether the block ends with this instruction. Handlers that end with <see cref="Ops.Finish"/> or return another block's head must ask for it.</summary>
    public bool EndsBlock;

    /// <summary>The instruction form.</summary>
    public readonly Code Code => Instruction.Code;

    /// <summary>Whether the memory operand can go the flat way.</summary>
    public readonly bool IsFlat => (Mode & BlockMode.FlatData) != 0 && (Op->Flags & OpFlags.Address16) == 0
        && (Op->SegmentNumber is Segment.Ds or Segment.Ss or Segment.Es);

    /// <summary>Whether an operand is a register.</summary>
    public readonly bool IsRegister(int operand) => Instruction.GetOpKind(operand) == OpKind.Register;

    /// <summary>The byte offset in the state of a general register operand.</summary>
    public readonly byte Register(int operand) => RegisterOffset.Of(Instruction.GetOpRegister(operand));

    /// <summary>Fills in the memory operand: base, index, scale, displacement, segment, address size.</summary>
    public readonly void Memory()
    {
        Op->Base = RegisterOffset.OfBase(Instruction.MemoryBase);
        Op->Index = RegisterOffset.OfBase(Instruction.MemoryIndex);
        Op->Scale = Instruction.MemoryIndexScale switch { 2 => 1, 4 => 2, 8 => 3, _ => 0 };
        Op->Displacement = Instruction.MemoryDisplacement32;
        Op->SegmentNumber = (byte)(Instruction.MemorySegment - Iced.Intel.Register.ES);
        if (IsAddress16(in Instruction))
        {
            Op->Flags |= OpFlags.Address16;
        }
    }

    /// <summary>The immediate operand, sign-extended where the form says so.</summary>
    public readonly uint Immediate(int operand) => (uint)Instruction.GetImmediate(operand);

    /// <summary>Sets the handler.</summary>
    public readonly void Set(delegate*<CpuState*, Op*, Op*> handler) => Op->Run = handler;

    /// <summary>Fills in the memory operand and sets the handler of the path that it can go.</summary>
    /// <param name="flat">The handler over <see cref="Memory.Flat"/>.</param>
    /// <param name="segmented">The handler over <see cref="Memory.Segmented"/>.</param>
    public readonly void SetMemory(delegate*<CpuState*, Op*, Op*> flat, delegate*<CpuState*, Op*, Op*> segmented)
    {
        Memory();
        Op->Run = IsFlat ? flat : segmented;
    }

    /// <summary>Sets a handler that ends the block.</summary>
    public void SetLast(delegate*<CpuState*, Op*, Op*> handler)
    {
        Op->Run = handler;
        EndsBlock = true;
    }

    /// <summary>Whether a byte is a prefix (Intel SDM vol. 2, 2.1.1).</summary>
    public static bool IsPrefix(byte value) => value is 0x26 or 0x2E or 0x36 or 0x3E or (>= 0x64 and <= 0x67) or 0xF0 or 0xF2 or 0xF3;

    /// <summary>The first byte that is no prefix.</summary>
    public readonly byte* Opcode()
    {
        byte* at = Bytes;
        while (IsPrefix(*at))
        {
            at++;
        }

        return at;
    }

    /// <summary>Whether the memory operand has 16-bit addressing.</summary>
    private static bool IsAddress16(in Instruction instruction) => instruction.MemoryBase is >= Iced.Intel.Register.AX and <= Iced.Intel.Register.DI
        || instruction.MemoryIndex is >= Iced.Intel.Register.AX and <= Iced.Intel.Register.DI
        || (instruction.MemoryBase == Iced.Intel.Register.None && instruction.MemoryIndex == Iced.Intel.Register.None && instruction.MemoryDisplSize == 2);
}

/// <summary>Where registers lie in the state.</summary>
// SAFETY: no memory is touched.
internal static unsafe class RegisterOffset
{
    private const byte Zero = 32;

    /// <summary>The offset of a general register of any size.</summary>
    public static byte Of(Register register) => register switch
    {
        >= Register.EAX and <= Register.EDI => (byte)((register - Register.EAX) * 4),
        >= Register.AX and <= Register.DI => (byte)((register - Register.AX) * 4),
        >= Register.AL and <= Register.BL => (byte)((register - Register.AL) * 4),
        >= Register.AH and <= Register.BH => (byte)(((register - Register.AH) * 4) + 1),
        _ => throw new ArgumentOutOfRangeException(nameof(register), register, "Not a general register."),
    };

    /// <summary>The offset of a base or index register; that of the zero where there is none.</summary>
    public static byte OfBase(Register register) => register == Register.None ? Zero : Of(register);
}
