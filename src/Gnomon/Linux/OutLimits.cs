namespace Gnomon.Linux;

/// <summary>What a guest may write on the host at most.</summary>
public sealed record OutLimits
{
    /// <summary>Files and directories together.</summary>
    public int MaxEntries { get; init; } = 100_000;

    /// <summary>Bytes of all files together.</summary>
    public long MaxBytes { get; init; } = 1L << 30;

    /// <summary>How deep directories may lie in each other.</summary>
    public int MaxDepth { get; init; } = 32;
}
