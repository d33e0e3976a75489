using System.Runtime.CompilerServices;

namespace Gnomon.Cpu.Instructions;

/// <summary>A condition of Jcc, SETcc and CMOVcc, as a type parameter.</summary>
// SAFETY: the state is that of a live Processor.
internal unsafe interface ICondition
{
    /// <summary>Whether it holds.</summary>
    static abstract bool Holds(CpuState* c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfOverflow : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasOverflow(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfBelow : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasCarry(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasZero(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfBelowOrEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasCarry(c) || Flags.HasZero(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfSign : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasSign(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfParity : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasParity(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfLess : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.IsLess(c);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct IfLessOrEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => Flags.HasZero(c) || Flags.IsLess(c);
}

/// <summary>The opposite of a condition.</summary>
// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Unless<TCondition> : ICondition
    where TCondition : struct, ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(CpuState* c) => !TCondition.Holds(c);
}
