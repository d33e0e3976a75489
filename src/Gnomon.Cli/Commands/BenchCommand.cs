using System.CommandLine;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon bench</c>: measurements.</summary>
internal static class BenchCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console) => new("bench", "Measure.");
}
