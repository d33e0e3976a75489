using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>The stack that the current task state keeps for a more privileged level (Intel SDM vol. 3, 5.8.5, 7.2.1).</summary>
/// <param name="Segment">SS as it will be.</param>
/// <param name="Pointer">ESP as it will be.</param>
/// <param name="Descriptor">The segment's descriptor, whose accessed bit is not set yet.</param>
// SAFETY: the state is that of a live Processor.
internal readonly record struct InnerStack(SegmentRegister Segment, uint Pointer, Descriptor Descriptor)
{
    /// <summary>Finds and checks the stack of a level.</summary>
    /// <param name="c">The state.</param>
    /// <param name="cpl">The level, 0 … 2.</param>
    /// <param name="external">The EXT bit of error codes.</param>
    /// <param name="stack">The stack.</param>
    /// <returns>False: the reason is recorded.</returns>
    public static unsafe bool TryFind(CpuState* c, int cpl, uint external, out InnerStack stack)
    {
        stack = default;
        bool wide = (c->Task.Type & 8) != 0;
        uint size = wide ? 4u : 2u;
        uint offset = wide ? ((uint)cpl * 8) + 4 : ((uint)cpl * 4) + 2;
        if (offset + size + 1 > c->Task.Limit)
        {
            return Fail(c, Vector.InvalidTss, (c->Task.Selector & ~3u) | external);
        }

        if (!TryRead(c, c->Task.Base + offset, size, out uint pointer) || !TryRead(c, c->Task.Base + offset + size, 2, out uint selector))
        {
            return false;
        }

        if (!SegmentLoader.TryReadStack(c, (ushort)selector, cpl, new StackFaults(Vector.InvalidTss, external), out Descriptor descriptor))
        {
            return false;
        }

        SegmentRegister segment = default;
        descriptor.LoadTo(ref segment, (ushort)selector);
        stack = new InnerStack(segment, pointer, descriptor);
        return true;
    }
}
