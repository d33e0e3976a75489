using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>INT n in virtual-8086 mode (Intel SDM vol. 3, 20.3, table 20-2): to the monitor, or, with CR4.VME, to the virtual machine's own
/// handler by the redirection bitmap.</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class VirtualInterrupts
{
    private const uint MapBaseOffset = 0x66;
    private const uint BitmapBytes = 32;

    /// <summary>Decides where INT n goes.</summary>
    /// <param name="c">The state.</param>
    /// <param name="vector">The vector.</param>
    /// <param name="redirected">Whether it goes to the virtual machine's handler.</param>
    /// <returns>False: it faults.</returns>
    public static bool TryFindWay(CpuState* c, byte vector, out bool redirected)
    {
        redirected = false;
        if ((c->Cr4 & Cr4.VirtualMode) != 0)
        {
            if (!TryReadBit(c, vector, out bool toMonitor))
            {
                return false;
            }

            redirected = !toMonitor;
        }

        return redirected || ProcessorMode.Iopl(c) == 3 || Fail(c, Vector.GeneralProtection, 0);
    }

    /// <summary>Delivers INT n to the virtual machine's handler.</summary>
    /// <returns>False: nothing has changed, and the reason is recorded.</returns>
    public static bool TryDeliver(CpuState* c, byte vector)
    {
        uint offset = (uint)vector * 4;
        if (!TryRead(c, offset, 2, out uint target) || !TryRead(c, offset + 2, 2, out uint selector))
        {
            return false;
        }

        // Below IOPL 3 the program sees VIF as its IF, and IOPL as 3.
        bool owner = ProcessorMode.Iopl(c) == 3;
        uint flags = Flags.Read(c);
        uint virtualInterrupt = (flags & Flags.VirtualInterrupt) != 0 ? Flags.Interrupt : 0;
        uint image = owner ? flags : (flags & ~Flags.Interrupt) | Flags.Iopl | virtualInterrupt;
        if (!RealDelivery.TryPush(c, image))
        {
            return false;
        }

        c->SystemFlags &= ~(Flags.Trap | Flags.Resume | (owner ? Flags.Interrupt : Flags.VirtualInterrupt));
        RealDelivery.Enter(c, (ushort)selector, target);
        return true;
    }

    // The 32 bytes below the I/O permission map.
    private static bool TryReadBit(CpuState* c, byte vector, out bool set)
    {
        set = false;
        if ((c->Task.Type & 8) == 0 || MapBaseOffset + 1 > c->Task.Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!TryRead(c, c->Task.Base + MapBaseOffset, 2, out uint mapBase))
        {
            return false;
        }

        uint offset = mapBase - BitmapBytes + (uint)(vector >> 3);
        if (mapBase < BitmapBytes || offset > c->Task.Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!TryRead(c, c->Task.Base + offset, 1, out uint bits))
        {
            return false;
        }

        set = (bits & (1u << (vector & 7))) != 0;
        return true;
    }
}
