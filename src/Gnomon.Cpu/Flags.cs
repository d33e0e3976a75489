using System.Numerics;
using System.Runtime.CompilerServices;

namespace Gnomon.Cpu;

/// <summary>
/// EFLAGS. The six status flags are not kept: an instruction leaves its result and its carries behind, and who asks derives the flag.
/// </summary>
//  CpuState.Result: the result, sign-extended to 32 bits. ZF is "it is zero".
//  CpuState.Carries:
//
//   31   30                  15            8            3         0
//  +----+----+--------------+----------------+--------+----+-----+-----+
//  | CF |C/O |      0       |  parity delta  |   0    | AF |  0  | SFD |
//  +----+----+--------------+----------------+--------+----+-----+-----+
//
//  OF is bit 31 xor bit 30 (the carry out of the sign bit xor the carry into it). SF is the result's sign xor SFD, PF the parity of the
//  result's low byte xor the parity delta: both zero after arithmetic, set when flags are loaded that no result has (POPF, SAHF).
// SAFETY: the state is that of a live Processor.
internal static unsafe class Flags
{
    public const uint Carry = 1 << 0;
    public const uint One = 1 << 1;
    public const uint Parity = 1 << 2;
    public const uint Adjust = 1 << 4;
    public const uint Zero = 1 << 6;
    public const uint Sign = 1 << 7;
    public const uint Trap = 1 << 8;
    public const uint Interrupt = 1 << 9;
    public const uint Direction = 1 << 10;
    public const uint Overflow = 1 << 11;
    public const uint Iopl = 3 << 12;
    public const uint NestedTask = 1 << 14;
    public const uint Resume = 1 << 16;
    public const uint Virtual8086 = 1 << 17;
    public const uint AlignmentCheck = 1 << 18;
    public const uint VirtualInterrupt = 1 << 19;
    public const uint VirtualInterruptPending = 1 << 20;
    public const uint Identification = 1 << 21;

    /// <summary>CF PF AF ZF SF OF.</summary>
    public const uint Status = Carry | Parity | Adjust | Zero | Sign | Overflow;

    /// <summary>The flags kept as they are, in <see cref="CpuState.SystemFlags"/>.</summary>
    public const uint NotStatus = Trap | Interrupt | Direction | Iopl | NestedTask | Resume | Virtual8086 | AlignmentCheck
        | VirtualInterrupt | VirtualInterruptPending | Identification;

    /// <summary>The bits of <see cref="CpuState.Carries"/> that arithmetic sets.</summary>
    public const uint CarryBits = 0xC000_0008;

    // SAFETY (all members): the pointer is that of a live Processor's state.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint CarryOf(CpuState* c) => c->Carries >> 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasCarry(CpuState* c) => (int)c->Carries < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasZero(CpuState* c) => c->Result == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasSign(CpuState* c) => (int)(c->Result ^ (c->Carries << 31)) < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasOverflow(CpuState* c) => (int)(c->Carries ^ (c->Carries << 1)) < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasParity(CpuState* c) => (BitOperations.PopCount((byte)(c->Result ^ (c->Carries >> 8))) & 1) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasAdjust(CpuState* c) => (c->Carries & 8) != 0;

    /// <summary>SF differs from OF: less, signed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLess(CpuState* c) => (int)(c->Result ^ (c->Carries << 31) ^ c->Carries ^ (c->Carries << 1)) < 0;

    /// <summary>The whole of EFLAGS.</summary>
    public static uint Read(CpuState* c) => c->SystemFlags | One
        | (HasCarry(c) ? Carry : 0) | (HasParity(c) ? Parity : 0) | (HasAdjust(c) ? Adjust : 0)
        | (HasZero(c) ? Zero : 0) | (HasSign(c) ? Sign : 0) | (HasOverflow(c) ? Overflow : 0);

    /// <summary>Sets EFLAGS, all of it. Who changes TF, IF, VM or AC also tells the processor (<see cref="Processor"/>).</summary>
    public static void Write(CpuState* c, uint value)
    {
        c->SystemFlags = (value & NotStatus) | One;
        WriteStatus(c, value);
    }

    /// <summary>Sets the six status flags from their places in EFLAGS.</summary>
    public static void WriteStatus(CpuState* c, uint value)
    {
        // A result that is zero or one gives ZF; the deltas then correct SF and PF.
        uint result = (value & Zero) != 0 ? 0u : 1u;
        uint parityOfResult = result == 0 ? 1u : 0u;
        uint wanted = (value & Parity) != 0 ? 1u : 0u;
        uint carry = value & Carry;
        uint overflow = (value >> 11) & 1;
        c->Result = result;
        c->Carries = (carry << 31) | ((carry ^ overflow) << 30) | ((parityOfResult ^ wanted) << 8)
            | ((value & Adjust) >> 1) | ((value & Sign) >> 7);
    }

    /// <summary>Sets CF and leaves the other flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetCarry(CpuState* c, uint carry)
    {
        // OF is bit 31 xor bit 30: both flip together.
        uint flip = (c->Carries ^ (carry << 31)) & 0x8000_0000;
        c->Carries ^= flip | (flip >> 1);
    }

    /// <summary>Sets the flags after a logical operation: CF, OF and AF clear.</summary>
    /// <param name="c">The state.</param>
    /// <param name="result">The result, sign-extended.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetLogic(CpuState* c, uint result)
    {
        c->Result = result;
        c->Carries = 0;
    }

    /// <summary>Sets CF and OF beside a result: shifts, multiplications.</summary>
    /// <param name="c">The state.</param>
    /// <param name="result">The result, sign-extended.</param>
    /// <param name="carry">CF, 0 or 1.</param>
    /// <param name="overflow">OF, 0 or 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetResult(CpuState* c, uint result, uint carry, uint overflow)
    {
        c->Result = result;
        c->Carries = (carry << 31) | ((carry ^ overflow) << 30);
    }
}
