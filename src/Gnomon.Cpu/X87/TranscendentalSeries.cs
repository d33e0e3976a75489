namespace Gnomon.Cpu.X87;

/// <summary>Power series in fixed point of 127 bits; each is cut where its terms are below 2^-110 of the sum. An argument
/// <c>square</c> is the square of the function's argument.</summary>
internal static class TranscendentalSeries
{
    /// <summary>sin(r) / r for r up to pi/4. It is less than 1, however small r is.</summary>
    public static UInt128 SineOver(UInt128 square) => Alternating(square, 2, 30);

    /// <summary>cos(r) for r up to pi/4. It is less than 1, however small r is.</summary>
    public static UInt128 Cosine(UInt128 square) => Alternating(square, 1, 30);

    /// <summary>(e^y - 1) / y for |y| up to ln 2.</summary>
    public static UInt128 ExponentialOver(UInt128 magnitude, bool negative)
    {
        UInt128 sum = WideNumber.FixedOne;
        for (uint i = 29; i >= 2; i--)
        {
            UInt128 term = WideNumber.MultiplyFixed(sum, magnitude) / i;
            sum = negative ? WideNumber.FixedOne - term : WideNumber.FixedOne + term;
        }
        return sum;
    }

    /// <summary>artanh(s) / s for |s| up to 3 - 2 sqrt(2).</summary>
    public static UInt128 AreaTangentOver(UInt128 square)
    {
        UInt128 sum = 0;
        for (uint i = 49; i >= 3; i -= 2)
        {
            sum = (WideNumber.FixedOne / i) + WideNumber.MultiplyFixed(sum, square);
        }
        return WideNumber.FixedOne + WideNumber.MultiplyFixed(sum, square);
    }

    /// <summary>arctan(u) / u for |u| up to 1/8. It is less than 1, however small u is.</summary>
    public static UInt128 ArcTangentOver(UInt128 square)
    {
        UInt128 sum = 0;
        for (uint i = 43; i >= 3; i -= 2)
        {
            sum = (WideNumber.FixedOne / i) - WideNumber.MultiplyFixed(sum, square);
        }
        return WideNumber.FixedOne - UInt128.Max(WideNumber.MultiplyFixed(sum, square), 1);
    }

    /// <summary>1 - z/(n (n+1)) (1 - z/((n+2) (n+3)) (1 - ...)) with n from <paramref name="first"/> to <paramref name="last"/>.</summary>
    private static UInt128 Alternating(UInt128 square, uint first, uint last)
    {
        UInt128 sum = WideNumber.FixedOne;
        for (uint n = first + ((last - first) & ~1u); ; n -= 2)
        {
            UInt128 term = WideNumber.MultiplyFixed(sum, square) / (n * (n + 1));
            sum = WideNumber.FixedOne - UInt128.Max(term, 1);
            if (n == first)
            {
                return sum;
            }
        }
    }
}
