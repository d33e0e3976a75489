namespace Gnomon.Cpu.X87;

/// <summary>F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS, FSINCOS and FPTAN on the stack (Intel SDM vol. 1, 8.3.7 to 8.3.10).</summary>
internal static class X87Transcendentals
{
    /// <summary>F2XM1.</summary>
    public static void Exponential(ref X87State state)
    {
        if (state.IsEmpty(0))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = TranscendentalLogarithm.Exponential(state.Get(0), ref context);
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    /// <summary>FYL2X, and with <paramref name="plusOne"/> FYL2XP1: into ST(1), then a pop.</summary>
    public static void Logarithm(ref X87State state, bool plusOne)
    {
        if (state.IsEmpty(0) || state.IsEmpty(1))
        {
            X87Stack.Underflow(ref state, 1, pop: true);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = plusOne
            ? TranscendentalLogarithm.LogarithmPlusOne(state.Get(0), state.Get(1), ref context)
            : TranscendentalLogarithm.Logarithm(state.Get(0), state.Get(1), ref context);
        X87Stack.Finish(ref state, context, 1, result, pop: true);
    }

    /// <summary>FPATAN: into ST(1), then a pop.</summary>
    public static void ArcTangent(ref X87State state)
    {
        if (state.IsEmpty(0) || state.IsEmpty(1))
        {
            X87Stack.Underflow(ref state, 1, pop: true);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = TranscendentalArcTangent.ArcTangent(state.Get(1), state.Get(0), ref context);
        X87Stack.Finish(ref state, context, 1, result, pop: true);
    }

    /// <summary>FSIN, and with <paramref name="cosine"/> FCOS.</summary>
    public static void SineOrCosine(ref X87State state, bool cosine)
    {
        ClearC2(ref state);
        if (state.IsEmpty(0))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        Float80 value = state.Get(0);
        if (IsOutOfRange(ref state, value))
        {
            return;
        }
        X87Context context = new(state.Control);
        if (!TranscendentalTrigonometry.IsDecided(value, ref context, out Float80 result))
        {
            result = cosine
                ? TranscendentalTrigonometry.Cosine(value, ref context)
                : TranscendentalTrigonometry.Sine(value, ref context);
        }
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    /// <summary>FSINCOS: the sine replaces ST(0), then the cosine is pushed.</summary>
    public static void SineAndCosine(ref X87State state)
    {
        ClearC2(ref state);
        if (!X87Stack.IsReadyToReplaceAndPush(ref state))
        {
            return;
        }
        Float80 value = state.Get(0);
        if (IsOutOfRange(ref state, value))
        {
            return;
        }
        X87Context context = new(state.Control);
        Float80 cosine;
        if (TranscendentalTrigonometry.IsDecided(value, ref context, out Float80 sine))
        {
            cosine = sine;
        }
        else
        {
            // C1 tells about the cosine, which is computed last.
            sine = TranscendentalTrigonometry.Sine(value, ref context);
            context.Raised &= ~X87Status.C1;
            cosine = TranscendentalTrigonometry.Cosine(value, ref context);
        }
        X87Stack.FinishReplaceAndPush(ref state, context, sine, cosine);
    }

    /// <summary>FPTAN: the tangent replaces ST(0), then 1 is pushed.</summary>
    public static void Tangent(ref X87State state)
    {
        ClearC2(ref state);
        if (!X87Stack.IsReadyToReplaceAndPush(ref state))
        {
            return;
        }
        Float80 value = state.Get(0);
        if (IsOutOfRange(ref state, value))
        {
            return;
        }
        X87Context context = new(state.Control);
        Float80 pushed = Float80.One;
        if (TranscendentalTrigonometry.IsDecided(value, ref context, out Float80 result))
        {
            pushed = result;
        }
        else
        {
            result = TranscendentalTrigonometry.Tangent(value, ref context);
        }
        X87Stack.FinishReplaceAndPush(ref state, context, result, pushed);
    }

    /// <summary>Sets C2 if the number is too large to be reduced: the instruction is done.</summary>
    private static bool IsOutOfRange(ref X87State state, Float80 value)
    {
        bool outOfRange = value.IsNormal && value.Exponent >= TranscendentalTrigonometry.OutOfRangeExponent;
        if (outOfRange)
        {
            state.Raise(X87Status.C2);
        }
        return outOfRange;
    }

    private static void ClearC2(ref X87State state) => state.Status = (ushort)(state.Status & ~X87Status.C2);
}
