using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>MOV between registers, immediates and memory, MOVZX, MOVSX, LEA.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Moves
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Mov_rm8_r8, &MakeRmR<Size8>);
        table.Add(Code.Mov_rm16_r16, &MakeRmR<Size16>);
        table.Add(Code.Mov_rm32_r32, &MakeRmR<Size32>);
        table.Add(Code.Mov_r8_rm8, &MakeRRm<Size8>);
        table.Add(Code.Mov_r16_rm16, &MakeRRm<Size16>);
        table.Add(Code.Mov_r32_rm32, &MakeRRm<Size32>);
        table.Add(Code.Mov_AL_moffs8, &MakeRRm<Size8>);
        table.Add(Code.Mov_AX_moffs16, &MakeRRm<Size16>);
        table.Add(Code.Mov_EAX_moffs32, &MakeRRm<Size32>);
        table.Add(Code.Mov_moffs8_AL, &MakeRmR<Size8>);
        table.Add(Code.Mov_moffs16_AX, &MakeRmR<Size16>);
        table.Add(Code.Mov_moffs32_EAX, &MakeRmR<Size32>);
        table.Add(Code.Mov_r8_imm8, &MakeRmI<Size8>);
        table.Add(Code.Mov_r16_imm16, &MakeRmI<Size16>);
        table.Add(Code.Mov_r32_imm32, &MakeRmI<Size32>);
        table.Add(Code.Mov_rm8_imm8, &MakeRmI<Size8>);
        table.Add(Code.Mov_rm16_imm16, &MakeRmI<Size16>);
        table.Add(Code.Mov_rm32_imm32, &MakeRmI<Size32>);

        table.Add(Code.Movzx_r16_rm8, &MakeExtend<ZeroExtend, Size8, Size16>);
        table.Add(Code.Movzx_r32_rm8, &MakeExtend<ZeroExtend, Size8, Size32>);
        table.Add(Code.Movzx_r16_rm16, &MakeExtend<ZeroExtend, Size16, Size16>);
        table.Add(Code.Movzx_r32_rm16, &MakeExtend<ZeroExtend, Size16, Size32>);
        table.Add(Code.Movsx_r16_rm8, &MakeExtend<SignExtend, Size8, Size16>);
        table.Add(Code.Movsx_r32_rm8, &MakeExtend<SignExtend, Size8, Size32>);
        table.Add(Code.Movsx_r16_rm16, &MakeExtend<SignExtend, Size16, Size16>);
        table.Add(Code.Movsx_r32_rm16, &MakeExtend<SignExtend, Size16, Size32>);

        table.Add(Code.Lea_r16_m, &MakeLea<Size16>);
        table.Add(Code.Lea_r32_m, &MakeLea<Size32>);
    }

    private static void MakeRmR<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterRegister<TSize>);
        }
        else
        {
            b.SetMemory(&StoreRegister<TSize, Flat>, &StoreRegister<TSize, Segmented>);
        }
    }

    private static void MakeRRm<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&RegisterRegister<TSize>);
        }
        else
        {
            b.SetMemory(&Load<TSize, Flat>, &Load<TSize, Segmented>);
        }
    }

    private static void MakeRmI<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterImmediate<TSize>);
        }
        else
        {
            b.SetMemory(&StoreImmediate<TSize, Flat>, &StoreImmediate<TSize, Segmented>);
        }
    }

    private static void MakeExtend<TExtension, TFrom, TTo>(ref OpBuilder b)
        where TExtension : struct, IExtension
        where TFrom : struct, IOperandSize
        where TTo : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&ExtendRegister<TExtension, TFrom, TTo>);
        }
        else
        {
            b.SetMemory(&ExtendMemory<TExtension, TFrom, TTo, Flat>, &ExtendMemory<TExtension, TFrom, TTo, Segmented>);
        }
    }

    private static void MakeLea<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Memory();
        b.Op->Destination = b.Register(0);
        b.Set((b.Op->Flags & OpFlags.Address16) == 0 ? &Lea<TSize> : &Lea16<TSize>);
    }

    private static Op* RegisterRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        TSize.Store((byte*)c + o->Destination, TSize.Load((byte*)c + o->Source));
        return Ops.Next(c, o);
    }

    private static Op* RegisterImmediate<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        TSize.Store((byte*)c + o->Destination, o->Immediate);
        return Ops.Next(c, o);
    }

    private static Op* Load<TSize, TPath>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &Load<TSize, Slow>);
        }

        TSize.Store((byte*)c + o->Destination, TSize.Load(place));
        return Ops.Next(c, o);
    }

    private static Op* StoreRegister<TSize, TPath>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Write<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &StoreRegister<TSize, Slow>);
        }

        TSize.Store(place, TSize.Load((byte*)c + o->Source));
        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* StoreImmediate<TSize, TPath>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Write<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &StoreImmediate<TSize, Slow>);
        }

        TSize.Store(place, o->Immediate);
        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* ExtendRegister<TExtension, TFrom, TTo>(CpuState* c, Op* o)
        where TExtension : struct, IExtension
        where TFrom : struct, IOperandSize
        where TTo : struct, IOperandSize
    {
        TTo.Store((byte*)c + o->Destination, TExtension.Do<TFrom>(TFrom.Load((byte*)c + o->Source)));
        return Ops.Next(c, o);
    }

    private static Op* ExtendMemory<TExtension, TFrom, TTo, TPath>(CpuState* c, Op* o)
        where TExtension : struct, IExtension
        where TFrom : struct, IOperandSize
        where TTo : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TFrom>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &ExtendMemory<TExtension, TFrom, TTo, Slow>);
        }

        TTo.Store((byte*)c + o->Destination, TExtension.Do<TFrom>(TFrom.Load(place)));
        return Ops.Next(c, o);
    }

    private static Op* Lea<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        TSize.Store((byte*)c + o->Destination, EffectiveAddress.Of32(c, o));
        return Ops.Next(c, o);
    }

    private static Op* Lea16<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        TSize.Store((byte*)c + o->Destination, EffectiveAddress.Of(c, o));
        return Ops.Next(c, o);
    }

    private interface IExtension
    {
        static abstract uint Do<TFrom>(uint value)
            where TFrom : struct, IOperandSize;
    }

    private readonly struct ZeroExtend : IExtension
    {
        public static uint Do<TFrom>(uint value)
            where TFrom : struct, IOperandSize => value;
    }

    private readonly struct SignExtend : IExtension
    {
        public static uint Do<TFrom>(uint value)
            where TFrom : struct, IOperandSize => TFrom.Extend(value);
    }
}
