namespace Gnomon.Cpu.X87;

/// <summary>F2XM1, FYL2X and FYL2XP1 (Intel SDM vol. 1, 8.3.9; vol. 2, with their tables of special results).</summary>
internal static class TranscendentalLogarithm
{
    // The square root of two, in units of 2^-127, cut to 64 bits: where the significand's logarithm changes its sign.
    private const ulong RootOfTwo = 0xB504_F333_F9DE_6484;

    private static WideNumber LogarithmOfTwo => new(false, -1, new UInt128(0xB172_17F7_D1CF_79AB, 0xC9E3_B398_03F2_F6AF));

    private static WideNumber BinaryLogarithmOfE => new(false, 0, new UInt128(0xB8AA_3B29_5C17_F0BB, 0xBE87_FED0_691D_3E88));

    /// <summary>F2XM1: 2^value - 1. Beyond -1 and 1 the result is undefined: here the value itself, and -1 or infinity for the
    /// infinities.</summary>
    public static Float80 Exponential(Float80 value, ref X87Context context)
    {
        if (Operands.IsSpecial(value, ref context, out Float80 result) || value.IsZero)
        {
            return result;
        }
        if (value.IsInfinity)
        {
            return value.Sign == 0 ? value : Float80.One.WithSign(1);
        }
        if (context.StopsAtDenormal(value.IsDenormal))
        {
            return value;
        }
        if (value.Exponent >= Float80.Bias)
        {
            // Processors raise the precision exception here too.
            context.Raised |= X87Status.Precision;
            bool one = value.Exponent == Float80.Bias && value.Significand == Float80.IntegerBit;
            return one && value.Sign != 0 ? new Float80(1, Float80.Bias - 1, Float80.IntegerBit) : value;
        }
        WideNumber power = WideNumber.Multiply(WideNumber.Of(value), LogarithmOfTwo);
        UInt128 factor = TranscendentalSeries.ExponentialOver(power.ToFixed(), power.Negative);
        return WideNumber.Multiply(power, WideNumber.OfFixed(false, factor)).RoundInexact(ref context);
    }

    /// <summary>FYL2X: y times the binary logarithm of <paramref name="value"/>.</summary>
    public static Float80 Logarithm(Float80 value, Float80 y, ref X87Context context)
    {
        if (Operands.AreSpecial(value, y, ref context, out Float80 result))
        {
            return result;
        }
        bool one = value == Float80.One;
        if ((value.Sign != 0 && !value.IsZero)
            || (value.IsZero && y.IsZero)
            || (one && y.IsInfinity)
            || (value.IsInfinity && y.IsZero))
        {
            return context.Invalid();
        }
        bool below = value.Exponent < Float80.Bias;
        uint sign = y.Sign ^ (below ? 1u : 0);
        if (value.IsZero)
        {
            if (!y.IsInfinity)
            {
                context.Raised |= X87Status.ZeroDivide;
            }
            return Float80.Infinity(sign);
        }
        if (context.StopsAtDenormal(value.IsDenormal || y.IsDenormal))
        {
            return y;
        }
        if (value.IsInfinity || y.IsInfinity)
        {
            return Float80.Infinity(sign);
        }
        if (y.IsZero || one)
        {
            return Float80.Zero(sign);
        }
        WideNumber logarithm = BinaryLogarithm(WideNumber.Of(value), out bool exact);
        WideNumber product = WideNumber.Multiply(WideNumber.Of(y), logarithm);
        return Rounded(product, exact, ref context);
    }

    /// <summary>FYL2XP1: y times the binary logarithm of 1 + <paramref name="value"/>. The result is defined for
    /// |value| up to 1 - sqrt(2)/2; it is right for all above -1, and an invalid operation for the others.</summary>
    public static Float80 LogarithmPlusOne(Float80 value, Float80 y, ref X87Context context)
    {
        if (Operands.AreSpecial(value, y, ref context, out Float80 result))
        {
            return result;
        }
        if ((value.Sign != 0 && value.Exponent >= Float80.Bias)
            || (value.IsZero && y.IsInfinity)
            || (value.IsInfinity && y.IsZero))
        {
            return context.Invalid();
        }
        if (context.StopsAtDenormal(value.IsDenormal || y.IsDenormal))
        {
            return y;
        }
        uint sign = value.Sign ^ y.Sign;
        if (value.IsInfinity || y.IsInfinity)
        {
            return Float80.Infinity(sign);
        }
        if (value.IsZero || y.IsZero)
        {
            return Float80.Zero(sign);
        }
        WideNumber wide = WideNumber.Of(value);
        bool exact = false;
        WideNumber logarithm = value.Exponent < Float80.Bias - 2
            ? LogarithmOfRatio(wide, WideNumber.OfUnits(false, TwoPlus(wide), -125))
            : BinaryLogarithm(OnePlus(wide), out exact);
        WideNumber product = WideNumber.Multiply(WideNumber.Of(y), logarithm);
        return Rounded(product, exact, ref context);
    }

    /// <summary>Processors raise the precision exception even for the logarithm of a power of two, which is exact, and so underflow
    /// for a denormal result.</summary>
    private static Float80 Rounded(WideNumber product, bool exact, ref X87Context context)
    {
        if (!exact)
        {
            return product.RoundInexact(ref context);
        }
        Float80 result = product.RoundExact(ref context);
        context.Raised |= result.IsDenormal ? X87Status.Precision | X87Status.Underflow : X87Status.Precision;
        return result;
    }

    private static UInt128 TwoPlus(WideNumber value)
    {
        UInt128 two = (UInt128)1 << 126;
        UInt128 magnitude = value.ToUnits(-125);
        return value.Negative ? two - magnitude : two + magnitude;
    }

    private static WideNumber OnePlus(WideNumber value)
    {
        if (value.Exponent > 120)
        {
            return value;
        }
        // The unit keeps all 64 bits of the value, or those that matter beside a greater one.
        int unit = Math.Max(value.Exponent, 0) - 125;
        UInt128 one = (UInt128)1 << -unit;
        UInt128 magnitude = value.ToUnits(unit);
        return WideNumber.OfUnits(false, value.Negative ? one - magnitude : one + magnitude, unit);
    }

    /// <summary>The binary logarithm of a positive number that is not 1.</summary>
    private static WideNumber BinaryLogarithm(WideNumber value, out bool exact)
    {
        int exponent = value.Exponent;
        UInt128 significand = value.Significand;
        exact = significand == WideNumber.FixedOne;
        if (exact)
        {
            return WideNumber.OfUnits(exponent < 0, (UInt128)Math.Abs(exponent), 0);
        }
        // m is in (sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)).
        WideNumber ratioTop;
        WideNumber ratioBottom;
        if ((ulong)(significand >> 64) > RootOfTwo)
        {
            exponent++;
            ratioTop = WideNumber.OfUnits(true, 0 - significand, -128);
            ratioBottom = WideNumber.OfUnits(false, (significand >> 1) + WideNumber.FixedOne, -127);
        }
        else
        {
            ratioTop = WideNumber.OfUnits(false, significand - WideNumber.FixedOne, -127);
            ratioBottom = WideNumber.OfUnits(false, (significand >> 1) + (WideNumber.FixedOne >> 1), -126);
        }
        WideNumber fraction = LogarithmOfRatio(ratioTop, ratioBottom);
        if (exponent == 0)
        {
            return fraction;
        }
        const int Unit = -112;
        UInt128 whole = (UInt128)Math.Abs(exponent) << -Unit;
        UInt128 part = fraction.ToUnits(Unit);
        return WideNumber.OfUnits(exponent < 0, fraction.Negative == exponent < 0 ? whole + part : whole - part, Unit);
    }

    /// <summary>The binary logarithm of (bottom + top) / (bottom - top): 2 artanh(top / bottom) / ln 2.</summary>
    private static WideNumber LogarithmOfRatio(WideNumber top, WideNumber bottom)
    {
        WideNumber ratio = WideNumber.Divide(top, bottom);
        UInt128 magnitude = ratio.ToFixed();
        UInt128 factor = TranscendentalSeries.AreaTangentOver(WideNumber.MultiplyFixed(magnitude, magnitude));
        WideNumber natural = WideNumber.Multiply(ratio, WideNumber.OfFixed(false, factor));
        WideNumber binary = WideNumber.Multiply(natural, BinaryLogarithmOfE);
        return new WideNumber(binary.Negative, binary.Exponent + 1, binary.Significand);
    }
}
