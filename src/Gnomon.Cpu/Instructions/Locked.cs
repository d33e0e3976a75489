using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Instructions;

/// <summary>What a locked instruction makes of the old value.</summary>
// SAFETY: the state is that of a live Processor.
internal unsafe interface ILockedOperation
{
    /// <summary>Computes the new value, and the flags. May be called more than once; the last call counts.</summary>
    static abstract uint Do<TSize>(CpuState* c, uint old, uint operand)
        where TSize : struct, IOperandSize;
}

/// <summary>Read-modify-write with the bus locked (Intel SDM vol. 3, 8.1.2): one interlocked operation on the host's memory, so that it is
/// indivisible for every processor and device that shares it.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class Locked
{
    /// <summary>Runs the operation on the memory operand and goes on with the next op.</summary>
    public static Op* Modify<TOperation, TSize>(CpuState* c, Op* o, uint operand)
        where TOperation : struct, ILockedOperation
        where TSize : struct, IOperandSize
    {
        byte* place = Slow.Modify<TSize>(c, o);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        // Carry-dependent operations must see the flags of before in each round.
        uint result = c->Result;
        uint carries = c->Carries;
        while (true)
        {
            uint old = TSize.Load(place);
            c->Result = result;
            c->Carries = carries;
            uint desired = TOperation.Do<TSize>(c, old, operand);
            if (TSize.Replace(place, old, desired))
            {
                return Slow.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
            }
        }
    }
}
