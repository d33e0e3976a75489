namespace Gnomon.Cpu.X87;

/// <summary>FSQRT (Intel SDM vol. 2, FSQRT).</summary>
internal static class SquareRoot
{
    /// <summary>The square root; of minus zero it is minus zero.</summary>
    public static Float80 Sqrt(Float80 operand, ref X87Context context)
    {
        if (Operands.IsSpecial(operand, ref context, out Float80 result) || operand.IsZero)
        {
            return result;
        }
        if (operand.Sign != 0)
        {
            return context.Invalid();
        }
        if (context.StopsAtDenormal(operand.IsDenormal) || operand.IsInfinity)
        {
            return operand;
        }
        ulong significand = operand.Unpack(out int exponent);
        int unbiased = exponent - Float80.Bias;
        bool odd = (unbiased & 1) != 0;
        // The radicand is in [2^126, 2^128), so that the root has 64 bits.
        UInt128 radicand = odd ? (UInt128)significand << 64 : (UInt128)significand << 63;
        ulong root = IntegerRoot(radicand, out UInt128 remainder);
        // (root + 1/2)^2 is no integer, so the fraction is never exactly one half.
        ulong low = remainder == 0 ? 0UL : remainder <= root ? 1 : (1UL << 63) | 1;
        return Rounding.Round(0, (unbiased >> 1) + Float80.Bias, root, low, ref context);
    }

    /// <summary>The integer part of the root of a radicand of at least 2^126, and the radicand less its square.</summary>
    private static ulong IntegerRoot(UInt128 radicand, out UInt128 remainder)
    {
        double estimate = Math.Sqrt((double)radicand);
        ulong root = estimate >= 18446744073709549568.0 ? 0xFFFF_FFFF_FFFF_F800 : (ulong)estimate;
        // One step of Newton's method: the estimate has about 52 bits, so that the step's own error is far below 1.
        Int128 error = (Int128)(radicand - Square(root));
        double step = (double)error / (2.0 * root);
        long whole = (long)Math.Floor(step);
        root = whole > 0 && root + (ulong)whole < root ? ulong.MaxValue : root + (ulong)whole;
        while (Square(root) > radicand)
        {
            root--;
        }
        remainder = radicand - Square(root);
        while (remainder > (UInt128)root << 1 && root != ulong.MaxValue)
        {
            root++;
            remainder = radicand - Square(root);
        }
        return root;
    }

    private static UInt128 Square(ulong value)
    {
        ulong high = Math.BigMul(value, value, out ulong low);
        return new UInt128(high, low);
    }
}
