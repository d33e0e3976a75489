using System.Text.Json;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Nanoseconds that another program took on this machine, as <c>bench/original/run</c> prints them.</summary>
internal sealed class Baseline
{
    private const int MaxBytes = 1 << 20;

    private readonly Dictionary<(string Operation, string Format), double> _nanoseconds = [];

    /// <summary>Reads a file.</summary>
    /// <exception cref="CliError">It cannot be read or is not such a file.</exception>
    public static Baseline Read(string file)
    {
        Baseline baseline = new();
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > MaxBytes })
            {
                throw new JsonException("it is far too long");
            }

            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            foreach (JsonElement result in document.RootElement.GetProperty("results").EnumerateArray())
            {
                string operation = result.GetProperty("operation").GetString()!;
                string format = result.GetProperty("format").GetString()!;
                baseline._nanoseconds[(operation, format)] = result.GetProperty("nanoseconds").GetDouble();
            }

            return baseline;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new CliError(ExitStatus.BadInput, $"{file} is not what `bench/original/run` prints: {error.Message}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} cannot be read: {error.Message}");
        }
    }

    /// <summary>What an operation took; null where it was not measured.</summary>
    public double? Of(string operation, TraceFormat format) =>
        _nanoseconds.TryGetValue((operation, FormatShape.Of(format).Name), out double value) ? value : null;
}
