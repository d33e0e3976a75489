using System.Buffers.Binary;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Chooses where memory operands lie, and gives registers and displacements the values that lead there.</summary>
internal static class Addresses
{
    /// <summary>A linear address for an operand: mostly in writable memory, often across a boundary, sometimes where there is nothing.</summary>
    public static uint Choose(ref SeededRandom random, uint window, int size)
    {
        const int Page = (int)AddressMap.PageBytes;
        int offset = random.Below(100) switch
        {
            < 52 => random.Below((int)AddressMap.WritableBytes - 512) / 16 * 16,
            < 68 => random.Below((int)AddressMap.WritableBytes - size),
            < 76 => Page - random.Below(size + 1),
            < 82 => (2 * Page) - random.Below(size + 1),
            < 85 => (2 * Page) + random.Below(Page - size),
            < 89 => (3 * Page) - random.Below(size + 1),
            < 93 => -random.Below(size + 1),
            < 95 => (int)AddressMap.WindowBytes + random.Below(0x1_0000),
            < 96 => random.Below(Page) | -Page,
            _ => random.Below((int)AddressMap.WritableBytes - size) / 4 * 4,
        };
        return window + (uint)offset;
    }

    /// <summary>The base of the segment that a register names in every case.</summary>
    public static uint SegmentBase(in InstructionCase c, Register segment)
    {
        uint selector = segment switch
        {
            Register.FS => c.Context.Fs,
            Register.GS => c.Context.Gs,
            Register.ES => c.Context.Es,
            Register.DS => c.Context.Ds,
            Register.SS => c.Context.Ss,
            _ => 0,
        };
        int index = (int)(selector >> 3);
        return (selector & 4) != 0 && index < LocalDescriptors.All.Length ? LocalDescriptors.All[index].Base : 0;
    }

    /// <summary>The linear address of the top of the stack; a stack segment with a clear B bit uses SP alone.</summary>
    public static uint StackTop(in InstructionCase c) =>
        SegmentBase(c, Register.SS) + (c.Context.Esp & StackMask(c));

    /// <summary>The bits of ESP that address the stack.</summary>
    public static uint StackMask(in InstructionCase c)
    {
        int index = (int)(c.Context.Ss >> 3);
        return (c.Context.Ss & 4) != 0 && !LocalDescriptors.All[index].Is32Bit ? 0xFFFFu : 0xFFFF_FFFF;
    }

    /// <summary>Makes the operand of ModRM point to <paramref name="target"/>, as far as its form allows.</summary>
    public static void Steer(ref InstructionCase c, in Instruction instruction, InstructionDecoder decoder, Span<byte> bytes, uint target)
    {
        bool is16 = Is16Bit(instruction);
        uint mask = is16 ? 0xFFFFu : 0xFFFF_FFFF;
        uint wanted = target - SegmentBase(c, instruction.MemorySegment);
        uint displacement = instruction.MemoryDisplacement32;
        Register basis = instruction.MemoryBase, index = instruction.MemoryIndex;
        if (instruction.Code == Code.Xlat_m8)
        {
            SetAddressRegister(ref c, basis, wanted - (c.Context.Eax & 0xFF), mask);
        }
        else if (basis == Register.None && index == Register.None)
        {
            ConstantOffsets constants = decoder.Constants(bytes, c.Context.Eip);
            Span<byte> at = bytes.Slice(constants.DisplacementOffset, constants.DisplacementSize);
            if (at.Length == 4)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(at, wanted);
            }
            else if (at.Length == 2)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)wanted);
            }
        }
        else if (index == Register.None)
        {
            SetAddressRegister(ref c, basis, wanted - displacement, mask);
        }
        else
        {
            uint scale = (uint)instruction.MemoryIndexScale;
            uint rest = wanted - displacement;
            if (basis == Register.None)
            {
                SetAddressRegister(ref c, index, rest / scale, mask);
            }
            else if (basis == index)
            {
                SetAddressRegister(ref c, index, scale == 1 ? rest / 2 : rest * OddInverse(scale + 1), mask);
            }
            else
            {
                SetAddressRegister(ref c, basis, rest - (AddressRegister(c, index) * scale), mask);
            }
        }
    }

    /// <summary>True for an operand with a 16-bit address.</summary>
    public static bool Is16Bit(in Instruction instruction)
    {
        for (int operand = 0; operand < instruction.OpCount; operand++)
        {
            switch (instruction.GetOpKind(operand))
            {
                case OpKind.Memory:
                    return instruction.MemoryBase.IsGPR16() || instruction.MemoryIndex.IsGPR16() || instruction.MemoryDisplSize == 2;
                case OpKind.MemorySegSI or OpKind.MemoryESDI or OpKind.MemorySegDI:
                    return true;
            }
        }

        return false;
    }

    /// <summary>The effective address of the operand of ModRM, without the segment's base.</summary>
    public static uint Effective(in InstructionCase c, in Instruction instruction)
    {
        uint address = instruction.MemoryDisplacement32;
        if (instruction.MemoryBase != Register.None)
        {
            address += AddressRegister(c, instruction.MemoryBase);
        }

        if (instruction.MemoryIndex != Register.None)
        {
            address += instruction.MemoryIndex == Register.AL
                ? c.Context.Eax & 0xFF
                : AddressRegister(c, instruction.MemoryIndex) * (uint)instruction.MemoryIndexScale;
        }

        return Is16Bit(instruction) ? address & 0xFFFF : address;
    }

    /// <summary>The linear address of the operand of ModRM.</summary>
    public static uint Linear(in InstructionCase c, in Instruction instruction) =>
        SegmentBase(c, instruction.MemorySegment) + Effective(c, instruction);

    private static uint AddressRegister(in InstructionCase c, Register register) =>
        c.Context[register.GetFullRegister32().GetNumber()] & (register.IsGPR16() ? 0xFFFF : 0xFFFF_FFFF);

    private static void SetAddressRegister(ref InstructionCase c, Register register, uint value, uint mask)
    {
        // A 16-bit address must not depend on the upper half.
        int number = register.GetFullRegister32().GetNumber();
        c.Context[number] = (c.Context[number] & ~mask) | (value & mask);
    }

    /// <summary>The inverse of 3, 5 or 9 modulo 2^32.</summary>
    private static uint OddInverse(uint value) => value switch
    {
        3 => 0xAAAA_AAAB,
        5 => 0xCCCC_CCCD,
        9 => 0x38E3_8E39,
        _ => throw new ArgumentOutOfRangeException(nameof(value)),
    };
}
