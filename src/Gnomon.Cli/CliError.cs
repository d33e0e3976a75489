namespace Gnomon.Cli;

/// <summary>A command cannot go on, through no fault of ours: one sentence and an exit status.</summary>
internal sealed class CliError(int status, string sentence) : Exception(sentence)
{
    /// <summary>The exit status.</summary>
    public int Status { get; } = status;
}
