using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>INS and OUTS: string instructions whose other side is the port in DX.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class PortStrings
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Insb_m8_DX, &Make<Ins, Size8>);
        table.Add(Code.Insw_m16_DX, &Make<Ins, Size16>);
        table.Add(Code.Insd_m32_DX, &Make<Ins, Size32>);
        table.Add(Code.Outsb_DX_m8, &Make<Outs, Size8>);
        table.Add(Code.Outsw_DX_m16, &Make<Outs, Size16>);
        table.Add(Code.Outsd_DX_m32, &Make<Outs, Size32>);
    }

    private static void Make<TOperation, TSize>(ref OpBuilder b)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize
    {
        if (StringLoop.Prepare(ref b))
        {
            b.Set(&Repeat<TOperation, TSize>);
        }
        else
        {
            b.Set(&Once<TOperation, TSize>);
        }
    }

    private static Op* Once<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize =>
        PortPermission.TryCheck(c, PortIo.PortOf(c), TSize.Bytes) ? StringLoop.Once<TOperation, TSize>(c, o) : Ops.Leave(c, o);

    // Processors refuse the port even when there is nothing to repeat.
    private static Op* Repeat<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize =>
        PortPermission.TryCheck(c, PortIo.PortOf(c), TSize.Bytes) ? StringLoop.Repeat<TOperation, TSize>(c, o) : Ops.Leave(c, o);
}

// SAFETY (both): the state and the op are those of a live Processor; nothing comes between a prepared access and its end.

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Ins : IStringOperation
{
    public static bool HasSource => false;

    public static bool HasDestination => true;

    // A destination that faults must not cost the port a read.
    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize
    {
        byte* place = Access.Prepare(c, Segment.Es, destination, TSize.Bytes, AccessKind.Write);
        if (place == null || !PortIo.TryRead(c, PortIo.PortOf(c), TSize.Bytes, out uint value))
        {
            return false;
        }

        TSize.Store(place, value);
        return Access.Commit(c, place);
    }

    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize => 0;

    public static bool Ends(CpuState* c, Op* o) => false;
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Outs : IStringOperation
{
    public static bool HasSource => true;

    public static bool HasDestination => false;

    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize =>
        Access.TryRead(c, o->SegmentNumber, source, TSize.Bytes, out uint value)
        && PortIo.TryWrite(c, PortIo.PortOf(c), TSize.Bytes, value);

    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize => 0;

    public static bool Ends(CpuState* c, Op* o) => false;
}
