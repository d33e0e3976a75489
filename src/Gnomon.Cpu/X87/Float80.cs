using System.Numerics;

namespace Gnomon.Cpu.X87;

/// <summary>The classes of an 80-bit encoding (Intel SDM vol. 1, tables 4-3 and 8-3).</summary>
internal enum Float80Class
{
    /// <summary>Plus or minus zero.</summary>
    Zero,

    /// <summary>A denormal, or a pseudo-denormal (exponent 0 with the integer bit set).</summary>
    Denormal,

    /// <summary>A normal finite number.</summary>
    Normal,

    /// <summary>Plus or minus infinity.</summary>
    Infinity,

    /// <summary>A quiet NaN.</summary>
    QuietNaN,

    /// <summary>A signaling NaN.</summary>
    SignalingNaN,

    /// <summary>An unnormal, pseudo-infinity or pseudo-NaN: an invalid operand of every arithmetic instruction.</summary>
    Unsupported,
}

/// <summary>A number in double extended-precision format (Intel SDM vol. 1, 4.2.2): 64 bits of significand with an explicit
/// integer bit, 15 bits of exponent with bias 16383, and a sign.</summary>
/// <param name="significand">Bits 63:0.</param>
/// <param name="signExponent">Bits 79:64.</param>
internal readonly struct Float80(ulong significand, ushort signExponent) : IEquatable<Float80>
{
    /// <summary>The integer bit (J) of the significand.</summary>
    public const ulong IntegerBit = 1UL << 63;

    /// <summary>The bit of a NaN's significand that makes it quiet.</summary>
    public const ulong QuietBit = 1UL << 62;

    /// <summary>The greatest biased exponent: infinities and NaNs.</summary>
    public const int ExponentMask = 0x7FFF;

    /// <summary>The exponent's bias.</summary>
    public const int Bias = 16383;

    /// <summary>Bits 63:0.</summary>
    public readonly ulong Significand = significand;

    /// <summary>Bits 79:64: the sign and the biased exponent.</summary>
    public readonly ushort SignExponent = signExponent;

    /// <summary>A number of its three parts.</summary>
    public Float80(uint sign, int exponent, ulong significand)
        : this(significand, (ushort)((sign << 15) | (uint)exponent))
    {
    }

    /// <summary>The real indefinite: the answer to a masked invalid operation (Intel SDM vol. 1, 4.8.3.7).</summary>
    public static Float80 Indefinite => new(0xC000_0000_0000_0000, 0xFFFF);

    /// <summary>One.</summary>
    public static Float80 One => new(IntegerBit, Bias);

    /// <summary>The biased exponent, 0 to 7FFFH.</summary>
    public int Exponent => SignExponent & ExponentMask;

    /// <summary>The sign: 1 is negative.</summary>
    public uint Sign => (uint)SignExponent >> 15;

    /// <summary>A normal finite number: neither a special value nor a denormal.</summary>
    public bool IsNormal => (uint)(Exponent - 1) < ExponentMask - 1 && (long)Significand < 0;

    /// <summary>Plus or minus zero.</summary>
    public bool IsZero => Significand == 0 && Exponent == 0;

    /// <summary>A denormal or pseudo-denormal.</summary>
    public bool IsDenormal => Exponent == 0 && Significand != 0;

    /// <summary>Plus or minus infinity.</summary>
    public bool IsInfinity => Exponent == ExponentMask && Significand == IntegerBit;

    /// <summary>A quiet or signaling NaN, and no pseudo-NaN.</summary>
    public bool IsNaN => Exponent == ExponentMask && Significand > IntegerBit;

    /// <summary>A signaling NaN.</summary>
    public bool IsSignalingNaN => IsNaN && (Significand & QuietBit) == 0;

    /// <summary>An unnormal, pseudo-infinity or pseudo-NaN.</summary>
    public bool IsUnsupported => Exponent != 0 && (long)Significand >= 0;

    /// <summary>The class of the encoding.</summary>
    public Float80Class Class => IsNormal ? Float80Class.Normal
        : Exponent == 0 ? Significand == 0 ? Float80Class.Zero : Float80Class.Denormal
        : (long)Significand >= 0 ? Float80Class.Unsupported
        : Significand == IntegerBit ? Float80Class.Infinity
        : (Significand & QuietBit) != 0 ? Float80Class.QuietNaN
        : Float80Class.SignalingNaN;

    /// <summary>Whether two numbers have the same bits.</summary>
    public static bool operator ==(Float80 left, Float80 right) => left.Equals(right);

    /// <summary>Whether two numbers have different bits.</summary>
    public static bool operator !=(Float80 left, Float80 right) => !left.Equals(right);

    /// <summary>Plus or minus zero.</summary>
    public static Float80 Zero(uint sign) => new(sign, 0, 0);

    /// <summary>Plus or minus infinity.</summary>
    public static Float80 Infinity(uint sign) => new(sign, ExponentMask, IntegerBit);

    /// <summary>The same NaN, quiet.</summary>
    public Float80 Quieted() => new(Significand | QuietBit, SignExponent);

    /// <summary>The same magnitude with sign <paramref name="sign"/>.</summary>
    public Float80 WithSign(uint sign) => new(sign, Exponent, Significand);

    /// <summary>The exponent and significand of a finite number with the integer bit at its place; a denormal gets an exponent
    /// below 1. The significand of zero is 0.</summary>
    public ulong Unpack(out int exponent)
    {
        exponent = Exponent;
        if (exponent != 0)
        {
            return Significand;
        }
        int shift = BitOperations.LeadingZeroCount(Significand);
        exponent = 1 - shift;
        return shift == 64 ? 0 : Significand << shift;
    }

    /// <summary>Whether two numbers have the same bits.</summary>
    public bool Equals(Float80 other) => Significand == other.Significand && SignExponent == other.SignExponent;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Float80 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Significand, SignExponent);

    /// <summary>Sign and exponent, then significand, in hexadecimal.</summary>
    public override string ToString() => $"{SignExponent:X4}_{Significand:X16}";
}
