using System.CommandLine;
using System.Globalization;
using Gnomon.Cli.Benchmarks;
using Gnomon.Cli.Benchmarks.Cpu;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon bench cpu</c>: how fast the processor is.</summary>
internal sealed class CpuBenchCommand
{
    private const string Notes = """
        Each line is the median over many rounds of a program, after a warm-up, on a bare machine with paging on. --check runs each
        program first and compares its result with one computed without the processor.

        Examples:
          gnomon bench cpu --quick
          gnomon bench cpu --filter tlb
          gnomon bench cpu --check --json > results.json

        Exit status:
          0  measured
          1  a program came to a wrong result (--check): a bug of Gnomon
          2  the command line is bad
        """;

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON in place of a table." };

    private readonly Option<bool> _quick = new("--quick") { Description = "Fewer rounds: a first look." };

    private readonly Option<bool> _check = new("--check") { Description = "Check the programs' results first." };

    private readonly Option<string?> _filter = new("--filter") { Description = "Measure only what has this in its name.", HelpName = "TEXT" };

    private readonly CliConsole _console;

    private CpuBenchCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        CpuBenchCommand bench = new(console);
        NotedCommand command = new("cpu", "Measure the processor.", Notes) { bench._json, bench._quick, bench._check, bench._filter };
        command.SetAction(bench.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string filter = parsed.GetValue(_filter) ?? "";
        List<CpuBenchmark> benchmarks = [.. CpuBenchmarks.All.Where(benchmark => benchmark.Name.Contains(filter, StringComparison.Ordinal))];
        if (benchmarks.Count == 0)
        {
            throw new CliError(ExitStatus.BadInput, $"nothing has '{filter}' in its name; there are {string.Join(", ", CpuBenchmarks.All.Select(benchmark => benchmark.Name))}");
        }

        bool json = parsed.GetValue(_json);
        List<CpuBenchLine> lines = [];
        using ProgressLine progress = new(_console, "measuring", benchmarks.Count);
        if (!json)
        {
            CpuBenchReport.WriteHeading(_console);
        }

        foreach (CpuBenchmark benchmark in benchmarks)
        {
            CpuBenchLine line = Measure(benchmark, parsed.GetValue(_check), parsed.GetValue(_quick));
            lines.Add(line);
            if (!json)
            {
                CpuBenchReport.Write(_console, line);
            }

            progress.Advance(benchmark.Name);
        }

        if (json)
        {
            CpuBenchReport.WriteJson(_console.Output, lines);
        }
        else
        {
            CpuBenchReport.WriteNotes(_console);
        }

        return ExitStatus.Done;
    }

    private CpuBenchLine Measure(CpuBenchmark benchmark, bool check, bool quick)
    {
        using CpuBatch batch = benchmark.Create();
        if (check && benchmark.Expected() is uint expected)
        {
            batch.Run();
            if (batch.Result != expected)
            {
                throw new CliError(ExitStatus.Broken, string.Create(
                    CultureInfo.InvariantCulture,
                    $"{benchmark.Name} came to 0x{batch.Result:x}, and 0x{expected:x} is right; this is a bug of Gnomon, please report it"));
            }
        }

        return new CpuBenchLine(benchmark, Measurement.Of(batch, quick, _console.Cancellation));
    }
}
