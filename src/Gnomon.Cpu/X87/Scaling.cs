namespace Gnomon.Cpu.X87;

/// <summary>FRNDINT, FSCALE and FXTRACT (Intel SDM vol. 2, FRNDINT, FSCALE, FXTRACT).</summary>
internal static class Scaling
{
    /// <summary>The number rounded to an integer as the rounding control says.</summary>
    public static Float80 RoundToInteger(Float80 value, ref X87Context context)
    {
        if (Operands.IsSpecial(value, ref context, out Float80 result) || value.IsInfinity || value.IsZero)
        {
            return result;
        }
        if (context.StopsAtDenormal(value.IsDenormal) || value.Exponent >= Float80.Bias + 63)
        {
            return value;
        }
        Conversions.TryRoundToInteger(value, context.RoundingControl, out ulong magnitude, out uint raised);
        context.Raised |= raised;
        if (magnitude == 0)
        {
            return Float80.Zero(value.Sign);
        }
        int shift = System.Numerics.BitOperations.LeadingZeroCount(magnitude);
        return new Float80(value.Sign, Float80.Bias + 63 - shift, magnitude << shift);
    }

    /// <summary>value times 2 to the power of <paramref name="scale"/>, whose fraction is cut off.</summary>
    public static Float80 Scale(Float80 value, Float80 scale, ref X87Context context)
    {
        if (Operands.AreSpecial(value, scale, ref context, out Float80 result))
        {
            return result;
        }
        if (scale.IsInfinity && (scale.Sign == 0 ? value.IsZero : value.IsInfinity))
        {
            return context.Invalid();
        }
        if (context.StopsAtDenormal(value.IsDenormal || scale.IsDenormal) || value.IsInfinity || value.IsZero)
        {
            return value;
        }
        if (scale.IsInfinity)
        {
            return scale.Sign == 0 ? Float80.Infinity(value.Sign) : Float80.Zero(value.Sign);
        }
        ulong significand = value.Unpack(out int exponent);
        return Rounding.RoundFull(value.Sign, exponent + ScaleOf(scale), significand, 0, ref context);
    }

    /// <summary>The exponent and the significand, each as a number.</summary>
    public static Float80 Extract(Float80 value, out Float80 significand, ref X87Context context)
    {
        if (Operands.IsSpecial(value, ref context, out significand))
        {
            return significand;
        }
        if (value.IsZero)
        {
            context.Raised |= X87Status.ZeroDivide;
            return Float80.Infinity(1);
        }
        if (context.StopsAtDenormal(value.IsDenormal) || value.IsInfinity)
        {
            return Float80.Infinity(0);
        }
        ulong bits = value.Unpack(out int exponent);
        significand = new Float80(value.Sign, Float80.Bias, bits);
        return Conversions.FromInteger(exponent - Float80.Bias);
    }

    private static int ScaleOf(Float80 scale)
    {
        // Beyond 2^16 every scale leads out of range, in whichever direction.
        int magnitude = scale.Exponent < Float80.Bias ? 0
            : scale.Exponent > Float80.Bias + 16 ? 1 << 17
            : (int)(scale.Significand >> (Float80.Bias + 63 - scale.Exponent));
        return scale.Sign == 0 ? magnitude : -magnitude;
    }
}
