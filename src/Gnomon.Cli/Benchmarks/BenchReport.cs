using System.Globalization;
using System.Text.Json;
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
        string baseline = against ? $"{Number(line.Baseline),12}{Ratio(line.Ratio),8}" : "";
        console.Output.WriteLine(
            $"{line.Benchmark.Title.PadRight(TitleWidth)}{Number(line.Measured.Nanoseconds),12}{Bytes(line.Measured.AllocatedBytes),8}{Number(anchor.Of(line.Format)),12}{goal,8}{baseline}");
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
    public static void WriteJson(TextWriter output, IReadOnlyList<BenchLine> lines)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("anchors", PagingBenchmarks.AnchorSource);
            json.WriteNumber("processors", Environment.ProcessorCount);
            json.WriteString("runtime", Environment.Version.ToString());
            json.WriteStartArray("results");
            foreach (BenchLine line in lines)
            {
                json.WriteStartObject();
                json.WriteString("operation", line.Benchmark.Name);
                json.WriteString("title", line.Benchmark.Title);
                json.WriteString("format", FormatShape.Of(line.Format).Name);
                WriteNumber(json, "nanoseconds", line.Measured.Nanoseconds);
                WriteNumber(json, "allocatedBytes", line.Measured.AllocatedBytes);
                WriteNumber(json, "original", line.Benchmark.Anchor.Of(line.Format));
                WriteNumber(json, "goal", line.Benchmark.Anchor.Goal);
                WriteNumber(json, "baseline", line.Baseline);
                WriteNumber(json, "ratio", line.Ratio);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        output.WriteLine(System.Text.Encoding.UTF8.GetString(bytes.ToArray()));
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is double number)
        {
            json.WriteNumber(name, Math.Round(number, 3));
        }
    }

    private static string Number(double? value) => value is double number
        ? number.ToString(number < 100 ? "0.0" : "0", CultureInfo.InvariantCulture)
        : "";

    private static string Ratio(double? value) => value is double number ? number.ToString("0.00", CultureInfo.InvariantCulture) : "";

    private static string Bytes(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
