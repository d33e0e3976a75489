using Gnomon.Cpu.Instructions;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>Delivery in real mode: through the vector table of four bytes each (Intel SDM vol. 3, 20.1.4).</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class RealDelivery
{
    /// <summary>Delivers an event.</summary>
    /// <returns>False: nothing has changed, and the reason is recorded.</returns>
    public static bool TryDeliver(CpuState* c, in PendingEvent e)
    {
        uint offset = (uint)e.Vector * 4;
        if (offset + 3 > c->Idt.Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!TryRead(c, c->Idt.Base + offset, 2, out uint target) || !TryRead(c, c->Idt.Base + offset + 2, 2, out uint selector))
        {
            return false;
        }

        if (!TryPush(c, Flags.Read(c)))
        {
            return false;
        }

        c->SystemFlags &= ~(Flags.Trap | Flags.Interrupt | Flags.AlignmentCheck | Flags.Resume);
        Enter(c, (ushort)selector, target);
        return true;
    }

    /// <summary>Pushes FLAGS, CS and IP.</summary>
    /// <param name="c">The state.</param>
    /// <param name="flags">FLAGS as they are pushed.</param>
    public static bool TryPush(CpuState* c, uint flags)
    {
        StackWriter frame = new(in c->Segments[Segment.Ss], c->Registers[Stack.Esp], wide: false, user: c->Cpl == 3);
        frame.Push(flags);
        frame.Push(c->Segments[Segment.Cs].Selector);
        frame.Push(c->Eip);
        if (!frame.TryProbe(c, 0) || !frame.TryWrite(c))
        {
            return false;
        }

        c->Registers[Stack.Esp] = frame.Pointer;
        return true;
    }

    /// <summary>Goes to the handler.</summary>
    public static void Enter(CpuState* c, ushort selector, uint target)
    {
        SegmentLoader.LoadReal(c, ref c->Segments[Segment.Cs], selector);
        c->Eip = target;
        ProcessorMode.Refresh(c);
    }
}
