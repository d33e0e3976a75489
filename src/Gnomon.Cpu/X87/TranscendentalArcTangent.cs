namespace Gnomon.Cpu.X87;

/// <summary>FPATAN: the angle of the point (x, y), with all quadrants and special results (Intel SDM vol. 2, FPATAN).</summary>
internal static class TranscendentalArcTangent
{
    private const int Unit = -125;

    private static WideNumber Pi => new(false, 1, new UInt128(0xC90F_DAA2_2168_C234, 0xC4C6_628B_80DC_1CD1));

    /// <summary>The arc tangent of <paramref name="y"/> (ST(1)) over <paramref name="x"/> (ST(0)), from -pi to pi.</summary>
    public static Float80 ArcTangent(Float80 y, Float80 x, ref X87Context context)
    {
        if (Operands.AreSpecial(x, y, ref context, out Float80 result))
        {
            return result;
        }
        if (context.StopsAtDenormal(x.IsDenormal || y.IsDenormal))
        {
            return y;
        }
        bool left = x.Sign != 0;
        if (y.IsZero || (x.IsInfinity && !y.IsInfinity))
        {
            return left ? Eighths(y.Sign, 8, ref context) : Float80.Zero(y.Sign);
        }
        if (y.IsInfinity)
        {
            return Eighths(y.Sign, !x.IsInfinity ? 4u : left ? 6u : 2u, ref context);
        }
        if (x.IsZero)
        {
            return Eighths(y.Sign, 4, ref context);
        }
        WideNumber height = WideNumber.Of(y.WithSign(0));
        WideNumber width = WideNumber.Of(x.WithSign(0));
        if (height.Exponent == width.Exponent && height.Significand == width.Significand)
        {
            return Eighths(y.Sign, left ? 6u : 2u, ref context);
        }
        bool steep = height.Exponent != width.Exponent ? height.Exponent > width.Exponent : height.Significand > width.Significand;
        WideNumber angle = steep ? Angle(width, height) : Angle(height, width);
        // From the angle to the nearest axis to that from the positive x axis.
        if (steep)
        {
            UInt128 quarter = new WideNumber(false, Pi.Exponent - 1, Pi.Significand).ToUnits(Unit);
            UInt128 magnitude = UInt128.Max(angle.ToUnits(Unit), 1);
            angle = WideNumber.OfUnits(false, left ? quarter + magnitude : quarter - magnitude, Unit);
        }
        else if (left)
        {
            angle = WideNumber.OfUnits(false, Pi.ToUnits(Unit) - UInt128.Max(angle.ToUnits(Unit), 1), Unit);
        }
        WideNumber signed = new(y.Sign != 0, angle.Exponent, angle.Significand);
        return signed.RoundInexact(ref context);
    }

    /// <summary>A number of eighths of a turn's half: <paramref name="count"/> times pi/8.</summary>
    private static Float80 Eighths(uint sign, uint count, ref X87Context context) => WideNumber
        .OfUnits(sign != 0, (Pi.Significand >> 3) * count, Pi.Exponent - 127)
        .RoundInexact(ref context);

    /// <summary>The arc tangent of small / large, which is below 1.</summary>
    private static WideNumber Angle(WideNumber small, WideNumber large)
    {
        int difference = large.Exponent - small.Exponent;
        // Both significands have 64 bits: in this unit small and large are exact, with room for three more bits.
        UInt128 low = small.Significand >> 64;
        UInt128 high = difference > 4 ? 0 : (large.Significand >> 64) << difference;
        // The nearest quarter k/4, so that atan(t) = atan(k/4) + atan((4 t - k) / (4 + k t)).
        uint quarters = difference > 4 ? 0 : (uint)(((low << 3) + high) / (high << 1));
        if (quarters == 0)
        {
            WideNumber ratio = WideNumber.Divide(small, large);
            return WideNumber.Multiply(ratio, WideNumber.OfFixed(false, Series(ratio)));
        }
        UInt128 positive = low << 2;
        UInt128 negative = high * quarters;
        UInt128 middle = ArcTangentOfQuarters(quarters);
        if (positive == negative)
        {
            return WideNumber.OfFixed(false, middle);
        }
        bool below = positive < negative;
        WideNumber rest = WideNumber.Divide(
            WideNumber.OfUnits(false, below ? negative - positive : positive - negative, 0),
            WideNumber.OfUnits(false, (high << 2) + (low * quarters), 0));
        UInt128 part = WideNumber.MultiplyFixed(rest.ToFixed(), Series(rest));
        return WideNumber.OfFixed(false, below ? middle - part : middle + part);
    }

    private static UInt128 Series(WideNumber ratio)
    {
        UInt128 magnitude = ratio.ToFixed();
        return TranscendentalSeries.ArcTangentOver(WideNumber.MultiplyFixed(magnitude, magnitude));
    }

    private static UInt128 ArcTangentOfQuarters(uint quarters) => quarters switch
    {
        1 => new UInt128(0xFADB_AFC9_6406_EB15, 0x6DC7_9EF5_F7A2_17E6) >> 3,
        2 => new UInt128(0xED63_382B_0DDA_7B45, 0x6FE4_45EC_BC3A_8D03) >> 2,
        3 => new UInt128(0xA4BC_7D19_34F7_0924, 0x19A8_7F2A_457D_AC9F) >> 1,
        _ => Pi.Significand >> 1,
    };
}
