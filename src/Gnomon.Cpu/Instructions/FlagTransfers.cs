using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>PUSHF, POPF, CLI and STI: who may see and change which flag (Intel SDM vol. 2, and vol. 3, 20.3.3 for the virtual interrupt flag).</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class FlagTransfers
{
    // What everyone may change.
    private const uint Free = Flags.Status | Flags.Trap | Flags.Direction | Flags.NestedTask;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Pushfw, &MakePush<Size16>);
        table.Add(Code.Pushfd, &MakePush<Size32>);
        table.Add(Code.Popfw, &MakePop<Size16>);
        table.Add(Code.Popfd, &MakePop<Size32>);
        table.Add(Code.Cli, &MakeClear);
        table.Add(Code.Sti, &MakeSet);
    }

    /// <summary>Whether virtual-8086 mode keeps the interrupt flag from its program: IOPL is below 3.</summary>
    public static bool IsRestricted(CpuState* c) => ProcessorMode.IsVirtual8086(c) && ProcessorMode.Iopl(c) < 3;

    private static void MakePush<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.Set(&Push<TSize>);

    private static void MakePop<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.SetLast(&Pop<TSize>);

    private static void MakeClear(ref OpBuilder b) => b.Set(&ClearInterrupt);

    private static void MakeSet(ref OpBuilder b) => b.SetLast(&SetInterrupt);

    private static Op* Push<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        // VM and RF are never seen in an image.
        uint image = Flags.Read(c) & ~(Flags.Virtual8086 | Flags.Resume);
        if (IsRestricted(c))
        {
            if (TSize.Bytes != 2 || (c->Cr4 & Cr4.VirtualMode) == 0)
            {
                return Ops.Fault(c, o, Vector.GeneralProtection, 0);
            }

            image = (image & ~Flags.Interrupt) | Flags.Iopl | ((c->SystemFlags & Flags.VirtualInterrupt) != 0 ? Flags.Interrupt : 0);
        }

        return Stack.TryPush<TSize>(c, image) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* Pop<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint changes = Free | (TSize.Bytes == 4 ? Flags.AlignmentCheck | Flags.Identification : 0);
        bool isVirtual = IsRestricted(c);
        if (isVirtual)
        {
            if (TSize.Bytes != 2 || (c->Cr4 & Cr4.VirtualMode) == 0)
            {
                return Ops.Fault(c, o, Vector.GeneralProtection, 0);
            }
        }
        else
        {
            changes |= (c->Cpl <= ProcessorMode.Iopl(c) ? Flags.Interrupt : 0) | (c->Cpl == 0 ? Flags.Iopl : 0);
        }

        if (!Stack.TryRead<TSize>(c, 0, out uint image))
        {
            return Ops.Leave(c, o);
        }

        uint flags = Flags.Read(c);
        if (isVirtual)
        {
            bool wakes = (image & Flags.Interrupt) != 0 && (flags & Flags.VirtualInterruptPending) != 0;
            if (wakes || (image & Flags.Trap) != 0)
            {
                return Ops.Fault(c, o, Vector.GeneralProtection, 0);
            }

            image |= (image & Flags.Interrupt) != 0 ? Flags.VirtualInterrupt : 0;
            changes |= Flags.VirtualInterrupt;
        }

        Stack.Adjust(c, TSize.Bytes);
        Flags.Write(c, ((flags & ~changes) | (image & changes)) & ~Flags.Resume);
        ProcessorMode.Refresh(c);
        return Ops.Finish(c, o);
    }

    // Blocks need not end here: interrupts are taken only between them.
    private static Op* ClearInterrupt(CpuState* c, Op* o)
    {
        if (c->Cpl <= ProcessorMode.Iopl(c))
        {
            c->SystemFlags &= ~Flags.Interrupt;
        }
        else if (HasVirtualFlag(c))
        {
            c->SystemFlags &= ~Flags.VirtualInterrupt;
        }
        else
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        return Ops.Next(c, o);
    }

    private static Op* SetInterrupt(CpuState* c, Op* o)
    {
        if (c->Cpl <= ProcessorMode.Iopl(c))
        {
            // Interrupts wait for one more instruction, unless they were enabled already.
            if ((c->SystemFlags & Flags.Interrupt) == 0)
            {
                c->SystemFlags |= Flags.Interrupt;
                c->Shadow = ShadowKind.SetInterrupt;
            }
        }
        else if (HasVirtualFlag(c) && (c->SystemFlags & Flags.VirtualInterruptPending) == 0)
        {
            c->SystemFlags |= Flags.VirtualInterrupt;
        }
        else
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        return Ops.Finish(c, o);
    }

    // VIF stands in for IF: in virtual-8086 mode with CR4.VME, at CPL 3 with CR4.PVI.
    private static bool HasVirtualFlag(CpuState* c) =>
        c->Cpl == 3 && (c->Cr4 & (ProcessorMode.IsVirtual8086(c) ? Cr4.VirtualMode : Cr4.ProtectedVirtualInterrupts)) != 0;
}
