using System.CommandLine;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon bench</c>: measurements.</summary>
internal static class BenchCommand
{
    private const string Notes = """
        Examples:
          gnomon bench cpu --quick
          gnomon bench fork --counts
          gnomon bench paging --quick
          gnomon bench paging --json > results.json
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console) => new NotedCommand("bench", "Measure.", Notes)
    {
        CpuBenchCommand.Create(console),
        ForkBenchCommand.Create(console),
        PagingBenchCommand.Create(console),
    };
}
