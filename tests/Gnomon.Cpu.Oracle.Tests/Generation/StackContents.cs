using System.Buffers.Binary;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Puts what an instruction will take for an address, a selector or flags into the memory that it reads.</summary>
internal static class StackContents
{
    private const uint TrapFlag = 1 << 8;
    private const uint NestedTask = 1 << 14;

    /// <summary>Writes return addresses, selectors and flag images where <paramref name="code"/> will pop them.</summary>
    public static void Write(ref InstructionCase c, Code code, ref SeededRandom random)
    {
        Span<byte> data = stackalloc byte[InstructionCase.PatchBytes];
        random.Fill(data);
        uint target = random.Chance(85) ? Targets.Near(ref random, c.Context.Eip) : Values.Integer(ref random);
        ushort selector = random.Chance(60) ? AddressMap.FlatCode : Values.Selector(ref random);
        switch (code)
        {
            case Code.Retnd or Code.Retnd_imm16 or Code.Retnw or Code.Retnw_imm16:
                BinaryPrimitives.WriteUInt32LittleEndian(data, target);
                break;
            case Code.Retfd or Code.Retfd_imm16 or Code.Iretd:
                BinaryPrimitives.WriteUInt32LittleEndian(data, target);
                BinaryPrimitives.WriteUInt16LittleEndian(data[4..], selector);
                BinaryPrimitives.WriteUInt32LittleEndian(data[8..], Flags(ref random));
                break;
            case Code.Retfw or Code.Retfw_imm16 or Code.Iretw:
                BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)target);
                BinaryPrimitives.WriteUInt16LittleEndian(data[2..], selector);
                BinaryPrimitives.WriteUInt16LittleEndian(data[4..], (ushort)Flags(ref random));
                break;
            case Code.Popfd or Code.Popfw:
                BinaryPrimitives.WriteUInt32LittleEndian(data, Flags(ref random));
                break;
            default:
                if (NotCompared.Segments(code))
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(data, Values.Selector(ref random));
                }

                break;
        }

        Put(ref c, Addresses.StackTop(c), data);
    }

    /// <summary>Writes sixteen bytes, if all of them can be written.</summary>
    public static void Put(ref InstructionCase c, uint address, ReadOnlySpan<byte> data)
    {
        if (AddressMap.IsWritable(address, InstructionCase.PatchBytes) && c.PatchCount < InstructionCase.MaxPatches)
        {
            c.AddPatch(address, data);
        }
    }

    private static uint Flags(ref SeededRandom random) => random.Next32() & ~(TrapFlag | NestedTask);
}
