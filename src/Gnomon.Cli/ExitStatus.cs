namespace Gnomon.Cli;

/// <summary>What the process returns. Documented in every command's help.</summary>
internal static class ExitStatus
{
    /// <summary>Done; a guest that was killed counts as an answer.</summary>
    public const int Done = 0;

    /// <summary>The auditor found a broken invariant.</summary>
    public const int Broken = 1;

    /// <summary>The command line or an input file is wrong; nothing was run.</summary>
    public const int BadInput = 2;

    /// <summary>A file cannot be read or written, or the host has no memory left.</summary>
    public const int InputOutput = 3;

    /// <summary>A program that was run ended in a triple fault.</summary>
    public const int TripleFault = 4;

    /// <summary>A program that was run has spent its instructions.</summary>
    public const int BudgetSpent = 5;

    /// <summary>A program that was run waits for what can never come.</summary>
    public const int Stuck = 6;

    /// <summary>A guest did what no guest may do.</summary>
    public const int Killed = 7;

    /// <summary>The time that a run was given is over.</summary>
    public const int TimedOut = 8;

    /// <summary>A guest wants to be started anew, and was not to be.</summary>
    public const int Restart = 9;

    /// <summary>An error of Gnomon itself.</summary>
    public const int OwnError = 70;

    /// <summary>Ended by SIGHUP: the terminal has gone.</summary>
    public const int HungUp = 129;

    /// <summary>Interrupted from the keyboard.</summary>
    public const int Interrupted = 130;

    /// <summary>Ended by SIGTERM.</summary>
    public const int Terminated = 143;
}
