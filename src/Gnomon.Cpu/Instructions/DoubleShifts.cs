using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>SHLD and SHRD. A count above the operand's size is undefined; here the two operands then follow one another for ever.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class DoubleShifts
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Shld_rm16_r16_imm8, &Make<Left, Size16, Shifts.FromImmediate>);
        table.Add(Code.Shld_rm32_r32_imm8, &Make<Left, Size32, Shifts.FromImmediate>);
        table.Add(Code.Shld_rm16_r16_CL, &Make<Left, Size16, Shifts.FromCl>);
        table.Add(Code.Shld_rm32_r32_CL, &Make<Left, Size32, Shifts.FromCl>);
        table.Add(Code.Shrd_rm16_r16_imm8, &Make<Right, Size16, Shifts.FromImmediate>);
        table.Add(Code.Shrd_rm32_r32_imm8, &Make<Right, Size32, Shifts.FromImmediate>);
        table.Add(Code.Shrd_rm16_r16_CL, &Make<Right, Size16, Shifts.FromCl>);
        table.Add(Code.Shrd_rm32_r32_CL, &Make<Right, Size32, Shifts.FromCl>);
    }

    private static void Make<TDirection, TSize, TCount>(ref OpBuilder b)
        where TDirection : struct, IDirection
        where TSize : struct, IOperandSize
        where TCount : struct, Shifts.ICount
    {
        b.Op->Source = b.Register(1);
        b.Op->Immediate = b.Instruction.Op2Kind == OpKind.Immediate8 ? b.Immediate(2) & 31 : 0;
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&Registers<TDirection, TSize, TCount>);
        }
        else
        {
            b.SetMemory(&Memory<TDirection, TSize, TCount, Flat>, &Memory<TDirection, TSize, TCount, Segmented>);
        }
    }

    private static Op* Registers<TDirection, TSize, TCount>(CpuState* c, Op* o)
        where TDirection : struct, IDirection
        where TSize : struct, IOperandSize
        where TCount : struct, Shifts.ICount
    {
        int count = TCount.Of(c, o);
        if (count != 0)
        {
            byte* destination = (byte*)c + o->Destination;
            TSize.Store(destination, TDirection.Do<TSize>(c, TSize.Load(destination), TSize.Load((byte*)c + o->Source), count));
        }

        return Ops.Next(c, o);
    }

    private static Op* Memory<TDirection, TSize, TCount, TPath>(CpuState* c, Op* o)
        where TDirection : struct, IDirection
        where TSize : struct, IOperandSize
        where TCount : struct, Shifts.ICount
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Modify<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &Memory<TDirection, TSize, TCount, Slow>);
        }

        int count = TCount.Of(c, o);
        if (count != 0)
        {
            TSize.Store(place, TDirection.Do<TSize>(c, TSize.Load(place), TSize.Load((byte*)c + o->Source), count));
        }

        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private interface IDirection
    {
        static abstract uint Do<TSize>(CpuState* c, uint value, uint filler, int count)
            where TSize : struct, IOperandSize;
    }

    private readonly struct Left : IDirection
    {
        public static uint Do<TSize>(CpuState* c, uint value, uint filler, int count)
            where TSize : struct, IOperandSize
        {
            // value, filler, and for 16 bits value again: 48 or 64 bits that move through the operand.
            ulong row = TSize.Bits == 32 ? ((ulong)value << 32) | filler : ((ulong)value << 48) | ((ulong)filler << 32) | ((ulong)value << 16);
            uint result = (uint)((row << count) >> (64 - TSize.Bits));
            uint carry = (uint)(row >> (64 - count)) & 1;
            Flags.SetResult(c, TSize.Extend(result), carry, ((result ^ value) >> (TSize.Bits - 1)) & 1);
            return result;
        }
    }

    private readonly struct Right : IDirection
    {
        public static uint Do<TSize>(CpuState* c, uint value, uint filler, int count)
            where TSize : struct, IOperandSize
        {
            ulong row = TSize.Bits == 32 ? ((ulong)filler << 32) | value : ((ulong)value << 32) | ((ulong)filler << 16) | value;
            uint result = (uint)(row >> count) & TSize.Mask;
            uint carry = (uint)(row >> (count - 1)) & 1;
            Flags.SetResult(c, TSize.Extend(result), carry, ((result ^ value) >> (TSize.Bits - 1)) & 1);
            return result;
        }
    }
}
