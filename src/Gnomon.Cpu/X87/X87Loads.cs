namespace Gnomon.Cpu.X87;

/// <summary>FLD, FILD, FBLD and the constants (Intel SDM vol. 1, 8.3.3 and 8.3.4). A memory operand has been read before the call:
/// a fault of the read leaves the state as it was.</summary>
internal static class X87Loads
{
    /// <summary>FLD of 32 bits (D9 /0).</summary>
    public static void Single(ref X87State state, uint bits)
    {
        Float80 value = Conversions.FromSingle(bits, out bool denormal);
        Load(ref state, value, denormal);
    }

    /// <summary>FLD of 64 bits (DD /0).</summary>
    public static void Double(ref X87State state, ulong bits)
    {
        Float80 value = Conversions.FromDouble(bits, out bool denormal);
        Load(ref state, value, denormal);
    }

    /// <summary>FLD of 80 bits (DB /5): no exception but stack overflow.</summary>
    public static void Extended(ref X87State state, ulong significand, ushort signExponent) =>
        X87Stack.FinishPush(ref state, new X87Context(state.Control), new Float80(significand, signExponent));

    /// <summary>FILD of 16 (DF /0), 32 (DB /0) or 64 bits (DF /5), extended by its sign.</summary>
    public static void Integer(ref X87State state, long value) =>
        X87Stack.FinishPush(ref state, new X87Context(state.Control), Conversions.FromInteger(value));

    /// <summary>FLD ST(<paramref name="index"/>).</summary>
    public static void Register(ref X87State state, int index)
    {
        if (!state.IsEmpty(index))
        {
            X87Stack.FinishPush(ref state, new X87Context(state.Control), state.Get(index));
        }
        else if (X87Stack.RaiseUnderflow(ref state))
        {
            state.Push(Float80.Indefinite);
        }
    }

    private static void Load(ref X87State state, Float80 value, bool denormal)
    {
        X87Context context = new(state.Control) { DenormalOperand = denormal };
        if (value.IsSignalingNaN)
        {
            context.Raised |= X87Status.Invalid;
            value = value.Quieted();
        }
        if (!state.IsEmpty(7))
        {
            X87Stack.Overflow(ref state);
            return;
        }
        bool suppressed = context.IsSuppressed;
        context.StopsAtDenormal(denormal: false);
        state.Raise(context.Raised);
        if (!suppressed)
        {
            // A denormal is loaded even if its exception is unmasked: the source in memory is unchanged, and its value exact.
            state.Push(value);
        }
    }
}
