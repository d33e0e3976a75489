namespace Gnomon.Traces;

/// <summary>A whole trace, read and checked.</summary>
/// <param name="Header">What it says about the guest.</param>
/// <param name="Lines">The operations in order; the first is <see cref="TraceOperation.Init"/>.</param>
public sealed record Trace(TraceHeader Header, IReadOnlyList<TraceLine> Lines)
{
    /// <summary>The most operations in one trace: what is read is kept in memory.</summary>
    public const int MaxOperations = 1 << 24;

    /// <summary>Virtual CPUs: one more than the largest that is named.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Host CPUs: one more than the largest that is named.</summary>
    public int HostCpus { get; init; } = 1;
}

/// <summary>One operation and where it stands in its file.</summary>
/// <param name="Number">The line's number, from 1.</param>
/// <param name="Operation">The operation.</param>
public readonly record struct TraceLine(long Number, TraceOperation Operation);
