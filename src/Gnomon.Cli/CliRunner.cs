using System.CommandLine;
using Gnomon.Cli.Commands;
using Gnomon.Traces;

namespace Gnomon.Cli;

/// <summary>Runs a command line: everything that can go wrong ends in one sentence and a documented status.</summary>
internal static class CliRunner
{
    /// <summary>Shows the stack trace of an error of our own.</summary>
    public const string TraceErrorsVariable = "GNOMON_STACK_TRACE";

    /// <summary>Runs a command line.</summary>
    /// <returns>The exit status.</returns>
    public static int Run(string[] args, CliConsole console)
    {
        try
        {
            ParseResult parsed = GnomonCommand.Create(console).Parse(Spelled(args), new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Errors.Count > 0)
            {
                return Complain(parsed, console);
            }

            int status = parsed.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = console.Output,
                Error = console.Error,
            });
            console.Output.Flush();
            return status;
        }
        catch (Exception error)
        {
            return Explain(error, console);
        }
    }

    // An option whose value may be left out would take the next word for it; so --stats=json is an option of its own.
    private static string[] Spelled(string[] args) =>
        args is ["run" or "linux", ..] ? [.. args.Select(word => word == Commands.KernelOptions.StatsAsJson ? Commands.KernelOptions.HiddenStatsAsJson : word)] : args;

    private static int Complain(ParseResult parsed, CliConsole console)
    {
        string message = parsed.Errors[0].Message.TrimEnd('.', ' ');
        console.Complain($"{message}. `{CommandLine(parsed.CommandResult.Command)} --help` shows what is possible.");
        return ExitStatus.BadInput;
    }

    private static string CommandLine(Command command)
    {
        Command? parent = command.Parents.OfType<Command>().FirstOrDefault();
        return parent is null ? "gnomon" : $"{CommandLine(parent)} {command.Name}";
    }

    private static int Explain(Exception error, CliConsole console)
    {
        try
        {
            console.Output.Flush();
        }
        catch (IOException writing)
        {
            error = error is CliError ? error : writing;
        }

        switch (error)
        {
            case CliError known:
                console.Complain(known.Message);
                return known.Status;
            case OperationCanceledException:
                console.Complain("interrupted");
                return ExitStatus.Interrupted;
            case InsufficientMemoryException or OutOfMemoryException:
                console.Complain($"the host has not enough memory ({error.Message}); use a smaller guest");
                return ExitStatus.InputOutput;
            case IOException or UnauthorizedAccessException:
                console.Complain(error.Message);
                return ExitStatus.InputOutput;
        }

        bool full = Environment.GetEnvironmentVariable(TraceErrorsVariable) is { Length: > 0 };
        console.Complain($"an error of Gnomon itself, {error.GetType().Name}: {error.Message} Please report it with the command that you ran"
            + (full ? ":" : $" ({TraceErrorsVariable}=1 shows where it happened)."));
        if (full)
        {
            console.Error.WriteLine(error.StackTrace);
        }

        return ExitStatus.OwnError;
    }
}
