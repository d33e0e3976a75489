using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>Near transfers: Jcc JMP CALL RET LOOP JCXZ. An op's immediate is the distance from its block's start to the target, its
/// displacement that to the next instruction.</summary>
// SAFETY: handlers get the state and the op of a live Processor; each closes its block, so links lie behind it.
internal static unsafe class Branches
{
    public static void Register(InstructionTable table)
    {
        Condition<IfOverflow>(table, Code.Jo_rel8_16, Code.Jo_rel16, Code.Jno_rel8_16, Code.Jno_rel16);
        Condition<IfBelow>(table, Code.Jb_rel8_16, Code.Jb_rel16, Code.Jae_rel8_16, Code.Jae_rel16);
        Condition<IfEqual>(table, Code.Je_rel8_16, Code.Je_rel16, Code.Jne_rel8_16, Code.Jne_rel16);
        Condition<IfBelowOrEqual>(table, Code.Jbe_rel8_16, Code.Jbe_rel16, Code.Ja_rel8_16, Code.Ja_rel16);
        Condition<IfSign>(table, Code.Js_rel8_16, Code.Js_rel16, Code.Jns_rel8_16, Code.Jns_rel16);
        Condition<IfParity>(table, Code.Jp_rel8_16, Code.Jp_rel16, Code.Jnp_rel8_16, Code.Jnp_rel16);
        Condition<IfLess>(table, Code.Jl_rel8_16, Code.Jl_rel16, Code.Jge_rel8_16, Code.Jge_rel16);
        Condition<IfLessOrEqual>(table, Code.Jle_rel8_16, Code.Jle_rel16, Code.Jg_rel8_16, Code.Jg_rel16);

        table.Add(Code.Jmp_rel8_16, &MakeJump<Size16>);
        table.Add(Code.Jmp_rel16, &MakeJump<Size16>);
        table.Add(Code.Jmp_rel8_32, &MakeJump<Size32>);
        table.Add(Code.Jmp_rel32_32, &MakeJump<Size32>);
        table.Add(Code.Jmp_rm16, &MakeJumpTo<Size16>);
        table.Add(Code.Jmp_rm32, &MakeJumpTo<Size32>);
        table.Add(Code.Call_rel16, &MakeCall<Size16>);
        table.Add(Code.Call_rel32_32, &MakeCall<Size32>);
        table.Add(Code.Call_rm16, &MakeCallTo<Size16>);
        table.Add(Code.Call_rm32, &MakeCallTo<Size32>);
        table.Add(Code.Retnw, &MakeReturn<Size16>);
        table.Add(Code.Retnd, &MakeReturn<Size32>);
        table.Add(Code.Retnw_imm16, &MakeReturn<Size16>);
        table.Add(Code.Retnd_imm16, &MakeReturn<Size32>);

        Counted<Size16>(table, Code.Loop_rel8_16_CX, Code.Loope_rel8_16_CX, Code.Loopne_rel8_16_CX, Code.Jcxz_rel8_16);
        table.Add(Code.Loop_rel8_32_CX, &MakeCounted<LoopAlways, Size16, Size32>);
        table.Add(Code.Loope_rel8_32_CX, &MakeCounted<LoopIf<IfEqual>, Size16, Size32>);
        table.Add(Code.Loopne_rel8_32_CX, &MakeCounted<LoopIf<Unless<IfEqual>>, Size16, Size32>);
        table.Add(Code.Jcxz_rel8_32, &MakeIfZero<Size16, Size32>);
        table.Add(Code.Loop_rel8_16_ECX, &MakeCounted<LoopAlways, Size32, Size16>);
        table.Add(Code.Loope_rel8_16_ECX, &MakeCounted<LoopIf<IfEqual>, Size32, Size16>);
        table.Add(Code.Loopne_rel8_16_ECX, &MakeCounted<LoopIf<Unless<IfEqual>>, Size32, Size16>);
        table.Add(Code.Jecxz_rel8_16, &MakeIfZero<Size32, Size16>);
        table.Add(Code.Loop_rel8_32_ECX, &MakeCounted<LoopAlways, Size32, Size32>);
        table.Add(Code.Loope_rel8_32_ECX, &MakeCounted<LoopIf<IfEqual>, Size32, Size32>);
        table.Add(Code.Loopne_rel8_32_ECX, &MakeCounted<LoopIf<Unless<IfEqual>>, Size32, Size32>);
        table.Add(Code.Jecxz_rel8_32, &MakeIfZero<Size32, Size32>);
    }

    // Iced's order for each condition: rel8 with 16-bit operands, rel8 with 32; rel16, rel32.
    private static void Condition<TCondition>(InstructionTable table, Code short16, Code near16, Code unlessShort16, Code unlessNear16)
        where TCondition : struct, ICondition
    {
        table.Add(short16, &MakeConditional<TCondition, Size16>);
        table.Add(short16 + 1, &MakeConditional<TCondition, Size32>);
        table.Add(near16, &MakeConditional<TCondition, Size16>);
        table.Add(near16 + 1, &MakeConditional<TCondition, Size32>);
        table.Add(unlessShort16, &MakeConditional<Unless<TCondition>, Size16>);
        table.Add(unlessShort16 + 1, &MakeConditional<Unless<TCondition>, Size32>);
        table.Add(unlessNear16, &MakeConditional<Unless<TCondition>, Size16>);
        table.Add(unlessNear16 + 1, &MakeConditional<Unless<TCondition>, Size32>);
    }

    private static void Counted<TCount>(InstructionTable table, Code loop, Code loopEqual, Code loopNotEqual, Code ifZero)
        where TCount : struct, IOperandSize
    {
        table.Add(loop, &MakeCounted<LoopAlways, TCount, Size16>);
        table.Add(loopEqual, &MakeCounted<LoopIf<IfEqual>, TCount, Size16>);
        table.Add(loopNotEqual, &MakeCounted<LoopIf<Unless<IfEqual>>, TCount, Size16>);
        table.Add(ifZero, &MakeIfZero<TCount, Size16>);
    }

    private static void Near(ref OpBuilder b)
    {
        b.Op->Immediate = (uint)b.Instruction.NearBranchTarget;
        b.Op->Displacement = b.Op->EipOffset + (uint)b.Op->Length;
        b.EndsBlock = true;
    }

    private static void MakeConditional<TCondition, TSize>(ref OpBuilder b)
        where TCondition : struct, ICondition
        where TSize : struct, IOperandSize
    {
        Near(ref b);
        b.Set(&Conditional<TCondition, TSize>);
    }

    private static void MakeJump<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        Near(ref b);
        b.Set(&Jump<TSize>);
    }

    private static void MakeCall<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        Near(ref b);
        bool fast = TSize.Bytes == 4 && Stack.IsFast(b.Mode) && (b.Mode & BlockMode.FlatCode) != 0;
        b.Set(fast ? &CallFast : &Call<TSize>);
    }

    private static void MakeReturn<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Instruction.OpCount == 0 ? 0 : b.Immediate(0) & 0xFFFF;
        bool fast = TSize.Bytes == 4 && Stack.IsFast(b.Mode) && (b.Mode & BlockMode.FlatCode) != 0;
        b.SetLast(fast ? &ReturnFast : &Return<TSize>);
    }

    private static void MakeJumpTo<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.EndsBlock = true;
        if (b.IsRegister(0))
        {
            b.Op->Source = b.Register(0);
            b.Set(&JumpToRegister<TSize>);
        }
        else
        {
            b.SetMemory(&JumpToMemory<TSize, Flat>, &JumpToMemory<TSize, Segmented>);
        }
    }

    private static void MakeCallTo<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Source = b.Register(0);
            b.SetLast(&CallRegister<TSize>);
        }
        else
        {
            b.Memory();
            b.SetLast(&CallMemory<TSize>);
        }
    }

    private static void MakeCounted<TLoop, TCount, TSize>(ref OpBuilder b)
        where TLoop : struct, ILoop
        where TCount : struct, IOperandSize
        where TSize : struct, IOperandSize
    {
        Near(ref b);
        b.Set(&Loop<TLoop, TCount, TSize>);
    }

    private static void MakeIfZero<TCount, TSize>(ref OpBuilder b)
        where TCount : struct, IOperandSize
        where TSize : struct, IOperandSize
    {
        Near(ref b);
        b.Set(&IfCountZero<TCount, TSize>);
    }

    private static Op* Conditional<TCondition, TSize>(CpuState* c, Op* o)
        where TCondition : struct, ICondition
        where TSize : struct, IOperandSize
    {
        if (TCondition.Holds(c))
        {
            return Take<TSize>(c, o);
        }

        c->Eip += o->Displacement;
        return Ops.Links(o)->Next;
    }

    private static Op* Jump<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Take<TSize>(c, o);

    // The target must lie in the code segment; the branch itself faults if not (Intel SDM vol. 2, JMP).
    private static Op* Take<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint target = (c->Eip + o->Immediate) & TSize.Mask;
        if ((c->Mode & BlockMode.FlatCode) == 0 && target > c->Segments[Segment.Cs].Limit)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        c->Eip = target;
        return Ops.Links(o)->Taken;
    }

    private static Op* JumpToRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Go(c, o, TSize.Load((byte*)c + o->Source));

    private static Op* JumpToMemory<TSize, TPath>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        return place == null ? TPath.Miss(c, o, &JumpToMemory<TSize, Slow>) : Go(c, o, TSize.Load(place));
    }

    private static Op* Go(CpuState* c, Op* o, uint target)
    {
        if ((c->Mode & BlockMode.FlatCode) == 0 && target > c->Segments[Segment.Cs].Limit)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        c->Eip = target;
        return Dispatcher.FindJump(c);
    }

    private static Op* CallFast(CpuState* c, Op* o)
    {
        uint top = c->Registers[Stack.Esp] - 4;
        byte* place = Stack.FastPush(c, top);
        if (place == null)
        {
            return Call<Size32>(c, o);
        }

        Size32.Store(place, c->Eip + o->Displacement);
        c->Registers[Stack.Esp] = top;
        c->Eip += o->Immediate;
        return Ops.Links(o)->Taken;
    }

    private static Op* Call<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint target = (c->Eip + o->Immediate) & TSize.Mask;
        if ((c->Mode & BlockMode.FlatCode) == 0 && target > c->Segments[Segment.Cs].Limit)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        if (!Stack.TryPush<TSize>(c, c->Eip + o->Displacement))
        {
            return Ops.Leave(c, o);
        }

        c->Eip = target;
        return Ops.Links(o)->Taken;
    }

    private static Op* CallRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => CallTo<TSize>(c, o, TSize.Load((byte*)c + o->Source));

    private static Op* CallMemory<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* place = Slow.Read<TSize>(c, o);
        return place == null ? Ops.Leave(c, o) : CallTo<TSize>(c, o, TSize.Load(place));
    }

    private static Op* CallTo<TSize>(CpuState* c, Op* o, uint target)
        where TSize : struct, IOperandSize
    {
        if ((c->Mode & BlockMode.FlatCode) == 0 && target > c->Segments[Segment.Cs].Limit)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        if (!Stack.TryPush<TSize>(c, c->Eip + o->EipOffset + o->Length))
        {
            return Ops.Leave(c, o);
        }

        c->Eip = target;
        return Dispatcher.FindJump(c);
    }

    private static Op* ReturnFast(CpuState* c, Op* o)
    {
        uint top = c->Registers[Stack.Esp];
        byte* place = Stack.FastPop(c, top);
        if (place == null)
        {
            return Return<Size32>(c, o);
        }

        c->Registers[Stack.Esp] = top + 4 + o->Immediate;
        c->Eip = Size32.Load(place);
        return Dispatcher.FindJump(c);
    }

    private static Op* Return<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (!Stack.TryRead<TSize>(c, 0, out uint target))
        {
            return Ops.Leave(c, o);
        }

        if ((c->Mode & BlockMode.FlatCode) == 0 && target > c->Segments[Segment.Cs].Limit)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        Stack.Adjust(c, TSize.Bytes + o->Immediate);
        c->Eip = target;
        return Dispatcher.FindJump(c);
    }

    private static Op* Loop<TLoop, TCount, TSize>(CpuState* c, Op* o)
        where TLoop : struct, ILoop
        where TCount : struct, IOperandSize
        where TSize : struct, IOperandSize
    {
        byte* counter = (byte*)(c->Registers + 1);
        uint count = (TCount.Load(counter) - 1) & TCount.Mask;
        bool taken = count != 0 && TLoop.GoesOn(c);
        uint target = (c->Eip + o->Immediate) & TSize.Mask;
        if (taken && (c->Mode & BlockMode.FlatCode) == 0 && target > c->Segments[Segment.Cs].Limit)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        TCount.Store(counter, count);
        if (taken)
        {
            c->Eip = target;
            return Ops.Links(o)->Taken;
        }

        c->Eip += o->Displacement;
        return Ops.Links(o)->Next;
    }

    private static Op* IfCountZero<TCount, TSize>(CpuState* c, Op* o)
        where TCount : struct, IOperandSize
        where TSize : struct, IOperandSize
    {
        if (TCount.Load((byte*)(c->Registers + 1)) == 0)
        {
            return Take<TSize>(c, o);
        }

        c->Eip += o->Displacement;
        return Ops.Links(o)->Next;
    }

    private interface ILoop
    {
        static abstract bool GoesOn(CpuState* c);
    }

    private readonly struct LoopAlways : ILoop
    {
        public static bool GoesOn(CpuState* c) => true;
    }

    private readonly struct LoopIf<TCondition> : ILoop
        where TCondition : struct, ICondition
    {
        public static bool GoesOn(CpuState* c) => TCondition.Holds(c);
    }
}
