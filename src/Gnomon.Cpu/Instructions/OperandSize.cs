using System.Runtime.CompilerServices;

namespace Gnomon.Cpu.Instructions;

/// <summary>The size of an operand, as a type parameter: 8, 16 or 32 bits.</summary>
// SAFETY: the caller's pointer names a register of the state or bytes that a memory path has prepared.
internal unsafe interface IOperandSize
{
    /// <summary>1, 2 or 4.</summary>
    static abstract uint Bytes { get; }

    /// <summary>8, 16 or 32.</summary>
    static abstract int Bits { get; }

    /// <summary>The value's bits.</summary>
    static abstract uint Mask { get; }

    /// <summary>Reads a value, zero-extended.</summary>
    static abstract uint Load(byte* place);

    /// <summary>Writes the low bits of a value.</summary>
    static abstract void Store(byte* place, uint value);

    /// <summary>Sign-extends a value.</summary>
    static abstract uint Extend(uint value);

    /// <summary>Moves a vector of carries, bit by bit, to the places that <see cref="CpuState.Carries"/> keeps.</summary>
    static abstract uint Carries(uint vector);

    /// <summary>Replaces a value if it is still the expected one, interlocked.</summary>
    static abstract bool Replace(byte* place, uint expected, uint desired);
}

/// <summary>8 bits.</summary>
// SAFETY: the caller's pointer names a register of the state or bytes that a memory path has prepared.
internal readonly unsafe struct Size8 : IOperandSize
{
    public static uint Bytes => 1;

    public static int Bits => 8;

    public static uint Mask => 0xFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load(byte* place) => *place;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, uint value) => *place = (byte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Extend(uint value) => (uint)(sbyte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Carries(uint vector) => (vector & 8) | ((vector & 0xC0) << 24);

    public static bool Replace(byte* place, uint expected, uint desired) =>
        Interlocked.CompareExchange(ref *place, (byte)desired, (byte)expected) == (byte)expected;
}

/// <summary>16 bits.</summary>
// SAFETY: the caller's pointer names a register of the state or bytes that a memory path has prepared.
internal readonly unsafe struct Size16 : IOperandSize
{
    public static uint Bytes => 2;

    public static int Bits => 16;

    public static uint Mask => 0xFFFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load(byte* place) => Unsafe.ReadUnaligned<ushort>(place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, uint value) => Unsafe.WriteUnaligned(place, (ushort)value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Extend(uint value) => (uint)(short)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Carries(uint vector) => (vector & 8) | ((vector & 0xC000) << 16);

    public static bool Replace(byte* place, uint expected, uint desired) =>
        Interlocked.CompareExchange(ref *(ushort*)place, (ushort)desired, (ushort)expected) == (ushort)expected;
}

/// <summary>32 bits.</summary>
// SAFETY: the caller's pointer names a register of the state or bytes that a memory path has prepared.
internal readonly unsafe struct Size32 : IOperandSize
{
    public static uint Bytes => 4;

    public static int Bits => 32;

    public static uint Mask => uint.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load(byte* place) => Unsafe.ReadUnaligned<uint>(place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, uint value) => Unsafe.WriteUnaligned(place, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Extend(uint value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Carries(uint vector) => vector & Flags.CarryBits;

    public static bool Replace(byte* place, uint expected, uint desired) =>
        Interlocked.CompareExchange(ref *(uint*)place, desired, expected) == expected;
}
