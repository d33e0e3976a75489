using System.CommandLine;
using Gnomon.Cli.Benchmarks.Fork;
using Gnomon.Traces;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon bench fork</c>: what a guest's fork+exec costs under the original's policies and under Gnomon's own.</summary>
internal sealed class ForkBenchCommand
{
    private const int DefaultRounds = 100;
    private const int DefaultSpaces = 64;

    // Sundial has a hundred processes.
    private const int MostSpaces = 64;
    private const int SpacesFactor = 4;

    private const string Notes = """
        Runs sundial, a guest of our own. Each round forks; the child writes eight pages, becomes another program, writes three more and
        ends; the parent waits and writes its eight again. It does so twice in each format: classic has the original's policies (four
        slots, a victim by chance, every flush and every change of a middle entry throws all away), default has Gnomon's. Then the
        kernel changes a mapping of its own half while other address spaces are alive.

        The counts are the same in every run. Times are not: only ratios taken in one run count.

        Examples:
          gnomon bench fork --counts
          gnomon bench fork --rounds 400
          gnomon bench fork --json > results.json

        Exit status:
          0  measured
          2  the command line is bad
        """;

    private readonly Option<int?> _rounds = OptionParsers.OptionalNumber("--rounds", "N", $"Rounds that are counted; default {DefaultRounds}.", 1, 100_000);

    private readonly Option<int?> _spaces = OptionParsers.OptionalNumber(
        "--spaces", "N", $"The most address spaces for the kernel's updates, a power of four or what lies between; default {DefaultSpaces}.", 1, MostSpaces);

    private readonly Option<bool> _counts = new("--counts") { Description = "Count only, and measure no time." };

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON in place of tables." };

    private readonly CliConsole _console;

    private ForkBenchCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        ForkBenchCommand bench = new(console);
        NotedCommand command = new("fork", "Measure what fork and exec cost a guest.", Notes) { bench._rounds, bench._spaces, bench._counts, bench._json };
        command.SetAction(bench.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        int rounds = parsed.GetValue(_rounds) ?? DefaultRounds;
        List<ForkBenchmark> forks = [.. Everywhere(null)], updates = [];
        for (int spaces = 1; spaces <= (parsed.GetValue(_spaces) ?? DefaultSpaces); spaces *= SpacesFactor)
        {
            updates.AddRange(Everywhere(spaces));
        }

        List<ForkLine> lines = [];
        using ProgressLine progress = new(_console, "measuring", 2);
        foreach (List<ForkBenchmark> group in (List<ForkBenchmark>[])[forks, updates])
        {
            List<ForkLine> counted = [];
            foreach (ForkBenchmark benchmark in group)
            {
                counted.Add(benchmark.Count(rounds));
                _console.Cancellation.ThrowIfCancellationRequested();
            }

            lines.AddRange(parsed.GetValue(_counts) ? counted : ForkBenchmark.Time(counted, rounds, _console.Cancellation));
            progress.Advance();
        }

        if (parsed.GetValue(_json))
        {
            ForkReport.WriteJson(_console.Output, lines);
        }
        else
        {
            ForkReport.Write(_console, rounds, lines);
        }

        return ExitStatus.Done;
    }

    private static ForkBenchmark[] Everywhere(int? spaces) =>
    [
        new(TraceFormat.TwoLevel, ForkPolicy.Classic, spaces),
        new(TraceFormat.TwoLevel, ForkPolicy.Default, spaces),
        new(TraceFormat.Pae, ForkPolicy.Classic, spaces),
        new(TraceFormat.Pae, ForkPolicy.Default, spaces),
    ];
}
