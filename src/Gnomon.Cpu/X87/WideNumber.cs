using System.Numerics;

namespace Gnomon.Cpu.X87;

/// <summary>A number of 128 significant bits, and fixed-point numbers of 127 fraction bits: what the transcendental functions are
/// computed with. Results are cut off, so that each operation is at most a few units of the last place too small.</summary>
/// <param name="negative">The sign.</param>
/// <param name="exponent">The unbiased exponent.</param>
/// <param name="significand">With bit 127 set: the value is significand times 2^(exponent - 127). Zero is 0.</param>
internal readonly struct WideNumber(bool negative, int exponent, UInt128 significand)
{
    /// <summary>The sign.</summary>
    public readonly bool Negative = negative;

    /// <summary>The unbiased exponent.</summary>
    public readonly int Exponent = exponent;

    /// <summary>The significand, with bit 127 set.</summary>
    public readonly UInt128 Significand = significand;

    /// <summary>One in fixed point: 2^127.</summary>
    public static UInt128 FixedOne => (UInt128)1 << 127;

    /// <summary>A finite number that is not zero.</summary>
    public static WideNumber Of(Float80 value)
    {
        ulong significand = value.Unpack(out int exponent);
        return new WideNumber(value.Sign != 0, exponent - Float80.Bias, (UInt128)significand << 64);
    }

    /// <summary>A number given in units of 2^<paramref name="unit"/>.</summary>
    public static WideNumber OfUnits(bool negative, UInt128 magnitude, int unit)
    {
        int shift = (int)UInt128.LeadingZeroCount(magnitude);
        return new WideNumber(negative, 127 - shift + unit, magnitude << shift);
    }

    /// <summary>A fixed-point number that is not zero.</summary>
    public static WideNumber OfFixed(bool negative, UInt128 magnitude) => OfUnits(negative, magnitude, -127);

    /// <summary>The upper 128 bits of the product of two 128-bit numbers.</summary>
    public static UInt128 MultiplyHigh(UInt128 left, UInt128 right)
    {
        ulong leftHigh = (ulong)(left >> 64);
        ulong leftLow = (ulong)left;
        ulong rightHigh = (ulong)(right >> 64);
        ulong rightLow = (ulong)right;
        ulong lowHigh = Math.BigMul(leftLow, rightLow, out _);
        ulong middleHigh = Math.BigMul(leftHigh, rightLow, out ulong middleLow);
        ulong otherHigh = Math.BigMul(leftLow, rightHigh, out ulong otherLow);
        ulong topHigh = Math.BigMul(leftHigh, rightHigh, out ulong topLow);
        UInt128 middle = (UInt128)lowHigh + middleLow + otherLow;
        return new UInt128(topHigh, topLow) + middleHigh + otherHigh + (middle >> 64);
    }

    /// <summary>The product of two fixed-point numbers; it must be below 2.</summary>
    public static UInt128 MultiplyFixed(UInt128 left, UInt128 right) => MultiplyHigh(left, right) << 1;

    /// <summary>The product; neither is zero.</summary>
    public static WideNumber Multiply(WideNumber left, WideNumber right)
    {
        UInt128 product = MultiplyHigh(left.Significand, right.Significand);
        int exponent = left.Exponent + right.Exponent + 1;
        if (product >> 127 == 0)
        {
            product <<= 1;
            exponent--;
        }
        return new WideNumber(left.Negative != right.Negative, exponent, product);
    }

    /// <summary>The quotient; neither is zero. One bit of quotient at a time.</summary>
    public static WideNumber Divide(WideNumber dividend, WideNumber divisor)
    {
        UInt128 rest = dividend.Significand;
        UInt128 by = divisor.Significand;
        int exponent = dividend.Exponent - divisor.Exponent;
        bool carry = false;
        if (rest < by)
        {
            carry = rest >> 127 != 0;
            rest <<= 1;
            exponent--;
        }
        UInt128 quotient = 0;
        for (int i = 127; i >= 0; i--)
        {
            if (carry || rest >= by)
            {
                rest -= by;
                quotient |= (UInt128)1 << i;
            }
            carry = rest >> 127 != 0;
            rest <<= 1;
        }
        return new WideNumber(dividend.Negative != divisor.Negative, exponent, quotient);
    }

    /// <summary>The magnitude in units of 2^<paramref name="unit"/>, cut off; it must fit.</summary>
    public UInt128 ToUnits(int unit)
    {
        int shift = Exponent - 127 - unit;
        return shift >= 0 ? Significand << shift : shift > -128 ? Significand >> -shift : 0;
    }

    /// <summary>The magnitude as a fixed-point number; it must be below 2.</summary>
    public UInt128 ToFixed() => ToUnits(-127);

    /// <summary>Rounds to 64 bits, as a number that is never exact.</summary>
    public Float80 RoundInexact(ref X87Context context) => Round(1, ref context);

    /// <summary>Rounds to 64 bits, as a number that is what it is.</summary>
    public Float80 RoundExact(ref X87Context context) => Round(0, ref context);

    private Float80 Round(ulong sticky, ref X87Context context) => Rounding.RoundFull(
        Negative ? 1u : 0, Exponent + Float80.Bias, (ulong)(Significand >> 64), (ulong)Significand | sticky, ref context);
}
