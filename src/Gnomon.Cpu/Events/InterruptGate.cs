using Gnomon.Cpu.Instructions;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>Delivery in protected and virtual-8086 mode: through a gate of the interrupt table (Intel SDM vol. 2, INT n; vol. 3, 6.10 to
/// 6.14, 20.3.1).</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class InterruptGate
{
    /// <summary>Delivers an event.</summary>
    /// <returns>False: nothing has changed (or, behind a task switch, all up to the stage noted), and the reason is recorded.</returns>
    public static bool TryDeliver(CpuState* c, ref PendingEvent e)
    {
        uint offset = (uint)e.Vector * 8;
        uint code = offset | Descriptor.InInterruptTable | e.External;
        if (offset + 7 > c->Idt.Limit)
        {
            return Fail(c, Vector.GeneralProtection, code);
        }

        if (!TryRead64(c, c->Idt.Base + offset, out ulong value))
        {
            return false;
        }

        Descriptor gate = new(0, c->Idt.Base + offset, value);
        bool isGate = gate.IsSystem && gate.Type is SystemType.TaskGate or SystemType.InterruptGate16 or SystemType.TrapGate16
            or SystemType.InterruptGate32 or SystemType.TrapGate32;
        if (!isGate || (e.IsSoftware && gate.Dpl < c->Cpl))
        {
            return Fail(c, Vector.GeneralProtection, code);
        }

        if (!gate.IsPresent)
        {
            return Fail(c, Vector.SegmentNotPresent, code);
        }

        return gate.Type == SystemType.TaskGate ? TaskSwitch.TryThroughGate(c, in gate, ref e) : TryEnter(c, in gate, in e);
    }

    private static bool TryEnter(CpuState* c, in Descriptor gate, in PendingEvent e)
    {
        uint external = e.External;
        bool fromVirtual = ProcessorMode.IsVirtual8086(c);
        if (!TryReadCode(c, gate.GateSelector, external, fromVirtual, out Descriptor code))
        {
            return false;
        }

        bool inner = !code.IsConforming && code.Dpl < c->Cpl;
        int cpl = inner ? code.Dpl : c->Cpl;
        InnerStack stack = default;
        if (inner && !InnerStack.TryFind(c, cpl, external, out stack))
        {
            return false;
        }

        StackWriter frame = inner
            ? new StackWriter(stack.Segment, stack.Pointer, gate.IsGate32, user: false)
            : new StackWriter(in c->Segments[Segment.Ss], c->Registers[Stack.Esp], gate.IsGate32, user: cpl == 3);
        Fill(c, ref frame, in e, inner, fromVirtual);
        if (!frame.TryProbe(c, inner ? stack.Descriptor.ErrorCode | external : external))
        {
            return false;
        }

        if (gate.GateOffset > code.Limit)
        {
            return Fail(c, Vector.GeneralProtection, external);
        }

        if (!DescriptorTable.TryMarkAccessed(c, in code) || (inner && !DescriptorTable.TryMarkAccessed(c, stack.Descriptor))
            || !frame.TryWrite(c))
        {
            return false;
        }

        // Nothing can fail from here on.
        if (fromVirtual)
        {
            c->Segments[Segment.Gs].LoadNull(0);
            c->Segments[Segment.Fs].LoadNull(0);
            c->Segments[Segment.Ds].LoadNull(0);
            c->Segments[Segment.Es].LoadNull(0);
        }

        if (inner)
        {
            c->Segments[Segment.Ss] = stack.Segment;
        }

        c->Registers[Stack.Esp] = frame.Pointer;
        bool masks = gate.Type is SystemType.InterruptGate16 or SystemType.InterruptGate32;
        c->SystemFlags &= ~(Flags.Trap | Flags.NestedTask | Flags.Virtual8086 | Flags.Resume | (masks ? Flags.Interrupt : 0));
        code.LoadTo(ref c->Segments[Segment.Cs], (ushort)((gate.GateSelector & ~3) | cpl));
        c->Cpl = cpl;
        c->Eip = gate.GateOffset;
        ProcessorMode.Refresh(c);
        return true;
    }

    private static bool TryReadCode(CpuState* c, ushort selector, uint external, bool fromVirtual, out Descriptor code)
    {
        code = default;
        if (DescriptorTable.IsNull(selector))
        {
            return Fail(c, Vector.GeneralProtection, external);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.GeneralProtection, external, out code))
        {
            return false;
        }

        // Out of virtual-8086 mode only to level 0.
        bool allowed = code.IsCode && code.Dpl <= c->Cpl && !(fromVirtual && (code.IsConforming || code.Dpl != 0));
        if (!allowed)
        {
            return Fail(c, Vector.GeneralProtection, code.ErrorCode | external);
        }

        return code.IsPresent || Fail(c, Vector.SegmentNotPresent, code.ErrorCode | external);
    }

    private static void Fill(CpuState* c, ref StackWriter frame, in PendingEvent e, bool inner, bool fromVirtual)
    {
        if (fromVirtual)
        {
            frame.Push(c->Segments[Segment.Gs].Selector);
            frame.Push(c->Segments[Segment.Fs].Selector);
            frame.Push(c->Segments[Segment.Ds].Selector);
            frame.Push(c->Segments[Segment.Es].Selector);
        }

        if (inner)
        {
            frame.Push(c->Segments[Segment.Ss].Selector);
            frame.Push(c->Registers[Stack.Esp]);
        }

        frame.Push(Flags.Read(c) | (e.SetsResume ? Flags.Resume : 0));
        frame.Push(c->Segments[Segment.Cs].Selector);
        frame.Push(c->Eip);
        if (e.HasErrorCode)
        {
            frame.Push(e.Code);
        }
    }
}
