namespace Gnomon.Cpu.X87;

/// <summary>Conversions between 80 bits and the formats in memory (Intel SDM vol. 1, 4.2, 4.8 and 8.1.2.2; vol. 2, FLD, FST, FIST).</summary>
internal static class Conversions
{
    private const int DoubleBits = 53;
    private const int SingleBits = 24;

    /// <summary>A single as it is: a signaling NaN stays one.</summary>
    public static Float80 FromSingle(uint bits, out bool denormal)
    {
        int exponent = (int)((bits >> 23) & 0xFF);
        return Widen(bits >> 31, exponent, 0xFF, 127, (ulong)(bits & 0x7F_FFFF) << 40, out denormal);
    }

    /// <summary>A double as it is: a signaling NaN stays one.</summary>
    public static Float80 FromDouble(ulong bits, out bool denormal)
    {
        int exponent = (int)((bits >> 52) & 0x7FF);
        return Widen((uint)(bits >> 63), exponent, 0x7FF, 1023, (bits & 0xF_FFFF_FFFF_FFFF) << 11, out denormal);
    }

    /// <summary>An integer; always exact.</summary>
    public static Float80 FromInteger(long value)
    {
        if (value == 0)
        {
            return default;
        }
        ulong magnitude = value < 0 ? 0 - (ulong)value : (ulong)value;
        int shift = System.Numerics.BitOperations.LeadingZeroCount(magnitude);
        return new Float80((uint)(value < 0 ? 1 : 0), Float80.Bias + 63 - shift, magnitude << shift);
    }

    /// <summary>Rounds to a single. <see cref="IsStoreSuppressed"/> tells whether it may be stored.</summary>
    public static uint ToSingle(Float80 value, ref X87Context context) =>
        (uint)Narrow(value, SingleBits, 127, 0xFF, ref context);

    /// <summary>Rounds to a double. <see cref="IsStoreSuppressed"/> tells whether it may be stored.</summary>
    public static ulong ToDouble(Float80 value, ref X87Context context) => Narrow(value, DoubleBits, 1023, 0x7FF, ref context);

    /// <summary>Whether an unmasked exception keeps a result from memory: besides the operand exceptions overflow and underflow
    /// (Intel SDM vol. 1, 8.5.4 and 8.5.5).</summary>
    public static bool IsStoreSuppressed(in X87Context context) =>
        (context.Raised & ~context.Control & (X87Context.OperandExceptions | X87Status.Overflow | X87Status.Underflow)) != 0;

    /// <summary>Rounds to a signed integer of <paramref name="bits"/> bits; out of range is an invalid operation, whose masked
    /// answer is the integer indefinite, the most negative integer.</summary>
    /// <param name="value">Any encoding.</param>
    /// <param name="bits">16, 32 or 64.</param>
    /// <param name="roundingControl">The rounding to use: that of the control word, or 3 (FISTTP).</param>
    /// <param name="context">Takes the exceptions and C1.</param>
    public static long ToInteger(Float80 value, int bits, uint roundingControl, ref X87Context context)
    {
        long indefinite = long.MinValue >> (64 - bits);
        ulong limit = (1UL << (bits - 1)) - (value.Sign == 0 ? 1UL : 0);
        if (!TryRoundToInteger(value, roundingControl, out ulong magnitude, out uint raised) || magnitude > limit)
        {
            context.Raised |= X87Status.Invalid;
            return indefinite;
        }
        context.Raised |= raised;
        return value.Sign == 0 ? (long)magnitude : (long)(0 - magnitude);
    }

    /// <summary>The magnitude of a number rounded to an integer; false for everything that has none below 2^64.</summary>
    public static bool TryRoundToInteger(Float80 value, uint roundingControl, out ulong magnitude, out uint raised)
    {
        raised = 0;
        magnitude = 0;
        if (value.IsUnsupported || value.Exponent > Float80.Bias + 63)
        {
            return false;
        }
        ulong high = value.Significand;
        ulong low = 0;
        Rounding.ShiftRightJam(ref high, ref low, Float80.Bias + 63 - Math.Max(value.Exponent, 1));
        if (low != 0)
        {
            raised = X87Status.Precision;
            if (Rounding.IsUp(roundingControl, value.Sign, low, (high & 1) != 0))
            {
                raised |= X87Status.C1;
                // No carry out of 64 bits: a number with a fraction has an integer part below 2^63.
                high++;
            }
        }
        magnitude = high;
        return true;
    }

    private static Float80 Widen(uint sign, int exponent, int maximum, int bias, ulong fraction, out bool denormal)
    {
        denormal = false;
        if (exponent == maximum)
        {
            return new Float80(sign, Float80.ExponentMask, fraction | Float80.IntegerBit);
        }
        if (exponent != 0)
        {
            return new Float80(sign, exponent - bias + Float80.Bias, fraction | Float80.IntegerBit);
        }
        if (fraction == 0)
        {
            return Float80.Zero(sign);
        }
        denormal = true;
        int shift = System.Numerics.BitOperations.LeadingZeroCount(fraction);
        return new Float80(sign, 1 - bias + Float80.Bias - shift, fraction << shift);
    }

    private static ulong Narrow(Float80 value, int precision, int bias, int maximum, ref X87Context context)
    {
        int fractionBits = precision - 1;
        ulong sign = (ulong)value.Sign << (fractionBits + (precision == SingleBits ? 8 : 11));
        ulong infinity = (ulong)maximum << fractionBits;
        ulong hidden = 1UL << fractionBits;
        if (Operands.IsSpecial(value, ref context, out Float80 nan))
        {
            sign = (ulong)nan.Sign << (fractionBits + (precision == SingleBits ? 8 : 11));
            return sign | infinity | ((nan.Significand >> (64 - precision)) & (hidden - 1));
        }
        if (value.IsZero)
        {
            return sign;
        }
        if (value.IsInfinity)
        {
            return sign | infinity;
        }
        ulong significand = value.Unpack(out int exponent);
        exponent += bias - Float80.Bias;
        uint control = context.RoundingControl;
        ulong kept = significand >> (64 - precision);
        ulong fraction = significand << precision;
        bool up = Rounding.IsUp(control, value.Sign, fraction, (kept & 1) != 0);
        int roundedExponent = exponent;
        if (up && ++kept == hidden << 1)
        {
            kept = hidden;
            roundedExponent++;
        }
        if (exponent < 1)
        {
            return sign | NarrowTiny(value, significand, exponent, roundedExponent < 1, precision, ref context);
        }
        if (roundedExponent >= maximum)
        {
            return sign | NarrowHuge(value.Sign, infinity, fraction, up, ref context);
        }
        context.Raised |= InexactFlags(fraction, up);
        return sign | ((ulong)roundedExponent << fractionBits) | (kept & (hidden - 1));
    }

    private static ulong NarrowTiny(
        Float80 value, ulong significand, int exponent, bool tiny, int precision, ref X87Context context)
    {
        bool masked = context.IsMasked(X87Status.Underflow);
        if (tiny && !masked)
        {
            // Nothing is stored: the handler finds the number in the register.
            context.Raised |= X87Status.Underflow;
            return 0;
        }
        ulong low = 0;
        Rounding.ShiftRightJam(ref significand, ref low, 64 - precision + 1 - exponent);
        bool up = Rounding.IsUp(context.RoundingControl, value.Sign, low, (significand & 1) != 0);
        context.Raised |= InexactFlags(low, up) | (tiny && low != 0 ? X87Status.Underflow : 0);
        // A carry into the hidden bit is the exponent 1, as it should be.
        return significand + (up ? 1UL : 0);
    }

    private static ulong NarrowHuge(uint sign, ulong infinity, ulong fraction, bool up, ref X87Context context)
    {
        if (!context.IsMasked(X87Status.Overflow))
        {
            context.Raised |= X87Status.Overflow;
            return 0;
        }
        context.Raised |= X87Status.Overflow | X87Status.Precision;
        uint control = context.RoundingControl;
        if (control == 0 || control == 2 - sign)
        {
            context.Raised |= X87Status.C1;
            return infinity;
        }
        return infinity - 1;
    }

    private static uint InexactFlags(ulong fraction, bool up) =>
        fraction == 0 ? 0 : up ? X87Status.Precision | X87Status.C1 : X87Status.Precision;
}
