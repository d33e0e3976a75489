using System.Numerics;

namespace Gnomon.Cpu.X87;

/// <summary>FDIV and its relatives (Intel SDM vol. 2, FDIV).</summary>
internal static class Division
{
    /// <summary>left divided by right.</summary>
    public static Float80 Divide(Float80 left, Float80 right, ref X87Context context)
    {
        uint sign = left.Sign ^ right.Sign;
        if (!left.IsNormal || !right.IsNormal || context.DenormalOperand)
        {
            if (Operands.AreSpecial(left, right, ref context, out Float80 result))
            {
                return result;
            }
            if ((left.IsInfinity && right.IsInfinity) || (left.IsZero && right.IsZero))
            {
                return context.Invalid();
            }
            if (right.IsZero && !left.IsInfinity)
            {
                context.Raised |= X87Status.ZeroDivide;
                return Float80.Infinity(sign);
            }
            if (context.StopsAtDenormal(left.IsDenormal || right.IsDenormal))
            {
                return default;
            }
            if (left.IsInfinity)
            {
                return Float80.Infinity(sign);
            }
            if (right.IsInfinity || left.IsZero)
            {
                return Float80.Zero(sign);
            }
        }
        ulong a = left.Unpack(out int aExponent);
        ulong b = right.Unpack(out int bExponent);
        int exponent = aExponent - bExponent + Float80.Bias;
        ulong low = 0;
        if (a >= b)
        {
            low = a << 63;
            a >>= 1;
        }
        else
        {
            exponent--;
        }
        ulong quotient = DivideWide(a, low, b, out ulong remainder);
        return Rounding.Round(sign, exponent, quotient, FractionOf(remainder, b), ref context);
    }

    /// <summary>What remainder / divisor is as a fraction below the last place: 0, below, at or above one half.</summary>
    public static ulong FractionOf(ulong remainder, ulong divisor) => remainder == 0 ? 0
        : remainder < divisor - remainder ? 1
        : remainder == divisor - remainder ? 1UL << 63
        : (1UL << 63) | 1;

    /// <summary>128 bits divided by 64, with <paramref name="high"/> below the divisor. Two digits of 32 bits, each estimated from
    /// the divisor's upper half and put right (Knuth, The Art of Computer Programming, vol. 2, 4.3.1, algorithm D).</summary>
    public static ulong DivideWide(ulong high, ulong low, ulong divisor, out ulong remainder)
    {
        int shift = BitOperations.LeadingZeroCount(divisor);
        if (shift != 0)
        {
            divisor <<= shift;
            high = (high << shift) | (low >> (64 - shift));
            low <<= shift;
        }
        ulong first = Digit(high, low >> 32, divisor, out ulong rest);
        ulong second = Digit(rest, low & 0xFFFF_FFFF, divisor, out rest);
        remainder = rest >> shift;
        return (first << 32) | second;
    }

    private static ulong Digit(ulong high, ulong next, ulong divisor, out ulong rest)
    {
        ulong divisorHigh = divisor >> 32;
        ulong divisorLow = divisor & 0xFFFF_FFFF;
        ulong digit = high / divisorHigh;
        ulong partial = high - (digit * divisorHigh);
        while (digit >> 32 != 0 || digit * divisorLow > ((partial << 32) | next))
        {
            digit--;
            partial += divisorHigh;
            if (partial >> 32 != 0)
            {
                break;
            }
        }
        rest = (high << 32) + next - (digit * divisor);
        return digit;
    }
}
