using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Numbers and JSON as all reports of measurements write them.</summary>
internal static class BenchText
{
    /// <summary>A figure: one decimal below a hundred.</summary>
    public static string Number(double? value) => value is double number
        ? number.ToString(number < 100 ? "0.0" : "0", CultureInfo.InvariantCulture)
        : "";

    /// <summary>A small figure: two decimals below a hundred.</summary>
    public static string Precise(double value) => value.ToString(value < 100 ? "0.00" : "0", CultureInfo.InvariantCulture);

    /// <summary>A ratio.</summary>
    public static string Ratio(double? value) => value is double number ? number.ToString("0.00", CultureInfo.InvariantCulture) : "";

    /// <summary>Bytes allocated.</summary>
    public static string Bytes(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    /// <summary>Writes a number that may be missing.</summary>
    public static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is double number)
        {
            json.WriteNumber(name, Math.Round(number, 3));
        }
    }

    /// <summary>Writes a report: what its comparison comes from, the machine, and an object for each line.</summary>
    /// <typeparam name="T">A line.</typeparam>
    public static void WriteJson<T>(TextWriter output, string sourceName, string source, IReadOnlyList<T> lines, Action<Utf8JsonWriter, T> write)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString(sourceName, source);
            json.WriteNumber("processors", Environment.ProcessorCount);
            json.WriteString("runtime", Environment.Version.ToString());
            json.WriteStartArray("results");
            foreach (T line in lines)
            {
                json.WriteStartObject();
                write(json, line);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(bytes.ToArray()));
    }
}
