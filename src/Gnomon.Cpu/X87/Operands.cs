namespace Gnomon.Cpu.X87;

/// <summary>Operands that are no numbers (Intel SDM vol. 1, 4.8.3.5, table 4-7, and 8.5.1.2).</summary>
internal static class Operands
{
    /// <summary>Whether one of two operands is a NaN or unsupported, which decides <paramref name="result"/>.</summary>
    public static bool AreSpecial(Float80 left, Float80 right, ref X87Context context, out Float80 result)
    {
        if (left.IsUnsupported || right.IsUnsupported)
        {
            result = context.Invalid();
            return true;
        }
        if (!left.IsNaN && !right.IsNaN)
        {
            result = default;
            return false;
        }
        if (left.IsSignalingNaN || right.IsSignalingNaN)
        {
            context.Raised |= X87Status.Invalid;
        }
        result = Choose(left, right).Quieted();
        return true;
    }

    /// <summary>Whether a single operand is a NaN or unsupported, which decides <paramref name="result"/>.</summary>
    public static bool IsSpecial(Float80 operand, ref X87Context context, out Float80 result)
    {
        result = operand;
        if (operand.IsUnsupported)
        {
            result = context.Invalid();
            return true;
        }
        if (!operand.IsNaN)
        {
            return false;
        }
        if (operand.IsSignalingNaN)
        {
            context.Raised |= X87Status.Invalid;
        }
        result = operand.Quieted();
        return true;
    }

    /// <summary>The NaN that a result takes over. A quiet NaN goes before a signaling one; of two of a kind the one with the
    /// larger significand, and of equal significands the positive one.</summary>
    private static Float80 Choose(Float80 left, Float80 right)
    {
        if (!left.IsNaN || !right.IsNaN)
        {
            return left.IsNaN ? left : right;
        }
        if (left.IsSignalingNaN != right.IsSignalingNaN)
        {
            return left.IsSignalingNaN ? right : left;
        }
        if (left.Significand != right.Significand)
        {
            return left.Significand > right.Significand ? left : right;
        }
        return left.Sign == 0 ? left : right;
    }
}
