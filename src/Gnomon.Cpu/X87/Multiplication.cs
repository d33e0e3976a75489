namespace Gnomon.Cpu.X87;

/// <summary>FMUL and its relatives (Intel SDM vol. 2, FMUL).</summary>
internal static class Multiplication
{
    /// <summary>left times right.</summary>
    public static Float80 Multiply(Float80 left, Float80 right, ref X87Context context)
    {
        uint sign = left.Sign ^ right.Sign;
        if (!left.IsNormal || !right.IsNormal || context.DenormalOperand)
        {
            if (Operands.AreSpecial(left, right, ref context, out Float80 result))
            {
                return result;
            }
            if ((left.IsInfinity && right.IsZero) || (left.IsZero && right.IsInfinity))
            {
                return context.Invalid();
            }
            if (context.StopsAtDenormal(left.IsDenormal || right.IsDenormal))
            {
                return default;
            }
            if (left.IsInfinity || right.IsInfinity)
            {
                return Float80.Infinity(sign);
            }
            if (left.IsZero || right.IsZero)
            {
                return Float80.Zero(sign);
            }
        }
        ulong a = left.Unpack(out int aExponent);
        ulong b = right.Unpack(out int bExponent);
        ulong high = Math.BigMul(a, b, out ulong low);
        int exponent = aExponent + bExponent - Float80.Bias + 1;
        if ((long)high >= 0)
        {
            high = (high << 1) | (low >> 63);
            low <<= 1;
            exponent--;
        }
        return Rounding.Round(sign, exponent, high, low, ref context);
    }
}
