using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>SETcc and CMOVcc. CMOVcc reads its memory operand whether the condition holds or not.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Conditionals
{
    public static void Register(InstructionTable table)
    {
        Condition<IfOverflow>(table, Code.Seto_rm8, Code.Setno_rm8, Code.Cmovo_r16_rm16, Code.Cmovno_r16_rm16);
        Condition<IfBelow>(table, Code.Setb_rm8, Code.Setae_rm8, Code.Cmovb_r16_rm16, Code.Cmovae_r16_rm16);
        Condition<IfEqual>(table, Code.Sete_rm8, Code.Setne_rm8, Code.Cmove_r16_rm16, Code.Cmovne_r16_rm16);
        Condition<IfBelowOrEqual>(table, Code.Setbe_rm8, Code.Seta_rm8, Code.Cmovbe_r16_rm16, Code.Cmova_r16_rm16);
        Condition<IfSign>(table, Code.Sets_rm8, Code.Setns_rm8, Code.Cmovs_r16_rm16, Code.Cmovns_r16_rm16);
        Condition<IfParity>(table, Code.Setp_rm8, Code.Setnp_rm8, Code.Cmovp_r16_rm16, Code.Cmovnp_r16_rm16);
        Condition<IfLess>(table, Code.Setl_rm8, Code.Setge_rm8, Code.Cmovl_r16_rm16, Code.Cmovge_r16_rm16);
        Condition<IfLessOrEqual>(table, Code.Setle_rm8, Code.Setg_rm8, Code.Cmovle_r16_rm16, Code.Cmovg_r16_rm16);
    }

    private static void Condition<TCondition>(InstructionTable table, Code set, Code setUnless, Code move, Code moveUnless)
        where TCondition : struct, ICondition
    {
        table.Add(set, &MakeSet<TCondition>);
        table.Add(setUnless, &MakeSet<Unless<TCondition>>);
        table.Add(move, &MakeMove<TCondition, Size16>);
        table.Add(move + 1, &MakeMove<TCondition, Size32>);
        table.Add(moveUnless, &MakeMove<Unless<TCondition>, Size16>);
        table.Add(moveUnless + 1, &MakeMove<Unless<TCondition>, Size32>);
    }

    private static void MakeSet<TCondition>(ref OpBuilder b)
        where TCondition : struct, ICondition
    {
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&SetRegister<TCondition>);
        }
        else
        {
            b.SetMemory(&SetMemory<TCondition, Flat>, &SetMemory<TCondition, Segmented>);
        }
    }

    private static void MakeMove<TCondition, TSize>(ref OpBuilder b)
        where TCondition : struct, ICondition
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&MoveRegister<TCondition, TSize>);
        }
        else
        {
            b.SetMemory(&MoveMemory<TCondition, TSize, Flat>, &MoveMemory<TCondition, TSize, Segmented>);
        }
    }

    private static Op* SetRegister<TCondition>(CpuState* c, Op* o)
        where TCondition : struct, ICondition
    {
        *((byte*)c + o->Destination) = TCondition.Holds(c) ? (byte)1 : (byte)0;
        return Ops.Next(c, o);
    }

    private static Op* SetMemory<TCondition, TPath>(CpuState* c, Op* o)
        where TCondition : struct, ICondition
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Write<Size8>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &SetMemory<TCondition, Slow>);
        }

        *place = TCondition.Holds(c) ? (byte)1 : (byte)0;
        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* MoveRegister<TCondition, TSize>(CpuState* c, Op* o)
        where TCondition : struct, ICondition
        where TSize : struct, IOperandSize
    {
        if (TCondition.Holds(c))
        {
            TSize.Store((byte*)c + o->Destination, TSize.Load((byte*)c + o->Source));
        }

        return Ops.Next(c, o);
    }

    private static Op* MoveMemory<TCondition, TSize, TPath>(CpuState* c, Op* o)
        where TCondition : struct, ICondition
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &MoveMemory<TCondition, TSize, Slow>);
        }

        if (TCondition.Holds(c))
        {
            TSize.Store((byte*)c + o->Destination, TSize.Load(place));
        }

        return Ops.Next(c, o);
    }
}
