using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Gnomon.Traces;

/// <summary>The words of one line, taken one after the other; every complaint names the line and says what to write.</summary>
internal ref struct TraceLineCursor
{
    private const int LongestQuote = 40;
    private static readonly char[] _blanks = [' ', '\t'];

    private ReadOnlySpan<char> _rest;

    /// <summary>Starts at the keyword of a line that is not empty.</summary>
    public TraceLineCursor(long line, ReadOnlySpan<char> text)
    {
        Line = line;
        _rest = text;
        Keyword = Take();
    }

    /// <summary>The line's number.</summary>
    public long Line { get; }

    /// <summary>The first word.</summary>
    public ReadOnlySpan<char> Keyword { get; }

    /// <summary>How the line is written, for complaints.</summary>
    public string Usage { get; set; } = "";

    /// <summary>Shortens a word so that it can stand in a sentence.</summary>
    public static string Quote(ReadOnlySpan<char> word) =>
        word.Length <= LongestQuote ? $"`{word}`" : $"`{word[..LongestQuote]}…`";

    /// <summary>Takes the next word.</summary>
    public ReadOnlySpan<char> Word(string what)
    {
        ReadOnlySpan<char> word = Take();
        if (word.IsEmpty)
        {
            Fail($"{what} is missing; write `{Usage}`");
        }

        return word;
    }

    /// <summary>Takes the next word as a number up to a largest one.</summary>
    public ulong Number(string what, ulong largest)
    {
        ReadOnlySpan<char> word = Word(what);
        if (!TraceNumber.TryParse(word, out ulong value))
        {
            if (TraceNumber.LooksLikeOne(word))
            {
                Fail($"{what} {Quote(word)} is too large; at most {Hex(largest)} is possible");
            }

            Fail($"{what} {Quote(word)} is not a number; write it in decimal, or in hex with 0x");
        }

        if (value > largest)
        {
            Fail($"{what} {Quote(word)} is too large; at most {Hex(largest)} is possible");
        }

        return value;
    }

    /// <summary>Takes the next word as a number in a range, said in decimal.</summary>
    public int Count(string what, int least, int most)
    {
        ReadOnlySpan<char> word = Word(what);
        if (!TraceNumber.TryParse(word, out ulong value))
        {
            if (!TraceNumber.LooksLikeOne(word))
            {
                Fail($"{what} {Quote(word)} is not a number; write it in decimal, or in hex with 0x");
            }

            value = ulong.MaxValue;
        }

        if (value < (ulong)least || value > (ulong)most)
        {
            Fail(string.Create(CultureInfo.InvariantCulture, $"{what} {Quote(word)} is out of range; {least} to {most} is possible"));
        }

        return (int)value;
    }

    /// <summary>Takes the next word as one of a few.</summary>
    public int Choice(string what, scoped ReadOnlySpan<string> choices)
    {
        ReadOnlySpan<char> word = Word(what);
        for (int i = 0; i < choices.Length; i++)
        {
            if (word.SequenceEqual(choices[i]))
            {
                return i;
            }
        }

        Fail($"{what} {Quote(word)} is unknown; write one of {string.Join(", ", choices)}");
        return -1;
    }

    /// <summary>Makes sure that nothing follows.</summary>
    public void End()
    {
        ReadOnlySpan<char> word = Take();
        if (!word.IsEmpty)
        {
            Fail($"{Quote(word)} is too much; write `{Usage}`");
        }
    }

    /// <summary>Complains.</summary>
    [DoesNotReturn]
    public readonly void Fail(string problem) => throw new TraceFormatException(Line, problem);

    internal static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    private ReadOnlySpan<char> Take()
    {
        _rest = _rest.TrimStart(_blanks);
        int end = _rest.IndexOfAny(_blanks);
        ReadOnlySpan<char> word = end < 0 ? _rest : _rest[..end];
        _rest = _rest[word.Length..];
        return word;
    }
}
