using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>DIV and IDIV: #DE by zero and where the quotient does not fit. All flags are undefined; they stay.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Divide
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Div_rm8, &Make<Unsigned, Size8>);
        table.Add(Code.Div_rm16, &Make<Unsigned, Size16>);
        table.Add(Code.Div_rm32, &Make<Unsigned, Size32>);
        table.Add(Code.Idiv_rm8, &Make<Signed, Size8>);
        table.Add(Code.Idiv_rm16, &Make<Signed, Size16>);
        table.Add(Code.Idiv_rm32, &Make<Signed, Size32>);
    }

    private static void Make<TSign, TSize>(ref OpBuilder b)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Source = b.Register(0);
            b.Set(&ByRegister<TSign, TSize>);
        }
        else
        {
            b.SetMemory(&ByMemory<TSign, TSize, Flat>, &ByMemory<TSign, TSize, Segmented>);
        }
    }

    private static Op* ByRegister<TSign, TSize>(CpuState* c, Op* o)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize => By<TSign, TSize>(c, o, TSize.Load((byte*)c + o->Source));

    private static Op* ByMemory<TSign, TSize, TPath>(CpuState* c, Op* o)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        return place == null ? TPath.Miss(c, o, &ByMemory<TSign, TSize, Slow>) : By<TSign, TSize>(c, o, TSize.Load(place));
    }

    // The dividend is AX, DX:AX or EDX:EAX; quotient and remainder go to its lower and upper half.
    private static Op* By<TSign, TSize>(CpuState* c, Op* o, uint divisor)
        where TSign : struct, ISign
        where TSize : struct, IOperandSize
    {
        byte* high = TSize.Bits == 8 ? (byte*)c + 1 : (byte*)(c->Registers + 2);
        ulong dividend = ((ulong)TSize.Load(high) << TSize.Bits) | TSize.Load((byte*)c);
        if (divisor == 0 || !TSign.TryDivide<TSize>(dividend, divisor, out uint quotient, out uint remainder))
        {
            return Ops.Fault(c, o, Vector.DivideError);
        }

        TSize.Store((byte*)c, quotient);
        TSize.Store(high, remainder);
        return Ops.Next(c, o);
    }

    private interface ISign
    {
        static abstract bool TryDivide<TSize>(ulong dividend, uint divisor, out uint quotient, out uint remainder)
            where TSize : struct, IOperandSize;
    }

    private readonly struct Unsigned : ISign
    {
        public static bool TryDivide<TSize>(ulong dividend, uint divisor, out uint quotient, out uint remainder)
            where TSize : struct, IOperandSize
        {
            ulong wide = dividend / divisor;
            quotient = (uint)wide;
            remainder = (uint)(dividend - (wide * divisor));
            return wide <= TSize.Mask;
        }
    }

    private readonly struct Signed : ISign
    {
        public static bool TryDivide<TSize>(ulong dividend, uint divisor, out uint quotient, out uint remainder)
            where TSize : struct, IOperandSize
        {
            int unused = 64 - (2 * TSize.Bits);
            long value = (long)(dividend << unused) >> unused;
            int by = (int)TSize.Extend(divisor);
            if (value == long.MinValue && by == -1)
            {
                quotient = remainder = 0;
                return false;
            }

            long wide = value / by;
            quotient = (uint)wide;
            remainder = (uint)(value - (wide * by));
            return wide == (int)TSize.Extend((uint)wide);
        }
    }
}
