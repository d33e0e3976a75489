using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Refuses cases that would harm the runner, call the host's kernel, or depend on what only the host has.</summary>
internal sealed class CaseSafety
{
    private const uint Reach = 1024;

    private readonly InstructionInfoFactory _information = new();

    public bool IsSafe(in InstructionCase c, in Instruction instruction)
    {
        if (instruction.Code != Code.INVALID && !Profile.IsCompared(instruction.Code))
        {
            return false;
        }

        if (instruction.Code == Code.Int_imm8 && instruction.Immediate8 >= 0x80)
        {
            return false;
        }

        return !HostHabits.Decide(c, instruction) && AccessesAreSafe(c, instruction) && SelectorsAreKnown(c, instruction) && DoesNotTrap(c, instruction.Code);
    }

    /// <summary>The trap flag of a popped image would be taken for the one that stops the host.</summary>
    private static bool DoesNotTrap(in InstructionCase c, Code code)
    {
        const ulong TrapFlag = 0x100;
        uint offset = code switch
        {
            Code.Iretd => 8,
            Code.Iretw => 4,
            _ => 0,
        };
        return offset == 0 || !CaseMemory.TryRead(c, c.Context.Esp + offset, 2, out ulong flags) || (flags & TrapFlag) == 0;
    }

    private bool AccessesAreSafe(in InstructionCase c, in Instruction instruction)
    {
        InstructionInfo info = _information.GetInfo(instruction);
        foreach (UsedMemory memory in info.GetUsedMemory())
        {
            uint offset = (uint)memory.Displacement + Value(c, memory.Base) + (Value(c, memory.Index) * (uint)memory.Scale);
            uint mask = memory.AddressSize == CodeSize.Code16 ? 0xFFFFu : memory.Base == Register.ESP ? Addresses.StackMask(c) : 0xFFFF_FFFF;
            uint address = Addresses.SegmentBase(c, memory.Segment) + (offset & mask);
            if (!IsSafe(address))
            {
                return false;
            }
        }

        bool bits = instruction.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc;
        if (bits && instruction.Op0Kind == OpKind.Memory && instruction.Op1Kind == OpKind.Register)
        {
            uint number = c.Context[instruction.Op1Register.GetFullRegister32().GetNumber()];
            int offset = instruction.Op1Register.IsGPR16() ? (short)number >> 3 : (int)number >> 3;
            return IsSafe(Addresses.SegmentBase(c, instruction.MemorySegment)
                + ((Addresses.Effective(c, instruction) + (uint)offset) & (Addresses.Is16Bit(instruction) ? 0xFFFFu : 0xFFFF_FFFF)));
        }

        return IsSafe(Addresses.StackTop(c)) && (instruction.Mnemonic is not (Mnemonic.Enter or Mnemonic.Leave) || IsSafe(c.Context.Ebp));
    }

    private static bool IsSafe(uint address) =>
        !AddressMap.MeetsRunner(address, Reach) && !AddressMap.MeetsCode(address - Reach, 2 * Reach);

    private static uint Value(in InstructionCase c, Register register) => register switch
    {
        Register.None => 0,
        Register.AL => c.Context.Eax & 0xFF,
        _ when register.IsGPR32() => c.Context[register.GetNumber()],
        _ when register.IsGPR16() => c.Context[register.GetFullRegister32().GetNumber()] & 0xFFFF,
        _ => 0,
    };

    /// <summary>The host's GDT has descriptors that a case must not meet: of 64-bit code, and of things that only the kernel knows.</summary>
    private static bool SelectorsAreKnown(in InstructionCase c, in Instruction instruction)
    {
        Code code = instruction.Code;
        int offset = code switch
        {
            Code.Retfd or Code.Retfd_imm16 or Code.Iretd or Code.Call_m1632 or Code.Jmp_m1632
                or Code.Les_r32_m1632 or Code.Lds_r32_m1632 or Code.Lss_r32_m1632 or Code.Lfs_r32_m1632 or Code.Lgs_r32_m1632 => 4,
            Code.Retfw or Code.Retfw_imm16 or Code.Iretw or Code.Call_m1616 or Code.Jmp_m1616
                or Code.Les_r16_m1616 or Code.Lds_r16_m1616 or Code.Lss_r16_m1616 or Code.Lfs_r16_m1616 or Code.Lgs_r16_m1616 => 2,
            _ => 0,
        };
        if (code is Code.Call_ptr1616 or Code.Call_ptr1632 or Code.Jmp_ptr1616 or Code.Jmp_ptr1632)
        {
            return Values.IsKnownSelector(instruction.FarBranchSelector);
        }

        if (code is Code.Verr_rm16 or Code.Verr_r32m16 or Code.Verw_rm16 or Code.Verw_r32m16)
        {
            return IsKnownOperand(c, instruction, 0);
        }

        if (code is Code.Lar_r16_rm16 or Code.Lar_r32_r32m16 or Code.Lsl_r16_rm16 or Code.Lsl_r32_r32m16 or Code.Mov_Sreg_rm16 or Code.Mov_Sreg_r32m16)
        {
            return IsKnownOperand(c, instruction, 1);
        }

        if (offset == 0 && !NotCompared.Segments(code))
        {
            return true;
        }

        bool onStack = instruction.IsStackInstruction && !HasMemory(instruction);
        uint address = (onStack ? Addresses.StackTop(c) : Addresses.Linear(c, instruction)) + (uint)offset;
        return !CaseMemory.TryRead(c, address, 2, out ulong selector) || Values.IsKnownSelector((ushort)selector);
    }

    private static bool HasMemory(in Instruction instruction) => instruction.OpCount > 0
        && (instruction.Op0Kind == OpKind.Memory || (instruction.OpCount > 1 && instruction.Op1Kind == OpKind.Memory));

    private static bool IsKnownOperand(in InstructionCase c, in Instruction instruction, int operand) => instruction.GetOpKind(operand) == OpKind.Register
        ? Values.IsKnownSelector((ushort)c.Context[instruction.GetOpRegister(operand).GetFullRegister32().GetNumber()])
        : !CaseMemory.TryRead(c, Addresses.Linear(c, instruction), 2, out ulong selector) || Values.IsKnownSelector((ushort)selector);
}
