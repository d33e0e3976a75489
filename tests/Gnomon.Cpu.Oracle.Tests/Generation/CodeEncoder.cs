using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>
/// Makes encodings of an instruction at random: all forms of ModRM and SIB, prefixes that matter and prefixes that do not. The bytes are
/// put together from the opcode's description and decoded again; what comes out as another instruction is thrown away.
/// </summary>
internal static class CodeEncoder
{
    private const int MaxInstructionBytes = 15;
    private const int Attempts = 400;

    private static readonly byte[] _segments = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65];

    /// <summary>Makes an encoding of <paramref name="code"/>; false if none was found.</summary>
    /// <param name="decoder">What decodes the bytes again.</param>
    /// <param name="code">The instruction.</param>
    /// <param name="random">Where choices come from.</param>
    /// <param name="eip">Its address.</param>
    /// <param name="bytes">Where the encoding goes: at least 32 bytes, of which the first <c>instruction.Length</c> count.</param>
    /// <param name="instruction">The encoding, decoded.</param>
    public static bool TryEncode(InstructionDecoder decoder, Code code, ref SeededRandom random, uint eip, Span<byte> bytes, out Instruction instruction)
    {
        OpCodeInfo info = code.ToOpCode();
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            int at = WritePrefixes(info, ref random, bytes, plain: attempt > Attempts / 2);
            at = WriteOpcode(info, ref random, bytes, at);
            random.Fill(bytes[at..]);
            instruction = decoder.Loosely(bytes, eip);
            if (instruction.Code == code || IsNopAlias(decoder, code, instruction.Code, bytes, eip))
            {
                return true;
            }
        }

        instruction = default;
        return false;
    }

    /// <summary>Puts redundant prefixes before an instruction until it has <paramref name="length"/> bytes: over 15 it cannot be executed.</summary>
    public static void Lengthen(Span<byte> bytes, int from, int length)
    {
        const byte DataSegment = 0x3E;
        bytes[..from].CopyTo(bytes[(length - from)..]);
        bytes[..(length - from)].Fill(DataSegment);
    }

    /// <summary>The decoder calls NOP with an operand a reserved NOP when it is told to know those.</summary>
    private static bool IsNopAlias(InstructionDecoder decoder, Code wanted, Code decoded, ReadOnlySpan<byte> bytes, uint eip) =>
        decoded is Code.Reservednop_rm16_r16_0F1F or Code.Reservednop_rm32_r32_0F1F && decoder.Plainly(bytes, eip).Code == wanted;

    private static int WritePrefixes(OpCodeInfo info, ref SeededRandom random, Span<byte> bytes, bool plain)
    {
        int at = 0;
        bool isString = info.Code.IsStringInstruction();
        bool free = !plain && info.MandatoryPrefix == MandatoryPrefix.None;
        bool addressSize = info.AddressSize == 16 || (info.AddressSize == 0 && !plain && random.Chance(15));
        bool operandSize = info.OperandSize == 16 || (info.OperandSize == 0 && free && random.Chance(5));
        if (!plain && random.Chance(12))
        {
            bytes[at++] = random.Pick<byte>(_segments);
        }

        if (addressSize)
        {
            bytes[at++] = 0x67;
        }

        if (operandSize)
        {
            bytes[at++] = 0x66;
        }

        if (!plain && random.Chance(4))
        {
            bytes[at++] = at > 1 ? bytes[random.Below(at - 1)] : random.Pick<byte>(_segments);
        }

        bool knowsLock = info.CanUseLockPrefix;
        bool movesControl = info.Code is Code.Mov_r32_cr or Code.Mov_cr_r32;
        if (!plain && !movesControl && random.Chance(knowsLock ? 25 : 2))
        {
            bytes[at++] = 0xF0;
        }

        if (info.MandatoryPrefix is MandatoryPrefix.PF3 or MandatoryPrefix.PF2)
        {
            bytes[at++] = info.MandatoryPrefix == MandatoryPrefix.PF3 ? (byte)0xF3 : (byte)0xF2;
        }
        else if (free && random.Chance(isString ? 70 : 3))
        {
            bytes[at++] = random.Chance(60) ? (byte)0xF3 : (byte)0xF2;
        }

        return at;
    }

    private static int WriteOpcode(OpCodeInfo info, ref SeededRandom random, Span<byte> bytes, int at)
    {
        if (info.Table == OpCodeTableKind.T0F)
        {
            bytes[at++] = 0x0F;
        }

        if (info.OpCodeLength == 2)
        {
            bytes[at++] = (byte)(info.OpCode >> 8);
        }

        bytes[at] = (byte)info.OpCode;
        for (int operand = 0; operand < info.OpCount; operand++)
        {
            if (info.GetOpKind(operand) is OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode
                or OpCodeOperandKind.sti_opcode)
            {
                bytes[at] |= (byte)random.Below(8);
            }
        }

        at++;
        int modRm = random.Below(256);
        if (info.GroupIndex >= 0)
        {
            modRm = (modRm & ~0x38) | (info.GroupIndex << 3);
        }

        if (info.RmGroupIndex >= 0)
        {
            modRm = (modRm & ~7) | info.RmGroupIndex | 0xC0;
        }

        if (HasModRm(info))
        {
            bytes[at++] = (byte)modRm;
        }

        return at;
    }

    private static bool HasModRm(OpCodeInfo info)
    {
        if (info.GroupIndex >= 0 || info.RmGroupIndex >= 0)
        {
            return true;
        }

        for (int operand = 0; operand < info.OpCount; operand++)
        {
            if (info.GetOpKind(operand) is OpCodeOperandKind.mem or OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem
                or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r32_reg
                or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r32_rm or OpCodeOperandKind.seg_reg or OpCodeOperandKind.cr_reg
                or OpCodeOperandKind.dr_reg or OpCodeOperandKind.r16_reg_mem or OpCodeOperandKind.r32_reg_mem)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>True for instructions that may get further segment prefixes: what they do does not depend on where their end is.</summary>
    public static bool MayBeLong(Code code) => code.FlowControl() == FlowControl.Next;

    /// <summary>The longest instruction that a processor executes, in bytes.</summary>
    public static int LongestInstruction => MaxInstructionBytes;
}
