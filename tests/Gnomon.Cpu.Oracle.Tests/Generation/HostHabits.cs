using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Cases whose whole result the manuals leave open, or that only a processor with more than the profile treats as it does.</summary>
internal static class HostHabits
{
    private const ushort One = 0x3FFF;
    private const ushort NotFinite = 0x7FFF;

    /// <summary>True for a case that says nothing about a tested processor.</summary>
    public static bool Decide(in InstructionCase c, in Instruction instruction) => instruction.Mnemonic switch
    {
        // With a repeat prefix, which is reserved here, AMD takes the condition from the prefix.
        Mnemonic.Loope or Mnemonic.Loopne => instruction.HasRepPrefix || instruction.HasRepnePrefix || HasRepeatByte(c),

        // AMD does not fetch a ModRM byte; at the end of a page that is another fault.
        Mnemonic.Ud0 or Mnemonic.Ud1 => (c.Context.Eip % AddressMap.PageBytes) + (uint)instruction.Length > AddressMap.PageBytes,

        // AMD looks whether it may write only when it does. An operand that needs no change must be in a writable segment (ARPL); of pages
        // nothing is said.
        Mnemonic.Arpl when instruction.Op0Kind == OpKind.Memory =>
            MeetsReadOnly(Addresses.Linear(c, instruction)) || !IsWritable(SelectorOf(c, instruction.MemorySegment)),

        // AMD reads the operand before it refuses the prefix.
        Mnemonic.Verw => instruction.HasLockPrefix,

        // Reserved bits of MXCSR are a fault only where there is SSE.
        Mnemonic.Fxrstor => CaseMemory.TryRead(c, Addresses.Linear(c, instruction) + 24, 4, out ulong control) && (control & 0xFFFF_0000) != 0,

        // Outside of its range the result is undefined, and no exception is promised: here there is no logarithm.
        Mnemonic.Fyl2xp1 => IsBelowMinusOne(FpuState.Register(c.Fpu, 0)),
        _ => false,
    };

    private static bool HasRepeatByte(in InstructionCase c)
    {
        // The decoder keeps only prefixes that have a meaning; the opcodes are E0 and E1, and the displacement is last.
        return c.CodeSpan[..^1].ContainsAny<byte>(0xF2, 0xF3);
    }

    private static bool MeetsReadOnly(uint address)
    {
        return IsReadOnly(address) || IsReadOnly(address + 1);

        static bool IsReadOnly(uint at) => at - AddressMap.LowData - AddressMap.WritableBytes < AddressMap.PageBytes
            || at - AddressMap.HighData - AddressMap.WritableBytes < AddressMap.PageBytes;
    }

    private static bool IsWritable(uint selector)
    {
        const uint Code = 8, Writable = 2;
        return (selector & 4) == 0
            ? selector != AddressMap.FlatCode
            : ((uint)(LocalDescriptors.All[(int)(selector >> 3)].Raw >> 40) & (Code | Writable)) == Writable;
    }

    private static uint SelectorOf(in InstructionCase c, Register segment) => segment switch
    {
        Register.CS => c.Context.Cs,
        Register.SS => c.Context.Ss,
        Register.DS => c.Context.Ds,
        Register.ES => c.Context.Es,
        Register.FS => c.Context.Fs,
        _ => c.Context.Gs,
    };

    private static bool IsBelowMinusOne(ReadOnlySpan<byte> register)
    {
        uint exponent = (uint)(register[8] | (register[9] << 8));
        return exponent >= 0x8000 + One && exponent < 0x8000 + NotFinite;
    }
}
