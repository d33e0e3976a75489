namespace Gnomon.Cli.Running;

/// <summary>How counters are printed behind a run.</summary>
internal enum StatisticsKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>As a table.</summary>
    Text,

    /// <summary>As one JSON object.</summary>
    Json,
}

/// <summary>How the run of a guest is to go.</summary>
internal sealed record MachineRunOptions
{
    /// <summary>The machine.</summary>
    public required MachineOptions Machine { get; init; }

    /// <summary>The file that takes the guest's output; null for standard output, with standard input as its keyboard.</summary>
    public string? ConsoleFile { get; init; }

    /// <summary>Whether the console is a pseudo-terminal, made for it.</summary>
    public bool HasPseudoTerminal { get; init; }

    /// <summary>Whether the end of standard input is passed on, as the key that means it on a Linux terminal, Ctrl-D.</summary>
    public bool TypesEndOfInput { get; init; }

    /// <summary>The file that takes the trace; null for none.</summary>
    public string? TraceFile { get; init; }

    /// <summary>The host's time that it may take; null for any.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The instructions that it may run; null for any number.</summary>
    public long? MaxInstructions { get; init; }

    /// <summary>How counters are printed behind it.</summary>
    public StatisticsKind Statistics { get; init; }
}
