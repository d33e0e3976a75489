using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;

namespace Gnomon.Cpu.Instructions;

/// <summary>Who may use which port (Intel SDM vol. 1, 18.5).</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class PortPermission
{
    private const uint MapBaseField = 0x66;
    private const int AvailableTask32 = 0x9;
    private const int BusyTask32 = 0xB;

    /// <summary>Checks an access to ports.</summary>
    /// <param name="c">The state.</param>
    /// <param name="port">The first port.</param>
    /// <param name="size">1, 2 or 4.</param>
    /// <returns>False when it is refused: the reason is pending.</returns>
    public static bool TryCheck(CpuState* c, uint port, uint size)
    {
        bool free = ProcessorMode.IsReal(c) || (!ProcessorMode.IsVirtual8086(c) && c->Cpl <= ProcessorMode.Iopl(c));
        return free || TryCheckMap(c, port, size);
    }

    // A set bit refuses its port. Two bytes are always read, so that no access can miss a bit: both must lie inside the task state.
    private static bool TryCheckMap(CpuState* c, uint port, uint size)
    {
        SegmentRegister* task = &c->Task;
        bool usable = (task->Access & (SegmentRegister.IsPresent | SegmentRegister.IsCodeOrData)) == SegmentRegister.IsPresent
            && task->Type is AvailableTask32 or BusyTask32;
        if (!usable || task->Limit < MapBaseField + 1)
        {
            return Refuse(c);
        }

        if (!SystemMemory.TryRead(c, task->Base + MapBaseField, 2, out uint mapBase))
        {
            return false;
        }

        uint at = mapBase + (port >> 3);
        if (at + 1 > task->Limit)
        {
            return Refuse(c);
        }

        if (!SystemMemory.TryRead(c, task->Base + at, 2, out uint bits))
        {
            return false;
        }

        return ((bits >> (int)(port & 7)) & ((1u << (int)size) - 1)) == 0 || Refuse(c);
    }

    private static bool Refuse(CpuState* c)
    {
        Ops.Raise(c, Vector.GeneralProtection, 0);
        return false;
    }
}
