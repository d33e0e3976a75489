using System.Numerics;

namespace Gnomon.Cpu.X87.Tests;

/// <summary>Elementary functions to hundreds of bits, as integers scaled by 2^<paramref name="bits"/>: plain Taylor series and Newton's
/// method from a double, with none of the reductions of what is tested.</summary>
internal sealed class ExactFunctions(int bits)
{
    private BigInteger _logarithmOfTwo;

    /// <summary>1.</summary>
    public BigInteger One { get; } = BigInteger.One << bits;

    /// <summary>Half of the 66-bit pi of the x87 (Intel SDM vol. 1, 8.3.8): 4 times 0.C90FDAA22168C234CH, by 2.</summary>
    private BigInteger HalfPi { get; } = (BigInteger)new UInt128(0xC, 0x90FD_AA22_168C_234C) << (bits - 67);

    /// <summary>A finite number.</summary>
    public BigInteger Of(Float80 value)
    {
        BigInteger magnitude = Shift(value.Significand, Math.Max(value.Exponent, 1) - Float80.Bias - 63 + bits);
        return value.Sign == 0 ? magnitude : -magnitude;
    }

    /// <summary>e^x for a modest x.</summary>
    public BigInteger Exp(BigInteger x)
    {
        BigInteger sum = One;
        BigInteger term = One;
        for (int n = 1; !term.IsZero && n < 10000; n++)
        {
            term = Multiply(term, x) / n;
            sum += term;
        }
        return sum;
    }

    /// <summary>ln 2.</summary>
    public BigInteger LogarithmOfTwo => _logarithmOfTwo.IsZero ? _logarithmOfTwo = Log(2 * One) : _logarithmOfTwo;

    /// <summary>The natural logarithm of a number from about 1/2 to 2.</summary>
    public BigInteger Log(BigInteger x)
    {
        BigInteger y = OfDouble(Math.Log(ToDouble(x)));
        for (int i = 0; i < 6; i++)
        {
            BigInteger power = Exp(y);
            y += Divide(2 * (x - power), x + power);
        }
        return y;
    }

    /// <summary>2^x - 1.</summary>
    public BigInteger PowerLessOne(BigInteger x) => Exp(Multiply(x, LogarithmOfTwo)) - One;

    /// <summary>The binary logarithm of a positive number.</summary>
    public BigInteger BinaryLogarithm(BigInteger x)
    {
        int exponent = (int)x.GetBitLength() - 1 - bits;
        return Divide(Log(Shift(x, -exponent)), LogarithmOfTwo) + (exponent * One);
    }

    /// <summary>The sine, after taking off quarter turns of the 66-bit pi.</summary>
    public BigInteger Sin(BigInteger x) => Turned(x, 0);

    /// <summary>The cosine, after taking off quarter turns of the 66-bit pi.</summary>
    public BigInteger Cos(BigInteger x) => Turned(x, 1);

    /// <summary>The angle of a point.</summary>
    public BigInteger ArcTangent(BigInteger y, BigInteger x)
    {
        BigInteger angle = OfDouble(Math.Atan2(ToDouble(y), ToDouble(x)));
        for (int i = 0; i < 4; i++)
        {
            // The angle left over after turning the point back; its arc tangent is nearly itself.
            BigInteger sine = Series(angle, 1);
            BigInteger cosine = Series(angle, 0);
            BigInteger rest = Divide(Multiply(y, cosine) - Multiply(x, sine), Multiply(x, cosine) + Multiply(y, sine));
            angle += rest - (Multiply(rest, Multiply(rest, rest)) / 3);
        }
        return angle;
    }

    public BigInteger Multiply(BigInteger left, BigInteger right) => (left * right) >> bits;

    public BigInteger Divide(BigInteger left, BigInteger right) => (left << bits) / right;

    /// <summary>How far a number is from an exact value, in units of its last place.</summary>
    public double Error(Float80 value, BigInteger exact)
    {
        BigInteger difference = Of(value) - exact;
        return difference.IsZero ? 0 : (double)difference / (double)Shift(BigInteger.One, Math.Max(value.Exponent, 1) - Float80.Bias - 63 + bits);
    }

    private static BigInteger Shift(BigInteger value, int count) => count >= 0 ? value << count : value >> -count;

    private BigInteger Turned(BigInteger x, int quarters)
    {
        // The floor of x / (pi/2) + 1/2.
        BigInteger nearest = ((2 * x) + HalfPi - Modulo((2 * x) + HalfPi, 2 * HalfPi)) / (2 * HalfPi);
        BigInteger rest = x - (nearest * HalfPi);
        int quadrant = (int)Modulo(nearest + quarters, 4);
        BigInteger value = Series(rest, 1 - (quadrant & 1));
        return quadrant >= 2 ? -value : value;
    }

    private static BigInteger Modulo(BigInteger value, BigInteger by) => ((value % by) + by) % by;

    private BigInteger Series(BigInteger x, int first)
    {
        BigInteger sum = 0;
        BigInteger term = first == 0 ? One : x;
        for (int n = first; !term.IsZero && n < 10000; n += 2)
        {
            sum += term;
            term = -Multiply(Multiply(term, x), x) / ((n + 1) * (n + 2));
        }
        return sum;
    }

    private double ToDouble(BigInteger x) => Math.ScaleB((double)Shift(x, 100 - bits), -100);

    private BigInteger OfDouble(double value) => Shift(new BigInteger(Math.ScaleB(value, 100)), bits - 100);
}
