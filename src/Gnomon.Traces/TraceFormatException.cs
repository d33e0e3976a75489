using System.Globalization;

namespace Gnomon.Traces;

/// <summary>A trace is not one: which line, what is wrong, what to do. Nothing of it has run.</summary>
public sealed class TraceFormatException : Exception
{
    /// <summary>A bad line.</summary>
    /// <param name="line">The line's number, from 1.</param>
    /// <param name="problem">What is wrong and what to do: one sentence without the line number.</param>
    public TraceFormatException(long line, string problem)
        : base(string.Create(CultureInfo.InvariantCulture, $"line {line}: {problem}"))
    {
        Line = line;
        Problem = problem;
    }

    /// <summary>The line's number, from 1.</summary>
    public long Line { get; }

    /// <summary>What is wrong and what to do.</summary>
    public string Problem { get; }
}
