using System.Buffers.Binary;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Gives immediates their values in an encoding.</summary>
internal static class Immediates
{
    public static void Choose(InstructionDecoder decoder, in Instruction instruction, Span<byte> bytes, ref SeededRandom random, uint eip)
    {
        ConstantOffsets constants = decoder.Constants(bytes, eip);
        if (constants.HasImmediate)
        {
            Write(bytes.Slice(constants.ImmediateOffset, constants.ImmediateSize), First(instruction, ref random, eip, constants.ImmediateSize));
        }

        if (constants.HasImmediate2)
        {
            uint second = NotCompared.IsFar(instruction.Code)
                ? random.Chance(50) ? AddressMap.FlatCode : Values.Selector(ref random)
                : random.Next32();
            Write(bytes.Slice(constants.ImmediateOffset2, constants.ImmediateSize2), second);
        }
    }

    private static uint First(in Instruction instruction, ref SeededRandom random, uint eip, int size)
    {
        bool branches = instruction.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32;
        if (branches && size == 4 && random.Chance(85))
        {
            return Targets.Near(ref random, eip) - (eip + (uint)instruction.Length);
        }

        if (NotCompared.IsFar(instruction.Code) && random.Chance(80))
        {
            return Targets.Near(ref random, eip);
        }

        return instruction.Code switch
        {
            // INT 80h would be a system call; 3 and 4 are the only others that a user may raise.
            Code.Int_imm8 => random.Chance(50) ? 3u + (uint)random.Below(2) : random.Next32() & 0x7F,
            Code.Enterd_imm16_imm8 or Code.Enterw_imm16_imm8 or Code.Retnd_imm16 or Code.Retnw_imm16 or Code.Retfd_imm16 or Code.Retfw_imm16 =>
                random.Chance(80) ? (uint)random.Below(64) : random.Next32(),
            _ => random.Chance(50) || branches ? random.Next32() : Values.Integer(ref random),
        };
    }

    private static void Write(Span<byte> at, uint value)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(word, value);
        word[..at.Length].CopyTo(at);
    }
}
