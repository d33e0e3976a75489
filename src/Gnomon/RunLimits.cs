namespace Gnomon;

/// <summary>How far <see cref="Machine.Run"/> goes. All that is given holds; the first that is reached ends the run.</summary>
public readonly record struct RunLimits
{
    /// <summary>Instructions at most, null for any number; few more may be run.</summary>
    public ulong? Instructions { get; init; }

    /// <summary>The host's time at most; null for any.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Until the guest has written this to its console, behind what was waited for last; null for nothing.</summary>
    public string? Text { get; init; }

    /// <summary>Whether to wait where the guest can go on only with input; else the run ends there.</summary>
    public bool WaitsForInput { get; init; }

    /// <summary>Ends the run from outside.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>Why <see cref="Machine.Run"/> came back.</summary>
public enum RunStop
{
    /// <summary>The machine has ended: <see cref="Machine.End"/>.</summary>
    Ended,

    /// <summary>The instructions have been run.</summary>
    Instructions,

    /// <summary>The time is over.</summary>
    Timeout,

    /// <summary>The guest has written the text.</summary>
    Text,

    /// <summary>Someone asked, by the token or by <see cref="Machine.Pause"/>.</summary>
    Cancelled,

    /// <summary>The guest can go on only with input: <see cref="MachineConsole.Type(string)"/> or <see cref="MachineConsole.CloseInput"/>.</summary>
    WaitsForInput,
}
