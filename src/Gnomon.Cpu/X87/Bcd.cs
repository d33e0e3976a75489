namespace Gnomon.Cpu.X87;

/// <summary>Packed BCD integers of 18 digits in 10 bytes (Intel SDM vol. 1, 4.7; vol. 2, FBLD and FBSTP).</summary>
internal static class Bcd
{
    private const ulong Limit = 1_000_000_000_000_000_000;

    /// <summary>FBLD (DF /4): 9 bytes of two digits each, the lowest first, then the sign in bit 7 of the last.</summary>
    public static void Load(ref X87State state, ulong low, ushort high)
    {
        ulong magnitude = 0;
        for (int i = 68; i >= 0; i -= 4)
        {
            uint digit = i >= 64 ? (uint)(high >> (i - 64)) & 0xF : (uint)(low >> i) & 0xF;
            magnitude = (magnitude * 10) + digit;
        }
        X87Stack.FinishPush(
            ref state, new X87Context(state.Control), Conversions.FromInteger((long)magnitude).WithSign((uint)high >> 15));
    }

    /// <summary>FBSTP (DF /6). The masked answer to an invalid operation is the packed BCD indefinite.</summary>
    public static X87PendingStore Store(in X87State state)
    {
        X87Context context = new(state.Control);
        Float80 value = X87Stores.Operand(state, ref context);
        if (!Conversions.TryRoundToInteger(value, context.RoundingControl, out ulong magnitude, out uint raised) || magnitude >= Limit)
        {
            context.Raised |= X87Status.Invalid;
            return X87Stores.Pending(context, 0xC000_0000_0000_0000, 0xFFFF, 10, pop: true);
        }
        context.Raised |= raised;
        ulong low = 0;
        for (int i = 0; i < 64; i += 4)
        {
            (magnitude, ulong digit) = Math.DivRem(magnitude, 10);
            low |= digit << i;
        }
        uint high = (uint)(((magnitude / 10) << 4) | (magnitude % 10)) | (value.Sign << 15);
        return X87Stores.Pending(context, low, (ushort)high, 10, pop: true);
    }
}
