using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Iced.Intel;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Instructions;

/// <summary>RET far (Intel SDM vol. 2, RET; vol. 3, 5.8.6), and what IRET shares with it.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class FarReturns
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Retfw, &Make<Size16>);
        table.Add(Code.Retfw_imm16, &Make<Size16>);
        table.Add(Code.Retfd, &Make<Size32>);
        table.Add(Code.Retfd_imm16, &Make<Size32>);
    }

    private static void Make<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Instruction.OpCount == 0 ? 0 : b.Immediate(0) & 0xFFFF;
        b.SetLast(&Return<TSize>);
    }

    private static Op* Return<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (!Stack.TryRead<TSize>(c, 0, out uint target) || !Stack.TryRead<TSize>(c, TSize.Bytes, out uint selector))
        {
            return Ops.Leave(c, o);
        }

        uint size = (2 * TSize.Bytes) + o->Immediate;
        bool done = ProcessorMode.IsProtected(c)
            ? TryReturn<TSize>(c, target, (ushort)selector, size, o->Immediate, Vector.StackFault)
            : TryReturnReal(c, target, (ushort)selector, size);
        return done ? Ops.Jumped(c, o) : Ops.Leave(c, o);
    }

    /// <summary>Returns in real or virtual-8086 mode.</summary>
    /// <param name="c">The state.</param>
    /// <param name="target">EIP.</param>
    /// <param name="selector">CS.</param>
    /// <param name="size">Bytes that leave the stack.</param>
    public static bool TryReturnReal(CpuState* c, uint target, ushort selector, uint size)
    {
        if (target > c->Segments[Segment.Cs].Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        Stack.Adjust(c, size);
        SegmentLoader.LoadReal(c, ref c->Segments[Segment.Cs], selector);
        c->Eip = target;
        ProcessorMode.Refresh(c);
        return true;
    }

    /// <summary>Returns in protected mode, to the same level or an outer one.</summary>
    /// <param name="c">The state.</param>
    /// <param name="target">EIP.</param>
    /// <param name="selector">CS.</param>
    /// <param name="size">Bytes that leave the stack; an outer level's SS:ESP lie above them.</param>
    /// <param name="released">Bytes that leave the outer stack as well.</param>
    /// <param name="absentStack">What is raised when the outer stack segment is not present.</param>
    /// <returns>False: nothing has changed, and the reason is recorded.</returns>
    public static bool TryReturn<TSize>(CpuState* c, uint target, ushort selector, uint size, uint released, byte absentStack)
        where TSize : struct, IOperandSize
    {
        if (!TryReadCode(c, selector, out Descriptor code))
        {
            return false;
        }

        int level = selector & 3;
        if (level == c->Cpl)
        {
            if (target > code.Limit)
            {
                return Fail(c, Vector.GeneralProtection, 0);
            }

            if (!DescriptorTable.TryMarkAccessed(c, in code))
            {
                return false;
            }

            Stack.Adjust(c, size);
            Enter(c, in code, selector, target);
            return true;
        }

        if (!Stack.TryRead<TSize>(c, size, out uint pointer) || !Stack.TryRead<TSize>(c, size + TSize.Bytes, out uint stackSelector)
            || !SegmentLoader.TryReadStack(
                c, (ushort)stackSelector, level, new StackFaults(Vector.GeneralProtection, 0, absentStack), out Descriptor stack))
        {
            return false;
        }

        if (target > code.Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!DescriptorTable.TryMarkAccessed(c, in code) || !DescriptorTable.TryMarkAccessed(c, in stack))
        {
            return false;
        }

        stack.LoadTo(ref c->Segments[Segment.Ss], (ushort)stackSelector);
        SetPointer(c, pointer + released);
        c->Cpl = level;
        NullInnerSegments(c);
        Enter(c, in code, selector, target);
        return true;
    }

    /// <summary>Loads ESP, or only SP of a 16-bit stack.</summary>
    private static void SetPointer(CpuState* c, uint pointer)
    {
        uint mask = c->Segments[Segment.Ss].Big ? uint.MaxValue : 0xFFFF;
        c->Registers[Stack.Esp] = (c->Registers[Stack.Esp] & ~mask) | (pointer & mask);
    }

    private static void Enter(CpuState* c, in Descriptor code, ushort selector, uint target)
    {
        code.LoadTo(ref c->Segments[Segment.Cs], selector);
        c->Eip = target;
        ProcessorMode.Refresh(c);
    }

    private static bool TryReadCode(CpuState* c, ushort selector, out Descriptor code)
    {
        code = default;
        if (DescriptorTable.IsNull(selector))
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.GeneralProtection, 0, out code))
        {
            return false;
        }

        int level = selector & 3;
        bool fits = code.IsCode && level >= c->Cpl && (code.IsConforming ? code.Dpl <= level : code.Dpl == level);
        if (!fits)
        {
            return Fail(c, Vector.GeneralProtection, code.ErrorCode);
        }

        return code.IsPresent || Fail(c, Vector.SegmentNotPresent, code.ErrorCode);
    }

    // What the inner level could use the outer one must not (Intel SDM vol. 3, 5.8.6).
    private static void NullInnerSegments(CpuState* c)
    {
        for (int i = 0; i < 6; i++)
        {
            ref SegmentRegister segment = ref c->Segments[i];
            bool isData = i is not Segment.Cs and not Segment.Ss;
            bool conforming = (segment.Type & 0xC) == 0xC;
            if (isData && !conforming && segment.Dpl < c->Cpl)
            {
                segment.LoadNull(0);
            }
        }
    }
}
