using System.Runtime.CompilerServices;

namespace Gnomon.Cpu.Instructions;

/// <summary>An arithmetic or logical operation on two operands of any size, with its flags.</summary>
// SAFETY: the state is that of a live Processor.
internal unsafe interface IBinaryOperation
{
    /// <summary>Whether the destination is only compared.</summary>
    static abstract bool Discards { get; }

    /// <summary>Computes, and leaves result and carries behind.</summary>
    /// <returns>The result; its bits above the size are of no meaning.</returns>
    static abstract uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize;
}

// The carry out of each bit of a sum is (a AND b) OR ((a OR b) AND NOT r); the borrow into each bit of a difference likewise with NOT a.

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Add : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left + right;
        c->Carries = TSize.Carries((left & right) | ((left | right) & ~result));
        c->Result = TSize.Extend(result);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Adc : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left + right + Flags.CarryOf(c);
        c->Carries = TSize.Carries((left & right) | ((left | right) & ~result));
        c->Result = TSize.Extend(result);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Sub : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left - right;
        c->Carries = TSize.Carries((~left & right) | ((~left | right) & result));
        c->Result = TSize.Extend(result);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Sbb : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left - right - Flags.CarryOf(c);
        c->Carries = TSize.Carries((~left & right) | ((~left | right) & result));
        c->Result = TSize.Extend(result);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Cmp : IBinaryOperation
{
    public static bool Discards => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize => Sub.Do<TSize>(c, left, right);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct And : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left & right;
        Flags.SetLogic(c, TSize.Extend(result));
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Test : IBinaryOperation
{
    public static bool Discards => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize => And.Do<TSize>(c, left, right);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Or : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left | right;
        Flags.SetLogic(c, TSize.Extend(result));
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Xor : IBinaryOperation
{
    public static bool Discards => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint left, uint right)
        where TSize : struct, IOperandSize
    {
        uint result = left ^ right;
        Flags.SetLogic(c, TSize.Extend(result));
        return result;
    }
}

/// <summary>An operation on one operand.</summary>
// SAFETY: the state is that of a live Processor.
internal unsafe interface IUnaryOperation
{
    /// <summary>Computes, and leaves flags behind where it has any.</summary>
    static abstract uint Do<TSize>(CpuState* c, uint value)
        where TSize : struct, IOperandSize;
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Inc : IUnaryOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value)
        where TSize : struct, IOperandSize
    {
        uint result = value + 1;
        KeepCarry<TSize>(c, value & ~result, result);
        return result;
    }

    // INC and DEC leave CF alone: OF moves with it, since it is kept as a difference from CF.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void KeepCarry<TSize>(CpuState* c, uint vector, uint result)
        where TSize : struct, IOperandSize
    {
        uint carries = TSize.Carries(vector);
        uint flip = (carries ^ c->Carries) & 0x8000_0000;
        c->Carries = carries ^ flip ^ (flip >> 1);
        c->Result = TSize.Extend(result);
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Dec : IUnaryOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value)
        where TSize : struct, IOperandSize
    {
        uint result = value - 1;
        Inc.KeepCarry<TSize>(c, ~value & result, result);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Neg : IUnaryOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value)
        where TSize : struct, IOperandSize => Sub.Do<TSize>(c, 0, value);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Not : IUnaryOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value)
        where TSize : struct, IOperandSize => ~value;
}
