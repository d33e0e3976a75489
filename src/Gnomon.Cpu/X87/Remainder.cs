using System.Numerics;

namespace Gnomon.Cpu.X87;

/// <summary>FPREM and FPREM1 (Intel SDM vol. 2, FPREM and FPREM1). The remainder is exact.</summary>
internal static class Remainder
{
    /// <summary>In the condition codes: there is no quotient, and C0 and C3 stay.</summary>
    public const uint NoQuotient = 1u << 31;

    /// <summary>The remainder, or after 32 to 63 bits of quotient a partial one with C2 set.</summary>
    /// <param name="dividend">ST(0).</param>
    /// <param name="divisor">ST(1).</param>
    /// <param name="nearest">The quotient is rounded to nearest even (FPREM1), not towards zero.</param>
    /// <param name="codes">C2; C0, C3 and C1 as bits 2, 1 and 0 of a complete quotient; or
    /// <see cref="NoQuotient"/>.</param>
    /// <param name="context">Takes the exceptions.</param>
    public static Float80 Compute(Float80 dividend, Float80 divisor, bool nearest, out uint codes, ref X87Context context)
    {
        codes = NoQuotient;
        if (Operands.AreSpecial(dividend, divisor, ref context, out Float80 result))
        {
            return result;
        }
        if (dividend.IsInfinity || divisor.IsZero)
        {
            return context.Invalid();
        }
        if (context.StopsAtDenormal(dividend.IsDenormal || divisor.IsDenormal))
        {
            return dividend;
        }
        codes = 0;
        if (dividend.IsZero)
        {
            return dividend;
        }
        ulong a = dividend.Unpack(out int aExponent);
        if (divisor.IsInfinity)
        {
            return Rounding.RoundFull(dividend.Sign, aExponent, a, 0, ref context);
        }
        ulong b = divisor.Unpack(out int bExponent);
        int difference = aExponent - bExponent;
        uint sign = dividend.Sign;
        ulong quotient = 0;
        int exponent = aExponent;
        if (difference >= 64)
        {
            // The number of quotient bits per step is left to the implementation: it makes the next difference a multiple of 32.
            int bits = (difference & 31) | 32;
            a = Reduce(a, b, bits, out quotient);
            codes = X87Status.C2;
            exponent = aExponent - bits;
            return a == 0 ? Float80.Zero(sign) : Normalized(sign, exponent, a, ref context);
        }
        if (difference >= 0)
        {
            a = Reduce(a, b, difference, out quotient);
            exponent = bExponent;
            if (nearest && (a > b - a || (a == b - a && (quotient & 1) != 0)))
            {
                a = b - a;
                sign ^= 1;
                quotient++;
            }
        }
        else if (nearest && difference == -1 && a > b)
        {
            a = b - (a - b);
            sign ^= 1;
            quotient = 1;
        }
        codes = QuotientCodes(quotient);
        return a == 0 ? Float80.Zero(dividend.Sign) : Normalized(sign, exponent, a, ref context);
    }

    /// <summary>a times 2^shift modulo b, with the low bits of the quotient; both significands are normalized.</summary>
    private static ulong Reduce(ulong a, ulong b, int shift, out ulong quotient)
    {
        quotient = 0;
        if (a >= b)
        {
            a -= b;
            quotient = 1UL << shift;
        }
        if (shift == 0)
        {
            return a;
        }
        quotient |= Division.DivideWide(a >> (64 - shift), a << shift, b, out ulong remainder);
        return remainder;
    }

    private static uint QuotientCodes(ulong quotient) =>
        ((quotient & 4) != 0 ? X87Status.C0 : 0) | ((quotient & 2) != 0 ? X87Status.C3 : 0) | ((quotient & 1) != 0 ? X87Status.C1 : 0);

    private static Float80 Normalized(uint sign, int exponent, ulong significand, ref X87Context context)
    {
        int shift = BitOperations.LeadingZeroCount(significand);
        return Rounding.RoundFull(sign, exponent - shift, significand << shift, 0, ref context);
    }
}
