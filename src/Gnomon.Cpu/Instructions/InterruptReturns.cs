using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Iced.Intel;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Instructions;

/// <summary>IRET (Intel SDM vol. 2, IRET; vol. 3, 6.12, 7.4, 20.2.5).</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class InterruptReturns
{
    // What IRET gives at any level.
    private const uint Always = Flags.Status | Flags.Trap | Flags.Direction | Flags.NestedTask;
    private const uint Wide = Flags.Resume | Flags.AlignmentCheck | Flags.Identification;
    private const uint Virtual = Flags.VirtualInterrupt | Flags.VirtualInterruptPending;
    private const uint Everything = Always | Wide | Virtual | Flags.Interrupt | Flags.Iopl | Flags.Virtual8086;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Iretw, &Make<Size16>);
        table.Add(Code.Iretd, &Make<Size32>);
    }

    private static void Make<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.SetLast(&Return<TSize>);

    private static Op* Return<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        bool done = TryReturn<TSize>(c, o);
        if (done || c->Pending == Pending.Exception)
        {
            // Also when it faults (Intel SDM vol. 3, 6.7.1).
            c->NmiBlocked = 0;
        }

        return done ? Ops.Jumped(c, o) : Ops.Leave(c, o);
    }

    private static bool TryReturn<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (ProcessorMode.IsProtected(c) && (c->SystemFlags & Flags.NestedTask) != 0)
        {
            return TaskSwitch.TryReturn(c, c->Eip + o->EipOffset + o->Length);
        }

        bool isVirtual = ProcessorMode.IsVirtual8086(c);
        bool extended = isVirtual && ProcessorMode.Iopl(c) < 3;
        if (extended && (TSize.Bytes == 4 || (c->Cr4 & Cr4.VirtualMode) == 0))
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!Stack.TryRead<TSize>(c, 0, out uint target)
            || !Stack.TryRead<TSize>(c, TSize.Bytes, out uint selector)
            || !Stack.TryRead<TSize>(c, 2 * TSize.Bytes, out uint flags))
        {
            return false;
        }

        const uint size = 3;
        if (extended)
        {
            return TryReturnExtended(c, target, (ushort)selector, flags);
        }

        if (!ProcessorMode.IsProtected(c))
        {
            return TryReturnReal<TSize>(c, target, (ushort)selector, flags, isVirtual);
        }

        if (TSize.Bytes == 4 && c->Cpl == 0 && (flags & Flags.Virtual8086) != 0)
        {
            return TryReturnVirtual(c, target, (ushort)selector, flags);
        }

        // The level of before decides what may change.
        uint mask = Always | (TSize.Bytes == 4 ? Wide : 0)
            | (c->Cpl <= ProcessorMode.Iopl(c) ? Flags.Interrupt : 0)
            | (c->Cpl == 0 ? Flags.Iopl : 0)
            | (c->Cpl == 0 && TSize.Bytes == 4 ? Virtual : 0);
        if (!FarReturns.TryReturn<TSize>(c, target, (ushort)selector, size * TSize.Bytes, released: 0, Vector.SegmentNotPresent))
        {
            return false;
        }

        SetFlags(c, flags, mask);
        return true;
    }

    private static bool TryReturnReal<TSize>(CpuState* c, uint target, ushort selector, uint flags, bool isVirtual)
        where TSize : struct, IOperandSize
    {
        if (!FarReturns.TryReturnReal(c, target, selector, 3 * TSize.Bytes))
        {
            return false;
        }

        SetFlags(c, flags, Always | Flags.Interrupt | (isVirtual ? 0 : Flags.Iopl) | (TSize.Bytes == 4 ? Wide : 0));
        return true;
    }

    // Virtual-8086 mode below IOPL 3 with CR4.VME: IF stands for VIF (Intel SDM vol. 3, 20.3.3.4).
    private static bool TryReturnExtended(CpuState* c, uint target, ushort selector, uint flags)
    {
        bool pending = (c->SystemFlags & Flags.VirtualInterruptPending) != 0 && (flags & Flags.Interrupt) != 0;
        if (pending || (flags & Flags.Trap) != 0)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!FarReturns.TryReturnReal(c, target, selector, 3 * Size16.Bytes))
        {
            return false;
        }

        uint virtualInterrupt = (flags & Flags.Interrupt) != 0 ? Flags.VirtualInterrupt : 0;
        SetFlags(c, (flags & ~Flags.VirtualInterrupt) | virtualInterrupt, Always | Flags.VirtualInterrupt);
        return true;
    }

    private static bool TryReturnVirtual(CpuState* c, uint target, ushort selector, uint flags)
    {
        uint* above = stackalloc uint[6];
        for (uint i = 0; i < 6; i++)
        {
            if (!Stack.TryRead<Size32>(c, 12 + (i * 4), out above[i]))
            {
                return false;
            }
        }

        if (target > 0xFFFF)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        SetFlags(c, flags, Everything);
        c->Cpl = 3;
        c->Registers[Stack.Esp] = above[0];
        SegmentLoader.LoadVirtual8086(ref c->Segments[Segment.Cs], selector);
        SegmentLoader.LoadVirtual8086(ref c->Segments[Segment.Ss], (ushort)above[1]);
        SegmentLoader.LoadVirtual8086(ref c->Segments[Segment.Es], (ushort)above[2]);
        SegmentLoader.LoadVirtual8086(ref c->Segments[Segment.Ds], (ushort)above[3]);
        SegmentLoader.LoadVirtual8086(ref c->Segments[Segment.Fs], (ushort)above[4]);
        SegmentLoader.LoadVirtual8086(ref c->Segments[Segment.Gs], (ushort)above[5]);
        c->Eip = target;
        ProcessorMode.Refresh(c);
        return true;
    }

    // AC changes the mode of accesses.
    private static void SetFlags(CpuState* c, uint value, uint mask)
    {
        Flags.Write(c, (Flags.Read(c) & ~mask) | (value & mask));
        ProcessorMode.Refresh(c);
    }
}
