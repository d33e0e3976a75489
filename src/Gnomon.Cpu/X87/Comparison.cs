namespace Gnomon.Cpu.X87;

/// <summary>FCOM, FUCOM, FTST and FXAM (Intel SDM vol. 1, 8.3.6; vol. 2, FCOM, FUCOM, FXAM).</summary>
internal static class Comparison
{
    /// <summary>Neither operand is the greater, and they are not equal.</summary>
    public const uint Unordered = X87Status.C3 | X87Status.C2 | X87Status.C0;

    /// <summary>The condition codes C3, C2 and C0 of a comparison.</summary>
    /// <param name="left">ST(0).</param>
    /// <param name="right">The other operand.</param>
    /// <param name="quiet">A quiet NaN is no invalid operation (FUCOM).</param>
    /// <param name="context">Takes the exceptions.</param>
    public static uint Compare(Float80 left, Float80 right, bool quiet, ref X87Context context)
    {
        if (!left.IsNormal || !right.IsNormal || context.DenormalOperand)
        {
            if (left.IsUnsupported || right.IsUnsupported || left.IsNaN || right.IsNaN)
            {
                if (!quiet || left.IsUnsupported || right.IsUnsupported || left.IsSignalingNaN || right.IsSignalingNaN)
                {
                    context.Raised |= X87Status.Invalid;
                }
                return Unordered;
            }
            context.StopsAtDenormal(left.IsDenormal || right.IsDenormal);
        }
        if (left.IsZero && right.IsZero)
        {
            return X87Status.C3;
        }
        if (left.Sign != right.Sign)
        {
            return left.Sign == 0 ? 0 : X87Status.C0;
        }
        int order = CompareMagnitudes(left, right);
        return order == 0 ? X87Status.C3 : order > 0 == (left.Sign == 0) ? 0 : X87Status.C0;
    }

    /// <summary>ZF, PF and CF as EFLAGS has them, of the condition codes of a comparison (FCOMI).</summary>
    public static uint ToFlags(uint codes) =>
        ((codes & X87Status.C3) >> 8) | ((codes & X87Status.C2) >> 8) | ((codes & X87Status.C0) >> 8);

    /// <summary>The condition codes of FXAM: the class of a number and, in C1, its sign.</summary>
    public static uint Examine(Float80 value, bool empty) => (value.Sign == 0 ? 0 : X87Status.C1) | (empty
        ? X87Status.C3 | X87Status.C0
        : value.Class switch
        {
            Float80Class.Unsupported => 0,
            Float80Class.QuietNaN or Float80Class.SignalingNaN => X87Status.C0,
            Float80Class.Normal => X87Status.C2,
            Float80Class.Infinity => X87Status.C2 | X87Status.C0,
            Float80Class.Zero => X87Status.C3,
            _ => X87Status.C3 | X87Status.C2,
        });

    private static int CompareMagnitudes(Float80 left, Float80 right)
    {
        // A denormal is scaled as if its exponent were 1, and then its significand decides.
        int leftExponent = Math.Max(left.Exponent, 1);
        int rightExponent = Math.Max(right.Exponent, 1);
        return leftExponent != rightExponent
            ? leftExponent.CompareTo(rightExponent)
            : left.Significand.CompareTo(right.Significand);
    }
}
