using System.Globalization;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>One line of the report.</summary>
internal sealed record BenchLine(PagingBenchmark Benchmark, TraceFormat Format, Measurement Measured, double? Baseline)
{
    /// <summary>Our time over the baseline's of the same run.</summary>
    public double? Ratio => Measured.Nanoseconds / Baseline;
}

/// <summary>The measurements as a table or as JSON.</summary>
internal static class BenchReport
{
    private const int TitleWidth = 48;

    /// <summary>Writes a format's heading.</summary>
    public static void WriteHeading(CliConsole console, TraceFormat format, bool against)
    {
        string baseline = against ? $"{"same run",12}{"ratio",8}" : "";
        console.Output.WriteLine(console.Bold($"{FormatShape.Of(format).Name.PadRight(TitleWidth)}{"ns",12}{"bytes",8}{"original *",12}{"goal",8}{baseline}"));
    }

    /// <summary>Writes a line.</summary>
    public static void Write(CliConsole console, BenchLine line, bool against)
    {
        Anchor anchor = line.Benchmark.Anchor;
        string goal = anchor.Goal is double limit ? string.Create(CultureInfo.InvariantCulture, $"<={limit:0.##}x") : "";
        string baseline = against ? $"{BenchText.Number(line.Baseline),12}{BenchText.Ratio(line.Ratio),8}" : "";
        console.Output.WriteLine(
            $"{line.Benchmark.Title.PadRight(TitleWidth)}{BenchText.Number(line.Measured.Nanoseconds),12}{BenchText.Bytes(line.Measured.AllocatedBytes),8}{BenchText.Number(anchor.Of(line.Format)),12}{goal,8}{baseline}");
        console.Output.Flush();
    }

    /// <summary>Writes what the columns mean.</summary>
    public static void WriteNotes(CliConsole console, bool against)
    {
        console.Output.WriteLine(console.Faint($"* {PagingBenchmarks.AnchorSource}; 4 slots, where Gnomon has 64. Medians; bytes are managed memory allocated by one operation."));
        console.Output.WriteLine(console.Faint(against
            ? "The ratio is to the C version of the original's algorithm in the same run; a goal is a limit of that ratio."
            : "Times on two machines cannot be compared: `bench/original/run > o.json`, then --against o.json, gives ratios of one run."));
    }

    /// <summary>Writes everything as JSON.</summary>
    public static void WriteJson(TextWriter output, IReadOnlyList<BenchLine> lines) => BenchText.WriteJson(
        output,
        "anchors",
        PagingBenchmarks.AnchorSource,
        lines,
        (json, line) =>
        {
            json.WriteString("operation", line.Benchmark.Name);
            json.WriteString("title", line.Benchmark.Title);
            json.WriteString("format", FormatShape.Of(line.Format).Name);
            BenchText.WriteNumber(json, "nanoseconds", line.Measured.Nanoseconds);
            BenchText.WriteNumber(json, "allocatedBytes", line.Measured.AllocatedBytes);
            BenchText.WriteNumber(json, "original", line.Benchmark.Anchor.Of(line.Format));
            BenchText.WriteNumber(json, "goal", line.Benchmark.Anchor.Goal);
            BenchText.WriteNumber(json, "baseline", line.Baseline);
            BenchText.WriteNumber(json, "ratio", line.Ratio);
        });
}
