using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>MUL and IMUL. CF and OF say whether the upper half is more than an extension of the lower; the other flags are undefined and
/// come from the lower half.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Multiply
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Mul_rm8, &MakeOne<Unsigned, Size8>);
        table.Add(Code.Mul_rm16, &MakeOne<Unsigned, Size16>);
        table.Add(Code.Mul_rm32, &MakeOne<Unsigned, Size32>);
        table.Add(Code.Imul_rm8, &MakeOne<Signed, Size8>);
        table.Add(Code.Imul_rm16, &MakeOne<Signed, Size16>);
        table.Add(Code.Imul_rm32, &MakeOne<Signed, Size32>);
        table.Add(Code.Imul_r16_rm16, &MakeTwo<Size16>);
        table.Add(Code.Imul_r32_rm32, &MakeTwo<Size32>);
        table.Add(Code.Imul_r16_rm16_imm16, &MakeThree<Size16>);
        table.Add(Code.Imul_r32_rm32_imm32, &MakeThree<Size32>);
        table.Add(Code.Imul_r16_rm16_imm8, &MakeThree<Size16>);
        table.Add(Code.Imul_r32_rm32_imm8, &MakeThree<Size32>);
    }

    private static void MakeOne<TSign, TSize>(ref OpBuilder b)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Source = b.Register(0);
            b.Set(&OneRegister<TSign, TSize>);
        }
        else
        {
            b.SetMemory(&OneMemory<TSign, TSize, Flat>, &OneMemory<TSign, TSize, Segmented>);
        }
    }

    private static void MakeTwo<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&TwoRegisters<TSize>);
        }
        else
        {
            b.SetMemory(&TwoMemory<TSize, Flat>, &TwoMemory<TSize, Segmented>);
        }
    }

    private static void MakeThree<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        b.Op->Immediate = b.Immediate(2);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&ThreeRegisters<TSize>);
        }
        else
        {
            b.SetMemory(&ThreeMemory<TSize, Flat>, &ThreeMemory<TSize, Segmented>);
        }
    }

    private static Op* OneRegister<TSign, TSize>(CpuState* c, Op* o)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
    {
        Wide<TSign, TSize>(c, TSize.Load((byte*)c + o->Source));
        return Ops.Next(c, o);
    }

    private static Op* OneMemory<TSign, TSize, TPath>(CpuState* c, Op* o)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &OneMemory<TSign, TSize, Slow>);
        }

        Wide<TSign, TSize>(c, TSize.Load(place));
        return Ops.Next(c, o);
    }

    // AX, DX:AX or EDX:EAX becomes the product with the accumulator.
    private static void Wide<TSign, TSize>(CpuState* c, uint factor)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
    {
        ulong product = TSign.Times<TSize>(TSize.Load((byte*)c), factor);
        uint low = (uint)product & TSize.Mask;
        uint high = (uint)(product >> TSize.Bits) & TSize.Mask;
        if (TSize.Bits == 8)
        {
            Size16.Store((byte*)c, (uint)product);
        }
        else
        {
            TSize.Store((byte*)c, low);
            TSize.Store((byte*)(c->Registers + 2), high);
        }

        uint overflow = TSign.Fits<TSize>(low, high) ? 0u : 1u;
        Flags.SetResult(c, TSize.Extend(low), overflow, overflow);
    }

    private static Op* TwoRegisters<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* destination = (byte*)c + o->Destination;
        TSize.Store(destination, Narrow<TSize>(c, TSize.Load(destination), TSize.Load((byte*)c + o->Source)));
        return Ops.Next(c, o);
    }

    private static Op* TwoMemory<TSize, TPath>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &TwoMemory<TSize, Slow>);
        }

        byte* destination = (byte*)c + o->Destination;
        TSize.Store(destination, Narrow<TSize>(c, TSize.Load(destination), TSize.Load(place)));
        return Ops.Next(c, o);
    }

    private static Op* ThreeRegisters<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        TSize.Store((byte*)c + o->Destination, Narrow<TSize>(c, TSize.Load((byte*)c + o->Source), o->Immediate));
        return Ops.Next(c, o);
    }

    private static Op* ThreeMemory<TSize, TPath>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &ThreeMemory<TSize, Slow>);
        }

        TSize.Store((byte*)c + o->Destination, Narrow<TSize>(c, TSize.Load(place), o->Immediate));
        return Ops.Next(c, o);
    }

    private static uint Narrow<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        long product = (long)(int)TSize.Extend(left) * (int)TSize.Extend(right);
        uint result = TSize.Extend((uint)product);
        uint overflow = product == (int)result ? 0u : 1u;
        Flags.SetResult(c, result, overflow, overflow);
        return result;
    }

    private interface ISign
    {
        static abstract ulong Times<TSize>(uint left, uint right)
            where TSize : struct, IOperandSize;

        static abstract bool Fits<TSize>(uint low, uint high)
            where TSize : struct, IOperandSize;
    }

    private readonly struct Unsigned : ISign
    {
        public static ulong Times<TSize>(uint left, uint right)
            where TSize : struct, IOperandSize => (ulong)left * right;

        public static bool Fits<TSize>(uint low, uint high)
            where TSize : struct, IOperandSize => high == 0;
    }

    private readonly struct Signed : ISign
    {
        public static ulong Times<TSize>(uint left, uint right)
            where TSize : struct, IOperandSize => (ulong)((long)(int)TSize.Extend(left) * (int)TSize.Extend(right));

        public static bool Fits<TSize>(uint low, uint high)
            where TSize : struct, IOperandSize => TSize.Extend(high) == (uint)((int)TSize.Extend(low) >> 31);
    }
}
