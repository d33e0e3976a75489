using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>ROL ROR RCL RCR SHL SHR SAL SAR, by one, an immediate or CL. A count of zero, after masking to five bits, changes nothing; a
/// memory operand is then still checked for writing.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Shifts
{
    public static void Register(InstructionTable table)
    {
        // Iced's order in each of the three groups: the eight operations, each with 8, 16, 32 and 64 bits.
        Family<Rol>(table, 0);
        Family<Ror>(table, 1);
        Family<Rcl>(table, 2);
        Family<Rcr>(table, 3);
        Family<Shl>(table, 4);
        Family<Shr>(table, 5);
        Family<Shl>(table, 6);
        Family<Sar>(table, 7);
    }

    private static void Family<TShift>(InstructionTable table, int number)
        where TShift : struct, IShift
    {
        table.Add(Code.Rol_rm8_imm8 + number, &MakeImmediate<TShift, Size8>);
        table.Add(Code.Rol_rm16_imm8 + (number * 3), &MakeImmediate<TShift, Size16>);
        table.Add(Code.Rol_rm32_imm8 + (number * 3), &MakeImmediate<TShift, Size32>);
        table.Add(Code.Rol_rm8_1 + number, &MakeImmediate<TShift, Size8>);
        table.Add(Code.Rol_rm16_1 + (number * 3), &MakeImmediate<TShift, Size16>);
        table.Add(Code.Rol_rm32_1 + (number * 3), &MakeImmediate<TShift, Size32>);
        table.Add(Code.Rol_rm8_CL + number, &MakeByCl<TShift, Size8>);
        table.Add(Code.Rol_rm16_CL + (number * 3), &MakeByCl<TShift, Size16>);
        table.Add(Code.Rol_rm32_CL + (number * 3), &MakeByCl<TShift, Size32>);
    }

    private static void MakeImmediate<TShift, TSize>(ref OpBuilder b)
        where TShift : struct, IShift
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(1) & 31;
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(b.Op->Immediate == 0 ? &Nothing : &RegisterImmediate<TShift, TSize>);
        }
        else
        {
            b.SetMemory(&Memory<TShift, TSize, FromImmediate, Flat>, &Memory<TShift, TSize, FromImmediate, Segmented>);
        }
    }

    private static void MakeByCl<TShift, TSize>(ref OpBuilder b)
        where TShift : struct, IShift
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterByCl<TShift, TSize>);
        }
        else
        {
            b.SetMemory(&Memory<TShift, TSize, FromCl, Flat>, &Memory<TShift, TSize, FromCl, Segmented>);
        }
    }

    private static Op* Nothing(CpuState* c, Op* o) => Ops.Next(c, o);

    private static Op* RegisterImmediate<TShift, TSize>(CpuState* c, Op* o)
        where TShift : struct, IShift
        where TSize : struct, IOperandSize
    {
        byte* destination = (byte*)c + o->Destination;
        TSize.Store(destination, TShift.Do<TSize>(c, TSize.Load(destination), (int)o->Immediate));
        return Ops.Next(c, o);
    }

    private static Op* RegisterByCl<TShift, TSize>(CpuState* c, Op* o)
        where TShift : struct, IShift
        where TSize : struct, IOperandSize
    {
        int count = FromCl.Of(c, o);
        if (count != 0)
        {
            byte* destination = (byte*)c + o->Destination;
            TSize.Store(destination, TShift.Do<TSize>(c, TSize.Load(destination), count));
        }

        return Ops.Next(c, o);
    }

    private static Op* Memory<TShift, TSize, TCount, TPath>(CpuState* c, Op* o)
        where TShift : struct, IShift
        where TSize : struct, IOperandSize
        where TCount : struct, ICount
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Modify<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &Memory<TShift, TSize, TCount, Slow>);
        }

        int count = TCount.Of(c, o);
        if (count != 0)
        {
            TSize.Store(place, TShift.Do<TSize>(c, TSize.Load(place), count));
        }

        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    internal interface ICount
    {
        static abstract int Of(CpuState* c, Op* o);
    }

    internal readonly struct FromImmediate : ICount
    {
        public static int Of(CpuState* c, Op* o) => (int)o->Immediate;
    }

    internal readonly struct FromCl : ICount
    {
        public static int Of(CpuState* c, Op* o) => (int)c->Registers[1] & 31;
    }
}
