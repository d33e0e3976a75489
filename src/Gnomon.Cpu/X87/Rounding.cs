using System.Runtime.CompilerServices;

namespace Gnomon.Cpu.X87;

/// <summary>Rounding to the precision of the control word, overflow and underflow (Intel SDM vol. 1, 4.8.4, 8.1.5, 8.5.4 to 8.5.6).</summary>
internal static class Rounding
{
    /// <summary>What an unmasked overflow subtracts from the exponent of a result in a register, and underflow adds.</summary>
    public const int BiasAdjust = 24576;

    private const ulong Half = 1UL << 63;

    /// <summary>Whether a magnitude is rounded up, away from zero.</summary>
    /// <param name="control">0 nearest even, 1 down, 2 up, 3 towards zero.</param>
    /// <param name="sign">1 for a negative number.</param>
    /// <param name="fraction">What is below the last place, as a binary fraction; bit 0 also stands for all that is below.</param>
    /// <param name="odd">Whether the last place kept is 1.</param>
    public static bool IsUp(uint control, uint sign, ulong fraction, bool odd) => fraction != 0 && control switch
    {
        0 => fraction > Half || (fraction == Half && odd),
        1 => sign != 0,
        2 => sign == 0,
        _ => false,
    };

    /// <summary>The number of low significand bits that the precision control leaves out: 40, 11 or none. The reserved
    /// encoding 01 works as 64 bits.</summary>
    public static int DroppedBits(uint control) => ((control >> 8) & 3) switch
    {
        0 => 40,
        2 => 11,
        _ => 0,
    };

    /// <summary>Rounds to the precision of the control word.</summary>
    /// <param name="sign">1 for a negative number.</param>
    /// <param name="exponent">The biased exponent, of any size.</param>
    /// <param name="high">The significand, with the integer bit set.</param>
    /// <param name="low">The 64 bits below; bit 0 also stands for all that is below.</param>
    /// <param name="context">Takes the exceptions and C1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float80 Round(uint sign, int exponent, ulong high, ulong low, ref X87Context context)
    {
        if ((context.Control & 0xF00) != 0x300 || (uint)(exponent - 1) >= Float80.ExponentMask - 2)
        {
            return Round(sign, exponent, high, low, DroppedBits(context.Control), ref context);
        }
        // The usual case: 64 bits, nearest even, and neither overflow nor underflow, whatever the rounding does.
        if (low != 0)
        {
            context.Raised |= X87Status.Precision;
            if (low > Half || (low == Half && (high & 1) != 0))
            {
                context.Raised |= X87Status.C1;
                if (++high == 0)
                {
                    high = Half;
                    exponent++;
                }
            }
        }
        return new Float80(sign, exponent, high);
    }

    /// <summary>Rounds to 64 bits, whatever the precision control says.</summary>
    public static Float80 RoundFull(uint sign, int exponent, ulong high, ulong low, ref X87Context context) =>
        Round(sign, exponent, high, low, 0, ref context);

    private static Float80 Round(uint sign, int exponent, ulong high, ulong low, int dropped, ref X87Context context)
    {
        ulong kept = high;
        ulong fraction = low;
        ulong unit = 1UL << dropped;
        if (dropped != 0)
        {
            kept = high & ~(unit - 1);
            fraction = (high << (64 - dropped)) | (low == 0 ? 0UL : 1);
        }
        int roundedExponent = exponent;
        uint raised = 0;
        if (fraction != 0)
        {
            raised = X87Status.Precision;
            if (IsUp(context.RoundingControl, sign, fraction, (kept & unit) != 0))
            {
                raised |= X87Status.C1;
                kept += unit;
                if (kept == 0)
                {
                    kept = Half;
                    roundedExponent++;
                }
            }
        }
        if (exponent < 1)
        {
            return Underflow(sign, exponent, high, low, dropped, kept, roundedExponent, raised, ref context);
        }
        if (roundedExponent >= Float80.ExponentMask)
        {
            return Overflow(sign, roundedExponent, kept, dropped, raised, ref context);
        }
        context.Raised |= raised;
        return new Float80(sign, roundedExponent, kept);
    }

    /// <summary>The answer to an overflow (Intel SDM vol. 1, 8.5.4 and table 4-11).</summary>
    private static Float80 Overflow(uint sign, int exponent, ulong kept, int dropped, uint raised, ref X87Context context)
    {
        bool masked = context.IsMasked(X87Status.Overflow);
        if (!masked && exponent - BiasAdjust < Float80.ExponentMask)
        {
            context.Raised |= X87Status.Overflow | raised;
            return new Float80(sign, exponent - BiasAdjust, kept);
        }
        context.Raised |= X87Status.Overflow | X87Status.Precision;
        uint control = context.RoundingControl;
        // Only FSCALE can be too large for the adjusted exponent, and then gives infinity (Intel SDM vol. 2, FSCALE).
        if (!masked || control == 0 || control == 2 - sign)
        {
            context.Raised |= X87Status.C1;
            return Float80.Infinity(sign);
        }
        return new Float80(sign, Float80.ExponentMask - 1, ulong.MaxValue << dropped);
    }

    /// <summary>The answer to a result below the normal numbers. It is tiny if it is still so when rounded as if the exponent had
    /// no bounds (Intel SDM vol. 1, 4.9.1.5).</summary>
    private static Float80 Underflow(
        uint sign, int exponent, ulong high, ulong low, int dropped, ulong kept, int roundedExponent, uint raised, ref X87Context context)
    {
        bool tiny = roundedExponent < 1;
        if (tiny && !context.IsMasked(X87Status.Underflow))
        {
            if (roundedExponent + BiasAdjust > 0)
            {
                context.Raised |= X87Status.Underflow | raised;
                return new Float80(sign, roundedExponent + BiasAdjust, kept);
            }
            // Only FSCALE can be too small for the adjusted exponent, and then gives zero (Intel SDM vol. 2, FSCALE).
            context.Raised |= X87Status.Underflow | X87Status.Precision;
            return Float80.Zero(sign);
        }
        ShiftRightJam(ref high, ref low, 1 - exponent);
        ulong unit = 1UL << dropped;
        ulong fraction = low;
        if (dropped != 0)
        {
            fraction = (high << (64 - dropped)) | (low == 0 ? 0UL : 1);
            high &= ~(unit - 1);
        }
        if (fraction != 0)
        {
            context.Raised |= X87Status.Precision;
            if (tiny)
            {
                context.Raised |= X87Status.Underflow;
            }
            if (IsUp(context.RoundingControl, sign, fraction, (high & unit) != 0))
            {
                high += unit;
                context.Raised |= X87Status.C1;
            }
        }
        return new Float80(sign, (int)(high >> 63), high);
    }

    /// <summary>Shifts 128 bits right by <paramref name="count"/> (not negative); what falls off is kept in bit 0.</summary>
    public static void ShiftRightJam(ref ulong high, ref ulong low, int count)
    {
        if (count == 0)
        {
            return;
        }
        if (count < 64)
        {
            ulong lost = low << (64 - count);
            low = (low >> count) | (high << (64 - count)) | (lost == 0 ? 0UL : 1);
            high >>= count;
        }
        else if (count == 64)
        {
            low = high | (low == 0 ? 0UL : 1);
            high = 0;
        }
        else if (count < 128)
        {
            ulong lost = (high << (128 - count)) | low;
            low = (high >> (count - 64)) | (lost == 0 ? 0UL : 1);
            high = 0;
        }
        else
        {
            low = (high | low) == 0 ? 0UL : 1;
            high = 0;
        }
    }
}
