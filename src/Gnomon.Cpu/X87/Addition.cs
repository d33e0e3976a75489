using System.Numerics;

namespace Gnomon.Cpu.X87;

/// <summary>FADD, FSUB and their relatives (Intel SDM vol. 2, FADD and FSUB, with their tables of special results).</summary>
internal static class Addition
{
    /// <summary>left + right.</summary>
    public static Float80 Add(Float80 left, Float80 right, ref X87Context context) => AddSigned(left, right, right.Sign, ref context);

    /// <summary>left - right.</summary>
    public static Float80 Subtract(Float80 left, Float80 right, ref X87Context context) =>
        AddSigned(left, right, right.Sign ^ 1, ref context);

    private static Float80 AddSigned(Float80 left, Float80 right, uint rightSign, ref X87Context context)
    {
        if (!left.IsNormal || !right.IsNormal || context.DenormalOperand)
        {
            if (Operands.AreSpecial(left, right, ref context, out Float80 result))
            {
                return result;
            }
            if (left.IsInfinity && right.IsInfinity && left.Sign != rightSign)
            {
                return context.Invalid();
            }
            if (context.StopsAtDenormal(left.IsDenormal || right.IsDenormal))
            {
                return default;
            }
            if (left.IsInfinity)
            {
                return left;
            }
            if (right.IsInfinity)
            {
                return right.WithSign(rightSign);
            }
        }
        ulong a = left.Unpack(out int aExponent);
        ulong b = right.Unpack(out int bExponent);
        if (a == 0 || b == 0)
        {
            return AddZero(left.Sign, a, aExponent, rightSign, b, bExponent, ref context);
        }
        uint sign = left.Sign;
        uint otherSign = rightSign;
        if (aExponent < bExponent || (aExponent == bExponent && a < b))
        {
            (a, b) = (b, a);
            (aExponent, bExponent) = (bExponent, aExponent);
            (sign, otherSign) = (otherSign, sign);
        }
        ulong low = 0;
        Rounding.ShiftRightJam(ref b, ref low, aExponent - bExponent);
        return sign == otherSign
            ? SumOf(sign, aExponent, a, b, low, ref context)
            : DifferenceOf(sign, aExponent, a, b, low, ref context);
    }

    private static Float80 SumOf(uint sign, int exponent, ulong a, ulong b, ulong low, ref X87Context context)
    {
        ulong high = a + b;
        if (high < a)
        {
            low = (low >> 1) | (low & 1) | (high << 63);
            high = (high >> 1) | Float80.IntegerBit;
            exponent++;
        }
        return Rounding.Round(sign, exponent, high, low, ref context);
    }

    private static Float80 DifferenceOf(uint sign, int exponent, ulong a, ulong b, ulong low, ref X87Context context)
    {
        ulong high = a - b - (low == 0 ? 0UL : 1);
        low = 0 - low;
        if ((high | low) == 0)
        {
            return Float80.Zero(context.RoundingControl == 1 ? 1u : 0);
        }
        if (high == 0)
        {
            high = low;
            low = 0;
            exponent -= 64;
        }
        int shift = BitOperations.LeadingZeroCount(high);
        if (shift != 0)
        {
            high = (high << shift) | (low >> (64 - shift));
            low <<= shift;
        }
        return Rounding.Round(sign, exponent - shift, high, low, ref context);
    }

    /// <summary>A sum with at least one zero. The other operand is still rounded to the precision.</summary>
    private static Float80 AddZero(
        uint aSign, ulong a, int aExponent, uint bSign, ulong b, int bExponent, ref X87Context context)
    {
        if ((a | b) == 0)
        {
            return Float80.Zero(aSign == bSign ? aSign : context.RoundingControl == 1 ? 1u : 0);
        }
        return a == 0
            ? Rounding.Round(bSign, bExponent, b, 0, ref context)
            : Rounding.Round(aSign, aExponent, a, 0, ref context);
    }
}
