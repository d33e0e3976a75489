using System.Buffers.Binary;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Fills the memory operand of an instruction with values of its type.</summary>
internal static class MemoryContents
{
    /// <summary>Writes what lies at <paramref name="address"/>, the linear address of the operand.</summary>
    public static void Write(ref InstructionCase c, in Instruction instruction, ref SeededRandom random, uint address)
    {
        Span<byte> data = stackalloc byte[InstructionCase.PatchBytes];
        random.Fill(data);
        for (int i = 0; i < data.Length; i += 4)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data[i..], Values.Integer(ref random));
        }

        switch (instruction.Code)
        {
            case Code.Jmp_rm32 or Code.Call_rm32 or Code.Jmp_rm16 or Code.Call_rm16:
                BinaryPrimitives.WriteUInt32LittleEndian(data, random.Chance(80) ? Targets.Near(ref random, c.Context.Eip) : Values.Integer(ref random));
                break;
            case Code.Cmpxchg8b_m64 when random.Chance(60):
                BinaryPrimitives.WriteUInt32LittleEndian(data, c.Context.Eax);
                BinaryPrimitives.WriteUInt32LittleEndian(data[4..], c.Context.Edx);
                break;
            case Code.Cmpxchg_rm8_r8 or Code.Cmpxchg_rm16_r16 or Code.Cmpxchg_rm32_r32 when random.Chance(60):
                BinaryPrimitives.WriteUInt32LittleEndian(data, c.Context.Eax);
                break;
            case Code.Bound_r16_m1616 or Code.Bound_r32_m3232 when random.Chance(70):
                WriteBounds(c, instruction, ref random, data);
                break;
            case Code.Fxrstor_m512byte:
                WriteFpuEnvironment(ref random, data);
                Span<byte> mxcsr = stackalloc byte[InstructionCase.PatchBytes];
                BinaryPrimitives.WriteUInt32LittleEndian(mxcsr[8..], 0x1F80);
                StackContents.Put(ref c, address + 16, mxcsr);
                break;
            default:
                WriteByType(c, instruction, ref random, data);
                break;
        }

        StackContents.Put(ref c, address, data);
    }

    private static void WriteByType(in InstructionCase c, in Instruction instruction, ref SeededRandom random, Span<byte> data)
    {
        switch (instruction.MemorySize)
        {
            case MemorySize.Float32:
                BinaryPrimitives.WriteUInt32LittleEndian(data, Values.Single(ref random));
                break;
            case MemorySize.Float64:
                BinaryPrimitives.WriteUInt64LittleEndian(data, Values.Double(ref random));
                break;
            case MemorySize.Float80:
                Values.Extended(ref random, data);
                break;
            case MemorySize.Bcd:
                Values.Decimal(ref random, data);
                break;
            case MemorySize.SegPtr16:
                BinaryPrimitives.WriteUInt16LittleEndian(data[2..], FarSelector(instruction.Code, ref random));
                break;
            case MemorySize.SegPtr32:
                BinaryPrimitives.WriteUInt32LittleEndian(data, random.Chance(80) ? Targets.Near(ref random, c.Context.Eip) : Values.Integer(ref random));
                BinaryPrimitives.WriteUInt16LittleEndian(data[4..], FarSelector(instruction.Code, ref random));
                break;
            case MemorySize.FpuEnv14 or MemorySize.FpuEnv28 or MemorySize.FpuState94 or MemorySize.FpuState108:
                int step = instruction.MemorySize is MemorySize.FpuEnv14 or MemorySize.FpuState94 ? 2 : 4;
                BinaryPrimitives.WriteUInt16LittleEndian(data, FpuContents.ControlWord(ref random));
                BinaryPrimitives.WriteUInt16LittleEndian(data[step..], (ushort)(random.Next32() & 0x7F7F));
                break;
            default:
                if (NotCompared.Segments(instruction.Code) || instruction.Code is Code.Verr_rm16 or Code.Verr_r32m16 or Code.Verw_rm16 or Code.Verw_r32m16
                    or Code.Lar_r16_rm16 or Code.Lar_r32_r32m16 or Code.Lsl_r16_rm16 or Code.Lsl_r32_r32m16)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(data, Values.Selector(ref random));
                }
                else if (instruction.Code == Code.Fldcw_m2byte)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(data, FpuContents.ControlWord(ref random));
                }

                break;
        }
    }

    private static ushort FarSelector(Code code, ref SeededRandom random) =>
        NotCompared.IsFar(code) && random.Chance(60) ? AddressMap.FlatCode : Values.Selector(ref random);

    private static void WriteFpuEnvironment(ref SeededRandom random, Span<byte> data)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(data, FpuContents.ControlWord(ref random));
        BinaryPrimitives.WriteUInt16LittleEndian(data[2..], (ushort)(random.Next32() & 0x7F7F));
    }

    private static void WriteBounds(in InstructionCase c, in Instruction instruction, ref SeededRandom random, Span<byte> data)
    {
        uint index = c.Context[instruction.Op0Register.GetFullRegister32().GetNumber()];
        uint low = index - (uint)random.Below(3), high = index + (uint)random.Below(3);
        if (instruction.Code == Code.Bound_r16_m1616)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)low);
            BinaryPrimitives.WriteUInt16LittleEndian(data[2..], (ushort)high);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data, low);
            BinaryPrimitives.WriteUInt32LittleEndian(data[4..], high);
        }
    }
}
