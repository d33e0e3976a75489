namespace Gnomon.Cpu.X87;

/// <summary>The instructions D9 F0 to D9 FF: remainders, scaling and the functions (Intel SDM vol. 1, 8.3.5, 8.3.7 and 8.3.9).</summary>
internal static class X87Functions
{
    /// <summary>Executes D9 F0 + <paramref name="number"/>.</summary>
    public static void Execute(ref X87State state, int number)
    {
        switch (number)
        {
            case 0x0:
                X87Transcendentals.Exponential(ref state);
                break;
            case 0x1 or 0x9:
                X87Transcendentals.Logarithm(ref state, plusOne: number == 9);
                break;
            case 0x2:
                X87Transcendentals.Tangent(ref state);
                break;
            case 0x3:
                X87Transcendentals.ArcTangent(ref state);
                break;
            case 0x4:
                Extract(ref state);
                break;
            case 0x5 or 0x8:
                PartialRemainder(ref state, nearest: number == 5);
                break;
            case 0x6 or 0x7:
                X87Stack.MoveTop(ref state, number == 6 ? -1 : 1);
                break;
            case 0xA:
                X87Arithmetic.SquareRootOfTop(ref state);
                break;
            case 0xB:
                X87Transcendentals.SineAndCosine(ref state);
                break;
            case 0xC:
                RoundToInteger(ref state);
                break;
            case 0xD:
                Scale(ref state);
                break;
            case 0xE or 0xF:
                X87Transcendentals.SineOrCosine(ref state, cosine: number == 0xF);
                break;
        }
    }

    /// <summary>FPREM, and with <paramref name="nearest"/> FPREM1.</summary>
    public static void PartialRemainder(ref X87State state, bool nearest)
    {
        state.Status = (ushort)(state.Status & ~X87Status.C2);
        if (state.IsEmpty(0) || state.IsEmpty(1))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = Remainder.Compute(state.Get(0), state.Get(1), nearest, out uint codes, ref context);
        if ((codes & Remainder.NoQuotient) == 0)
        {
            state.Status = (ushort)(state.Status & ~(X87Status.C0 | X87Status.C3));
            context.Raised |= codes;
        }
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    /// <summary>FRNDINT.</summary>
    public static void RoundToInteger(ref X87State state)
    {
        if (state.IsEmpty(0))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = Scaling.RoundToInteger(state.Get(0), ref context);
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    /// <summary>FSCALE.</summary>
    public static void Scale(ref X87State state)
    {
        if (state.IsEmpty(0) || state.IsEmpty(1))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = Scaling.Scale(state.Get(0), state.Get(1), ref context);
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    /// <summary>FXTRACT: the exponent replaces ST(0), then the significand is pushed.</summary>
    public static void Extract(ref X87State state)
    {
        if (!X87Stack.IsReadyToReplaceAndPush(ref state))
        {
            return;
        }
        X87Context context = new(state.Control);
        Float80 exponent = Scaling.Extract(state.Get(0), out Float80 significand, ref context);
        X87Stack.FinishReplaceAndPush(ref state, context, exponent, significand);
    }
}
