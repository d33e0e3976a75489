using System.Runtime.CompilerServices;

namespace Gnomon.Cpu.Instructions;

/// <summary>A shift or rotate, with its flags (Intel SDM vol. 2, "RCL/RCR/ROL/ROR" and "SAL/SAR/SHL/SHR").</summary>
// SAFETY: the state is that of a live Processor.
internal unsafe interface IShift
{
    /// <summary>Shifts.</summary>
    /// <param name="c">The state, for the flags.</param>
    /// <param name="value">The operand, zero-extended.</param>
    /// <param name="count">The count, masked to five bits and not zero.</param>
    static abstract uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize;
}

// OF is defined for a count of one only; for others it comes out of the same formula. AF is left clear.

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Shl : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        ulong wide = (ulong)value << count;
        uint result = (uint)wide;
        uint carry = (uint)(wide >> TSize.Bits) & 1;
        uint sign = (result >> (TSize.Bits - 1)) & 1;
        Flags.SetResult(c, TSize.Extend(result), carry, carry ^ sign);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Shr : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        ulong wide = ((ulong)value << 1) >> count;
        uint result = (uint)(wide >> 1);
        uint before = (result >> (TSize.Bits - 2)) & 1;
        Flags.SetResult(c, TSize.Extend(result), (uint)wide & 1, before ^ ((result >> (TSize.Bits - 1)) & 1));
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Sar : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        long wide = ((long)(int)TSize.Extend(value) << 1) >> count;
        uint result = (uint)(wide >> 1);
        Flags.SetResult(c, TSize.Extend(result), (uint)wide & 1, 0);
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Rol : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        int turns = count & (TSize.Bits - 1);
        uint result = ((value << turns) | (uint)((ulong)value >> (TSize.Bits - turns))) & TSize.Mask;
        uint carry = result & 1;
        Rotates.SetCarryAndOverflow(c, carry, carry ^ (result >> (TSize.Bits - 1)));
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Ror : IShift
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        int turns = count & (TSize.Bits - 1);
        uint result = ((value >> turns) | (uint)((ulong)value << (TSize.Bits - turns))) & TSize.Mask;
        uint carry = result >> (TSize.Bits - 1);
        Rotates.SetCarryAndOverflow(c, carry, carry ^ ((result >> (TSize.Bits - 2)) & 1));
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Rcl : IShift
{
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        // CF and the operand together go round.
        int turns = count % (TSize.Bits + 1);
        ulong ring = ((ulong)Flags.CarryOf(c) << TSize.Bits) | value;
        ring = (ring << turns) | (ring >> (TSize.Bits + 1 - turns));
        uint result = (uint)ring & TSize.Mask;
        uint carry = (uint)(ring >> TSize.Bits) & 1;
        Rotates.SetCarryAndOverflow(c, carry, carry ^ (result >> (TSize.Bits - 1)));
        return result;
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Rcr : IShift
{
    public static uint Do<TSize>(CpuState* c, uint value, int count)
        where TSize : struct, IOperandSize
    {
        int turns = count % (TSize.Bits + 1);
        ulong ring = ((ulong)Flags.CarryOf(c) << TSize.Bits) | value;
        ring = (ring >> turns) | (ring << (TSize.Bits + 1 - turns));
        uint result = (uint)ring & TSize.Mask;
        uint top = result >> (TSize.Bits - 2);
        Rotates.SetCarryAndOverflow(c, (uint)(ring >> TSize.Bits) & 1, (top ^ (top >> 1)) & 1);
        return result;
    }
}

/// <summary>What rotates share: they set CF and OF and leave the other flags.</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class Rotates
{
    // SAFETY: the state is that of a live Processor.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetCarryAndOverflow(CpuState* c, uint carry, uint overflow) =>
        c->Carries = (c->Carries & 0x3FFF_FFFF) | (carry << 31) | ((carry ^ (overflow & 1)) << 30);
}
