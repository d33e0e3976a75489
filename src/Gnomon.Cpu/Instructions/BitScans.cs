using System.Numerics;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>BSF and BSR. Of zero: ZF is set and the destination stays, as processors do though the manual leaves it open.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class BitScans
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Bsf_r16_rm16, &Make<Forward, Size16>);
        table.Add(Code.Bsf_r32_rm32, &Make<Forward, Size32>);
        table.Add(Code.Bsr_r16_rm16, &Make<Reverse, Size16>);
        table.Add(Code.Bsr_r32_rm32, &Make<Reverse, Size32>);
    }

    private static void Make<TScan, TSize>(ref OpBuilder b)
        where TScan : struct, IScan
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&OfRegister<TScan, TSize>);
        }
        else
        {
            b.SetMemory(&OfMemory<TScan, TSize, Flat>, &OfMemory<TScan, TSize, Segmented>);
        }
    }

    private static Op* OfRegister<TScan, TSize>(CpuState* c, Op* o)
        where TScan : struct, IScan
        where TSize : struct, IOperandSize
    {
        Scan<TScan, TSize>(c, o, TSize.Load((byte*)c + o->Source));
        return Ops.Next(c, o);
    }

    private static Op* OfMemory<TScan, TSize, TPath>(CpuState* c, Op* o)
        where TScan : struct, IScan
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &OfMemory<TScan, TSize, Slow>);
        }

        Scan<TScan, TSize>(c, o, TSize.Load(place));
        return Ops.Next(c, o);
    }

    private static void Scan<TScan, TSize>(CpuState* c, Op* o, uint value)
        where TScan : struct, IScan
        where TSize : struct, IOperandSize
    {
        if (value != 0)
        {
            TSize.Store((byte*)c + o->Destination, TScan.Do(value));
        }

        Flags.SetLogic(c, value);
    }

    private interface IScan
    {
        static abstract uint Do(uint value);
    }

    private readonly struct Forward : IScan
    {
        public static uint Do(uint value) => (uint)BitOperations.TrailingZeroCount(value);
    }

    private readonly struct Reverse : IScan
    {
        public static uint Do(uint value) => (uint)BitOperations.Log2(value);
    }
}
