using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Finds where an indirect near transfer will go.</summary>
internal static class CaseTarget
{
    /// <summary>The target, unless the instruction is none of these or its pointer lies where nothing is.</summary>
    public static bool TryFind(in InstructionCase c, in Instruction instruction, out uint target)
    {
        target = 0;
        int size = instruction.Code switch
        {
            Code.Jmp_rm32 or Code.Call_rm32 or Code.Retnd or Code.Retnd_imm16 => 4,
            Code.Jmp_rm16 or Code.Call_rm16 or Code.Retnw or Code.Retnw_imm16 => 2,
            _ => 0,
        };
        if (size == 0)
        {
            return false;
        }

        if (instruction.OpCount > 0 && instruction.Op0Kind == OpKind.Register)
        {
            target = c.Context[instruction.Op0Register.GetFullRegister32().GetNumber()] & (size == 2 ? 0xFFFF : 0xFFFF_FFFF);
            return true;
        }

        uint address = instruction.OpCount > 0 && instruction.Op0Kind == OpKind.Memory ? Addresses.Linear(c, instruction) : c.Context.Esp;
        bool found = CaseMemory.TryRead(c, address, size, out ulong value);
        target = (uint)value;
        return found;
    }
}
