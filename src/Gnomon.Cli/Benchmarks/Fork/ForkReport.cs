using System.Text.Json;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>The costs of fork and exec, and of kernel updates, as tables or as JSON.</summary>
internal static class ForkReport
{
    private const int TitleWidth = 28;
    private const int Width = 11;

    private static readonly (string Title, string Name, Func<ForkLine, double?> Value)[] _rows =
    [
        ("page faults", "pageFaults", line => line.Counts.PageFaults),
        ("  refaults among them", "refaults", line => line.Counts.Refaults),
        ("leaves mapped", "leavesMapped", line => line.Counts.LeavesMapped),
        ("leaves released", "leavesReleased", line => line.Counts.LeavesReleased),
        ("entries scanned *", "entriesScanned", line => line.Counts.EntriesScanned),
        ("shadow tables made", "tablesMade", line => line.Counts.TablesMade),
        ("work: 1st, 3rd, 4th, 5th row", "work", line => line.Counts.Work),
        ("traps to the host", "traps", line => line.Counts.Traps),
        ("hypercalls, with the ring's", "hypercalls", line => line.Counts.Hypercalls),
        ("instructions", "instructions", line => line.Counts.Instructions),
        ("time, µs", "microseconds", line => line.Microseconds),
        ("  in the shadow tables, µs", "microsecondsInTables", line => line.MicrosecondsInTables),
    ];

    /// <summary>Writes the tables.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="rounds">How many rounds were counted.</param>
    /// <param name="lines">For each format: fork and exec under both policies, then kernel updates.</param>
    public static void Write(CliConsole console, int rounds, IReadOnlyList<ForkLine> lines)
    {
        ForkLine[] forks = [.. lines.Where(line => line.Benchmark.Spaces is null)];
        console.Output.WriteLine(console.Bold($"One fork+exec (mean of {rounds})"));
        Heading(console, [.. forks.Select(NameOf), .. forks.Chunk(2).Select(pair => (NameOf(pair[0]).Format, "ratio"))]);
        foreach ((string title, string _, Func<ForkLine, double?> value) in _rows)
        {
            IEnumerable<string> ratios = forks.Chunk(2).Select(pair => value(pair[1]) is > 0 and double own ? $"{BenchText.Number(value(pair[0]) / own)}x" : "");
            Row(console, title, forks.Select(value), ratios);
        }

        ForkLine[][] updates = [.. lines.Where(line => line.Benchmark.Spaces is not null).Chunk(lines.Count(line => line.Benchmark.Spaces == 1))];
        ForkLine[] first = updates[0];
        console.Output.WriteLine();
        console.Output.WriteLine(console.Bold($"One update of the kernel's half (mean of {rounds}), other address spaces alive: 1"));
        Heading(console, [.. first.Select(NameOf)]);
        foreach ((string title, string _, Func<ForkLine, double?> value) in _rows)
        {
            Row(console, title, first.Select(value), []);
        }

        foreach (ForkLine[] row in updates.Skip(1))
        {
            console.Output.WriteLine();
            console.Output.WriteLine(console.Bold($"The same with {row[0].Benchmark.Spaces}"));
            Row(console, "counts", row.Zip(first, (now, then) => now.Counts == then.Counts ? "the same" : "others"));
            Row(console, "time, ratio to that with 1", row.Zip(first, (now, then) => BenchText.Ratio(now.Microseconds / then.Microseconds)));
        }

        console.Output.WriteLine();
        console.Output.WriteLine(console.Faint(
            "* classic: entries that the original's loops would have visited in these tables; default: entries that were compared.\n"
            + "  A ratio says how many times as much classic is. Times are medians, and of the interpreter that runs the guest too."));
    }

    /// <summary>Writes everything as JSON.</summary>
    public static void WriteJson(TextWriter output, IReadOnlyList<ForkLine> lines) => BenchText.WriteJson(
        output,
        "guest",
        "sundial",
        lines,
        (json, line) =>
        {
            json.WriteString("scenario", line.Benchmark.Spaces is null ? "fork" : "kernel");
            json.WriteString("format", FormatShape.Of(line.Benchmark.Format).Name);
            json.WriteString("policy", line.Benchmark.Policy.Name);
            BenchText.WriteNumber(json, "spaces", line.Benchmark.Spaces);
            foreach ((string _, string name, Func<ForkLine, double?> value) in _rows)
            {
                BenchText.WriteNumber(json, name, value(line));
            }
        });

    private static (string Format, string Policy) NameOf(ForkLine line) => (FormatShape.Of(line.Benchmark.Format).Name, line.Benchmark.Policy.Name);

    private static void Heading(CliConsole console, (string Format, string Policy)[] names)
    {
        console.Output.WriteLine(console.Bold($"{"",-TitleWidth}{string.Concat(names.Select(name => $"{name.Format,Width}"))}"));
        console.Output.WriteLine(console.Bold($"{"",-TitleWidth}{string.Concat(names.Select(name => $"{name.Policy,Width}"))}"));
    }

    private static void Row(CliConsole console, string title, IEnumerable<double?> values, IEnumerable<string> ratios)
    {
        if (values.All(value => value is not null))
        {
            Row(console, title, [.. values.Select(BenchText.Number), .. ratios]);
        }
    }

    private static void Row(CliConsole console, string title, IEnumerable<string> cells)
    {
        if (cells.Any(cell => cell.Length > 0))
        {
            console.Output.WriteLine($"{title,-TitleWidth}{string.Concat(cells.Select(cell => $"{cell,Width}"))}".TrimEnd());
        }
    }
}
