using System.CommandLine;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon trace</c>: traces themselves.</summary>
internal static class TraceCommand
{
    private const string Notes = """
        Examples:
          gnomon trace format
          gnomon trace list
          gnomon trace generate address-spaces --format pae --seed 7 --output spaces.gtrace
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console) => new NotedCommand("trace", "Make traces, and say how they are written.", Notes)
    {
        TraceGenerateCommand.Create(console),
        TraceListCommand.Create(console),
        TraceFormatCommand.Create(console),
    };
}
