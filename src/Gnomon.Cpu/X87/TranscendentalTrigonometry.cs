namespace Gnomon.Cpu.X87;

/// <summary>FSIN, FCOS, FSINCOS and FPTAN (Intel SDM vol. 1, 8.3.7, 8.3.8 and 8.3.10). Arguments are reduced by the 66-bit pi of
/// 8.3.8, exactly; the functions of the reduced argument are right to about 100 bits.</summary>
internal static class TranscendentalTrigonometry
{
    /// <summary>An argument of this exponent (2^63) or more is out of range: C2 is set and nothing changes.</summary>
    public const int OutOfRangeExponent = Float80.Bias + 63;

    // The 66-bit pi, C.90FDAA22168C234CH / 4, as a half of pi in units of 2^-67.
    private const ulong HalfPiLow = 0x90FD_AA22_168C_234C;
    private const ulong HalfPiHigh = 0xC;

    /// <summary>Whether an operand has no sine: a NaN, infinity or unmasked denormal, which decides <paramref name="result"/>.</summary>
    public static bool IsDecided(Float80 value, ref X87Context context, out Float80 result)
    {
        if (Operands.IsSpecial(value, ref context, out result))
        {
            return true;
        }
        if (value.IsInfinity)
        {
            result = context.Invalid();
            return true;
        }
        return context.StopsAtDenormal(value.IsDenormal);
    }

    /// <summary>The sine of a finite number in range.</summary>
    public static Float80 Sine(Float80 value, ref X87Context context)
    {
        if (value.IsZero)
        {
            return value;
        }
        WideNumber rest = Reduce(value, out uint quadrant);
        UInt128 square = Square(rest);
        WideNumber result = (quadrant & 1) == 0
            ? WideNumber.Multiply(rest, WideNumber.OfFixed(false, TranscendentalSeries.SineOver(square)))
            : WideNumber.OfFixed(false, TranscendentalSeries.Cosine(square));
        return Signed(result, (quadrant & 2) != 0).RoundInexact(ref context);
    }

    /// <summary>The cosine of a finite number in range.</summary>
    public static Float80 Cosine(Float80 value, ref X87Context context)
    {
        if (value.IsZero)
        {
            return Float80.One;
        }
        WideNumber rest = Reduce(value, out uint quadrant);
        UInt128 square = Square(rest);
        WideNumber result = (quadrant & 1) == 0
            ? WideNumber.OfFixed(false, TranscendentalSeries.Cosine(square))
            : WideNumber.Multiply(rest, WideNumber.OfFixed(true, TranscendentalSeries.SineOver(square)));
        return Signed(result, (quadrant & 2) != 0).RoundInexact(ref context);
    }

    /// <summary>The tangent of a finite number in range.</summary>
    public static Float80 Tangent(Float80 value, ref X87Context context)
    {
        if (value.IsZero)
        {
            return value;
        }
        WideNumber rest = Reduce(value, out uint quadrant);
        UInt128 square = Square(rest);
        if ((quadrant & 1) == 0 && rest.Exponent < -32)
        {
            // tan r = r (1 + r^2/3 + ...): greater than r, which sine and cosine, both cut off, would not show.
            UInt128 factor = WideNumber.FixedOne + (square / 3) + 1;
            return WideNumber.Multiply(rest, WideNumber.OfFixed(false, factor)).RoundInexact(ref context);
        }
        WideNumber sine = WideNumber.Multiply(rest, WideNumber.OfFixed(false, TranscendentalSeries.SineOver(square)));
        WideNumber cosine = WideNumber.OfFixed(false, TranscendentalSeries.Cosine(square));
        WideNumber result = (quadrant & 1) == 0
            ? WideNumber.Divide(sine, cosine)
            : Signed(WideNumber.Divide(cosine, sine), true);
        return result.RoundInexact(ref context);
    }

    /// <summary>The number less the nearest multiple of a half of pi; it is never zero, for the 66-bit pi has no multiple of 64 bits.</summary>
    private static WideNumber Reduce(Float80 value, out uint quadrant)
    {
        quadrant = 0;
        int exponent = value.Exponent - Float80.Bias;
        if (exponent < -1)
        {
            return WideNumber.Of(value);
        }
        UInt128 halfPi = new(HalfPiHigh, HalfPiLow);
        UInt128 rest = (UInt128)value.Significand << 3;
        uint quotient = 0;
        for (; exponent > -1; exponent--)
        {
            rest <<= 1;
            quotient <<= 1;
            if (rest >= halfPi)
            {
                rest -= halfPi;
                quotient++;
            }
        }
        bool negative = false;
        if (rest << 1 > halfPi)
        {
            rest = halfPi - rest;
            negative = true;
            quotient++;
        }
        // The quadrant of a negative number is counted downwards.
        quadrant = (value.Sign == 0 ? quotient : 0 - quotient) & 3;
        return WideNumber.OfUnits(negative != (value.Sign != 0), rest, -67);
    }

    private static UInt128 Square(WideNumber rest)
    {
        UInt128 magnitude = rest.ToFixed();
        return WideNumber.MultiplyFixed(magnitude, magnitude);
    }

    private static WideNumber Signed(WideNumber value, bool flip) => new(value.Negative != flip, value.Exponent, value.Significand);
}
