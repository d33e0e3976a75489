using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Instructions;

/// <summary>JMP and CALL far (Intel SDM vol. 2, JMP, CALL; vol. 3, 5.8). A direct one has its offset in the op's immediate and its selector
/// in the op's extra.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class FarTransfers
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Jmp_ptr1616, &MakeDirect<FarJump, Size16>);
        table.Add(Code.Jmp_ptr1632, &MakeDirect<FarJump, Size32>);
        table.Add(Code.Jmp_m1616, &MakeIndirect<FarJump, Size16>);
        table.Add(Code.Jmp_m1632, &MakeIndirect<FarJump, Size32>);
        table.Add(Code.Call_ptr1616, &MakeDirect<FarCall, Size16>);
        table.Add(Code.Call_ptr1632, &MakeDirect<FarCall, Size32>);
        table.Add(Code.Call_m1616, &MakeIndirect<FarCall, Size16>);
        table.Add(Code.Call_m1632, &MakeIndirect<FarCall, Size32>);
    }

    private static void MakeDirect<TTransfer, TSize>(ref OpBuilder b)
        where TTransfer : struct, IFarTransfer
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = TSize.Bytes == 4 ? b.Instruction.FarBranch32 : b.Instruction.FarBranch16;
        b.Op->Extra = b.Instruction.FarBranchSelector;
        b.SetLast(&Direct<TTransfer, TSize>);
    }

    private static void MakeIndirect<TTransfer, TSize>(ref OpBuilder b)
        where TTransfer : struct, IFarTransfer
        where TSize : struct, IOperandSize
    {
        b.Memory();
        b.SetLast(&Indirect<TTransfer, TSize>);
    }

    private static Op* Direct<TTransfer, TSize>(CpuState* c, Op* o)
        where TTransfer : struct, IFarTransfer
        where TSize : struct, IOperandSize => Go<TTransfer, TSize>(c, o, o->Extra, o->Immediate);

    private static Op* Indirect<TTransfer, TSize>(CpuState* c, Op* o)
        where TTransfer : struct, IFarTransfer
        where TSize : struct, IOperandSize
    {
        uint address = EffectiveAddress.Of(c, o);
        uint behind = (o->Flags & OpFlags.Address16) != 0 ? (address + TSize.Bytes) & 0xFFFF : address + TSize.Bytes;
        return Access.TryRead(c, o->SegmentNumber, address, TSize.Bytes, out uint target)
            && Access.TryRead(c, o->SegmentNumber, behind, 2, out uint selector)
            ? Go<TTransfer, TSize>(c, o, (ushort)selector, target)
            : Ops.Leave(c, o);
    }

    private static Op* Go<TTransfer, TSize>(CpuState* c, Op* o, ushort selector, uint target)
        where TTransfer : struct, IFarTransfer
        where TSize : struct, IOperandSize
    {
        FarTarget to = new(selector, target, c->Eip + o->EipOffset + o->Length, TSize.Bytes == 4);
        bool done = ProcessorMode.IsProtected(c) ? TryProtected<TTransfer>(c, in to) : TryReal<TTransfer>(c, in to);
        return done ? Ops.Jumped(c, o) : Ops.Leave(c, o);
    }

    private static bool TryReal<TTransfer>(CpuState* c, in FarTarget to)
        where TTransfer : struct, IFarTransfer
    {
        if (to.Offset > c->Segments[Segment.Cs].Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (TTransfer.Returns && !TryPushReturn(c, to.Next, to.Wide))
        {
            return false;
        }

        SegmentLoader.LoadReal(c, ref c->Segments[Segment.Cs], to.Selector);
        c->Eip = to.Offset;
        ProcessorMode.Refresh(c);
        return true;
    }

    private static bool TryProtected<TTransfer>(CpuState* c, in FarTarget to)
        where TTransfer : struct, IFarTransfer
    {
        if (DescriptorTable.IsNull(to.Selector))
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!DescriptorTable.TryRead(c, to.Selector, Vector.GeneralProtection, 0, out Descriptor target))
        {
            return false;
        }

        if (target.IsCode)
        {
            return TryCode<TTransfer>(c, in target, in to);
        }

        if (!target.IsSystem || !IsTransferable(target.Type) || target.Dpl < c->Cpl || target.Dpl < (to.Selector & 3))
        {
            return Fail(c, Vector.GeneralProtection, target.ErrorCode);
        }

        if (!target.IsPresent)
        {
            return Fail(c, Vector.SegmentNotPresent, target.ErrorCode);
        }

        TaskSwitchKind kind = TTransfer.Returns ? TaskSwitchKind.Call : TaskSwitchKind.Jump;
        switch (target.Type)
        {
            case SystemType.Task16 or SystemType.Task32:
                // A task state may stand only in the global table.
                return DescriptorTable.NamesLocal(to.Selector)
                    ? Fail(c, Vector.GeneralProtection, target.ErrorCode)
                    : TaskSwitch.TryBegin(c, in target, kind, to.Next);
            case SystemType.TaskGate:
                return TaskSwitch.TryReadAvailable(c, target.GateSelector, 0, out Descriptor task)
                    && TaskSwitch.TryBegin(c, in task, kind, to.Next);
            default:
                return CallGate.TryEnter<TTransfer>(c, in target, to.Next);
        }
    }

    private static bool IsTransferable(int type) => type is SystemType.CallGate16 or SystemType.CallGate32 or SystemType.TaskGate
        or SystemType.Task16 or SystemType.Task32;

    private static bool TryCode<TTransfer>(CpuState* c, in Descriptor code, in FarTarget to)
        where TTransfer : struct, IFarTransfer
    {
        bool fits = code.IsConforming ? code.Dpl <= c->Cpl : code.Dpl == c->Cpl && (to.Selector & 3) <= c->Cpl;
        if (!fits)
        {
            return Fail(c, Vector.GeneralProtection, code.ErrorCode);
        }

        if (!code.IsPresent)
        {
            return Fail(c, Vector.SegmentNotPresent, code.ErrorCode);
        }

        return TryEnterSame<TTransfer>(c, in code, to.Offset, to.Next, to.Wide);
    }

    /// <summary>Enters code at the current level.</summary>
    /// <param name="c">The state.</param>
    /// <param name="code">The code segment, checked.</param>
    /// <param name="offset">EIP.</param>
    /// <param name="next">Where a call returns to.</param>
    /// <param name="wide">Whether 32 bits are pushed.</param>
    public static bool TryEnterSame<TTransfer>(CpuState* c, in Descriptor code, uint offset, uint next, bool wide)
        where TTransfer : struct, IFarTransfer
    {
        StackWriter frame = ReturnFrame(c, next, wide);
        if (TTransfer.Returns && !frame.TryProbe(c, 0))
        {
            return false;
        }

        if (offset > code.Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!DescriptorTable.TryMarkAccessed(c, in code) || (TTransfer.Returns && !frame.TryWrite(c)))
        {
            return false;
        }

        if (TTransfer.Returns)
        {
            c->Registers[Stack.Esp] = frame.Pointer;
        }

        code.LoadTo(ref c->Segments[Segment.Cs], (ushort)((code.Selector & ~3) | c->Cpl));
        c->Eip = offset;
        ProcessorMode.Refresh(c);
        return true;
    }

    private static bool TryPushReturn(CpuState* c, uint next, bool wide)
    {
        StackWriter frame = ReturnFrame(c, next, wide);
        if (!frame.TryProbe(c, 0) || !frame.TryWrite(c))
        {
            return false;
        }

        c->Registers[Stack.Esp] = frame.Pointer;
        return true;
    }

    private static StackWriter ReturnFrame(CpuState* c, uint next, bool wide)
    {
        StackWriter frame = new(in c->Segments[Segment.Ss], c->Registers[Stack.Esp], wide, user: c->Cpl == 3);
        frame.Push(c->Segments[Segment.Cs].Selector);
        frame.Push(next);
        return frame;
    }
}

/// <summary>Where a far transfer goes.</summary>
/// <param name="Selector">The selector.</param>
/// <param name="Offset">The offset; a gate's and a task's own counts in its place.</param>
/// <param name="Next">The offset of the next instruction.</param>
/// <param name="Wide">Whether the operand size is 32 bits.</param>
internal readonly record struct FarTarget(ushort Selector, uint Offset, uint Next, bool Wide);

/// <summary>JMP or CALL.</summary>
internal interface IFarTransfer
{
    /// <summary>Whether the way back is pushed.</summary>
    static abstract bool Returns { get; }
}

/// <summary>JMP.</summary>
internal readonly struct FarJump : IFarTransfer
{
    public static bool Returns => false;
}

/// <summary>CALL.</summary>
internal readonly struct FarCall : IFarTransfer
{
    public static bool Returns => true;
}
