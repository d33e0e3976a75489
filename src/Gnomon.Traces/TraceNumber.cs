using System.Buffers;

namespace Gnomon.Traces;

/// <summary>The numbers of a trace: decimal, or hex with <c>0x</c>; no sign, no separators, at most 64 bits.</summary>
public static class TraceNumber
{
    private static readonly SearchValues<char> _hexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>Reads a number.</summary>
    /// <returns>False when the text is no number or does not fit 64 bits.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out ulong value)
    {
        value = 0;
        bool hex = text.StartsWith("0x", StringComparison.Ordinal);
        ReadOnlySpan<char> digits = hex ? text[2..] : text;
        if (digits.IsEmpty)
        {
            return false;
        }

        uint radix = hex ? 16u : 10u;
        foreach (char c in digits)
        {
            uint digit = c switch
            {
                >= '0' and <= '9' => (uint)(c - '0'),
                >= 'a' and <= 'f' => (uint)(c - 'a' + 10),
                >= 'A' and <= 'F' => (uint)(c - 'A' + 10),
                _ => uint.MaxValue,
            };
            if (digit >= radix)
            {
                return false;
            }

            UInt128 next = ((UInt128)value * radix) + digit;
            if (next > ulong.MaxValue)
            {
                return false;
            }

            value = (ulong)next;
        }

        return true;
    }

    /// <summary>Whether a text is written as a number, whether or not it fits 64 bits.</summary>
    internal static bool LooksLikeOne(ReadOnlySpan<char> text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? text.Length > 2 && !text[2..].ContainsAnyExcept(_hexDigits)
        : text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');
}
