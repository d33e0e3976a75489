using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>
/// Instructions that read or write several elements of memory, and check things in between. In which order they do that, and so which of
/// several faults they report, the manuals leave to the processor: it may be that of the last element first, and AMD's far returns read
/// the outer stack before they look at the selector. FXSAVE and FXRSTOR report a wrong alignment as #AC or #GP (Intel SDM vol. 2).
/// </summary>
internal static class FaultOrder
{
    private const uint SegmentNotPresent = 11;
    private const uint PageFault = 14;
    private const uint AlignmentCheck = 17;

    /// <summary>True if both faults are such that the instruction may report either; page faults then lie in its operand.</summary>
    public static bool AllowsBoth(in InstructionCase c, in Instruction instruction, in ProcessorContext expected, in ProcessorContext got)
    {
        bool differ = expected.Trap is PageFault or AlignmentCheck || got.Trap is PageFault or AlignmentCheck;
        if (!differ || !IsOfMemory(expected.Trap) || !IsOfMemory(got.Trap) || !TryFindOperand(c, instruction, expected, out uint start, out uint length))
        {
            return false;
        }

        // CMPS reads two elements.
        bool compares = instruction.Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd;
        uint second = compares ? Addresses.SegmentBase(c, Register.ES) + (expected.Edi & MaskOf(instruction)) : start;

        // Where a 16-bit offset comes to its end in the middle of the operand some processors begin anew and some go on.
        uint mask = MaskOf(instruction) & (instruction.IsStackInstruction ? Addresses.StackMask(c) : uint.MaxValue);
        bool samePage = expected.Trap == got.Trap && expected.Cr2 / AddressMap.PageBytes == got.Cr2 / AddressMap.PageBytes;
        return IsInside(expected) && IsInside(got) && (!samePage || expected.ErrorCode == got.ErrorCode);

        bool IsInside(in ProcessorContext context) =>
            context.Trap != PageFault || ((context.Cr2 - start) & mask) < length || ((context.Cr2 - second) & mask) < length;
    }

    private static bool IsOfMemory(uint trap) => trap is (>= SegmentNotPresent and <= PageFault) or AlignmentCheck;

    private static bool TryFindOperand(in InstructionCase c, in Instruction instruction, in ProcessorContext at, out uint start, out uint length)
    {
        start = Addresses.StackTop(c);
        length = 0;
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Fnstenv or Mnemonic.Fldenv or Mnemonic.Fnsave or Mnemonic.Frstor or Mnemonic.Fxsave or Mnemonic.Fxrstor:
                start = Addresses.Linear(c, instruction);
                length = (uint)instruction.MemorySize.GetSize();
                break;
            case Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd:
                start = Addresses.SegmentBase(c, instruction.MemorySegment) + (at.Esi & MaskOf(instruction));
                length = (uint)instruction.MemorySize.GetSize();
                break;
            case Mnemonic.Popa or Mnemonic.Popad:
                length = 32;
                break;
            case Mnemonic.Retf:
                length = 16 + (instruction.OpCount == 0 ? 0u : instruction.Immediate16);
                break;
            case Mnemonic.Iret or Mnemonic.Iretd:
                length = 20;
                break;
        }

        return length > 0;
    }

    private static uint MaskOf(in Instruction instruction) => Addresses.Is16Bit(instruction) ? 0xFFFFu : uint.MaxValue;
}
