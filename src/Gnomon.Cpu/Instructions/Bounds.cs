using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>BOUND.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class Bounds
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Bound_r16_m1616, &Make<Size16>);
        table.Add(Code.Bound_r32_m3232, &Make<Size32>);
    }

    private static void Make<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Memory();
        b.Op->Source = b.Register(0);
        b.Set(&Bound<TSize>);
    }

    // All signed; the upper bound is the last valid index.
    private static Op* Bound<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint offset = EffectiveAddress.Of(c, o);
        if (!Access.TryRead(c, o->SegmentNumber, offset, TSize.Bytes, out uint lower)
            || !Access.TryRead(c, o->SegmentNumber, offset + TSize.Bytes, TSize.Bytes, out uint upper))
        {
            return Ops.Leave(c, o);
        }

        int index = (int)TSize.Extend(TSize.Load((byte*)c + o->Source));
        return index < (int)TSize.Extend(lower) || index > (int)TSize.Extend(upper) ? Ops.Fault(c, o, Vector.BoundRange) : Ops.Next(c, o);
    }
}
