using System.CommandLine;
using Gnomon.Cli.Benchmarks;
using Gnomon.Traces;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon bench paging</c>: what the shadow tables' operations cost.</summary>
internal sealed class PagingBenchCommand
{
    private const string Notes = """
        Each line is the median time of one operation and the managed memory that it allocates, next to what the original took
        and the goal that was set. Absolute times move with machine and load; ratios taken in one run count:

          bench/original/run > original.json
          gnomon bench paging --against original.json

        Examples:
          gnomon bench paging --quick
          gnomon bench paging --format pae --filter flush
          gnomon bench paging --json > results.json

        Exit status:
          0  measured
          2  the command line, or the file of --against, is bad
          3  a file cannot be read
        """;

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON in place of a table." };

    private readonly Option<bool> _quick = new("--quick") { Description = "Fewer batches: a first look." };

    private readonly Option<TraceFormat?> _format = OptionParsers.Choice<TraceFormat>("--format", "Measure one format; default both.");

    private readonly Option<string?> _filter = new("--filter") { Description = "Measure only operations with this in their name.", HelpName = "TEXT" };

    private readonly Option<string?> _against = new("--against") { Description = "Print ratios to the baseline in this file.", HelpName = "FILE" };

    private readonly CliConsole _console;

    private PagingBenchCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        PagingBenchCommand bench = new(console);
        NotedCommand command = new("paging", "Measure the operations of the shadow tables.", Notes)
        {
            bench._json,
            bench._quick,
            bench._format,
            bench._filter,
            bench._against,
        };
        command.SetAction(bench.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string? file = parsed.GetValue(_against);
        Baseline? baseline = file is null ? null : Baseline.Read(file);
        string filter = parsed.GetValue(_filter) ?? "";
        List<PagingBenchmark> benchmarks = [.. PagingBenchmarks.All.Where(benchmark => benchmark.Name.Contains(filter, StringComparison.Ordinal))];
        if (benchmarks.Count == 0)
        {
            throw new CliError(ExitStatus.BadInput, $"no operation has '{filter}' in its name; there are {string.Join(", ", PagingBenchmarks.All.Select(benchmark => benchmark.Name))}");
        }

        TraceFormat[] formats = parsed.GetValue(_format) is TraceFormat one ? [one] : [TraceFormat.TwoLevel, TraceFormat.Pae];
        bool json = parsed.GetValue(_json);
        List<BenchLine> lines = [];
        using ProgressLine progress = new(_console, "measuring", benchmarks.Count * formats.Length);
        foreach (TraceFormat format in formats)
        {
            if (!json)
            {
                BenchReport.WriteHeading(_console, format, baseline is not null);
            }

            foreach (PagingBenchmark benchmark in benchmarks)
            {
                BenchLine line = Measure(benchmark, format, baseline, parsed.GetValue(_quick));
                lines.Add(line);
                if (!json)
                {
                    BenchReport.Write(_console, line, baseline is not null);
                }

                progress.Advance(benchmark.Name);
            }

            if (!json)
            {
                _console.Output.WriteLine();
            }
        }

        if (json)
        {
            BenchReport.WriteJson(_console.Output, lines);
        }
        else
        {
            BenchReport.WriteNotes(_console, baseline is not null);
        }

        return ExitStatus.Done;
    }

    private BenchLine Measure(PagingBenchmark benchmark, TraceFormat format, Baseline? baseline, bool quick)
    {
        using Batch batch = benchmark.Create(format);
        Measurement measured = Measurement.Of(batch, quick, _console.Cancellation);
        return new BenchLine(benchmark, format, measured, baseline?.Of(benchmark.Baseline, format));
    }
}
