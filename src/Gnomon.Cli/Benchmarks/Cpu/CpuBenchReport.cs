namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>One line of the report.</summary>
internal sealed record CpuBenchLine(CpuBenchmark Benchmark, Measurement Measured)
{
    /// <summary>Millions a second.</summary>
    public double Millions => 1000 / Measured.Nanoseconds;
}

/// <summary>The measurements of the processor as a table or as JSON.</summary>
internal static class CpuBenchReport
{
    private const int TitleWidth = 44;

    /// <summary>Writes the heading.</summary>
    public static void WriteHeading(CliConsole console) => console.Output.WriteLine(
        console.Bold($"{"",-TitleWidth}{"unit",12}{"million/s",12}{"ns",9}{"bytes",8}{"prototype *",13}"));

    /// <summary>Writes a line.</summary>
    public static void Write(CliConsole console, CpuBenchLine line)
    {
        console.Output.WriteLine(
            $"{line.Benchmark.Title,-TitleWidth}{line.Benchmark.Unit,12}{BenchText.Number(line.Millions),12}{BenchText.Precise(line.Measured.Nanoseconds),9}{BenchText.Bytes(line.Measured.AllocatedBytes),8}{BenchText.Number(line.Benchmark.Prototype),13}");
        console.Output.Flush();
    }

    /// <summary>Writes what the columns mean.</summary>
    public static void WriteNotes(CliConsole console) => console.Output.WriteLine(console.Faint(
        $"* {CpuBenchmarks.PrototypeSource}, million/s. Medians; bytes are managed memory allocated by one unit. Times on two machines cannot be compared."));

    /// <summary>Writes everything as JSON.</summary>
    public static void WriteJson(TextWriter output, IReadOnlyList<CpuBenchLine> lines) => BenchText.WriteJson(
        output,
        "prototypes",
        CpuBenchmarks.PrototypeSource,
        lines,
        (json, line) =>
        {
            json.WriteString("operation", line.Benchmark.Name);
            json.WriteString("title", line.Benchmark.Title);
            json.WriteString("unit", line.Benchmark.Unit);
            BenchText.WriteNumber(json, "millionsPerSecond", line.Millions);
            BenchText.WriteNumber(json, "nanoseconds", line.Measured.Nanoseconds);
            BenchText.WriteNumber(json, "allocatedBytes", line.Measured.AllocatedBytes);
            BenchText.WriteNumber(json, "prototype", line.Benchmark.Prototype);
        });
}
