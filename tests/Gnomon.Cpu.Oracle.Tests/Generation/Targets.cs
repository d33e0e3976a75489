using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Decides how the host stops after an instruction that can go elsewhere than to the next one.</summary>
internal static class Targets
{
    private const uint JumpBytes = 5;

    /// <summary>The bytes around an instruction that are its own: where a landing pad may be put.</summary>
    public static (uint Start, uint Length) Slot(uint eip) => eip - AddressMap.Code < AddressMap.CodeBytes
        ? (eip & ~(AddressMap.SlotBytes - 1), AddressMap.SlotBytes)
        : (((eip - AddressMap.Edges) & ~(AddressMap.EdgePairBytes - 1)) + AddressMap.Edges + AddressMap.PageBytes - AddressMap.SlotBytes, 2 * AddressMap.SlotBytes);

    /// <summary>A target in the slot of the instruction, at most 127 bytes away.</summary>
    public static uint Near(ref SeededRandom random, uint eip) => random.Chance(50)
        ? eip + InstructionCase.MaxCodeBytes + JumpBytes + (uint)random.Below(80)
        : eip - 8 - (uint)random.Below(80);

    /// <summary>Prepares the case for a branch to <paramref name="target"/>: a landing pad, the trap flag, or nothing where nothing can be executed.</summary>
    public static void Prepare(ref InstructionCase c, uint target)
    {
        uint eip = c.Context.Eip;
        uint end = eip + (uint)c.CodeLength + JumpBytes;
        (uint start, uint length) = Slot(eip);
        if (target == eip + (uint)c.CodeLength)
        {
            return;
        }

        if (target - start <= length - JumpBytes && (target >= end || target + JumpBytes <= eip))
        {
            c.Landing = target;
        }
        else if (AddressMap.MeetsCode(target - InstructionCase.MaxCodeBytes, 2 * InstructionCase.MaxCodeBytes) || AddressMap.MeetsRunner(target, 1))
        {
            SingleStep(ref c);
        }
    }

    /// <summary>Lets the host stop by the trap flag.</summary>
    public static void SingleStep(ref InstructionCase c)
    {
        c.Flags |= CaseFlags.SingleStep;
        c.Landing = 0;
    }
}
