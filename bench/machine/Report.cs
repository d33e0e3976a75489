using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gnomon.Bench.Machine;

/// <summary>The times of all runs, and what is printed of them.</summary>
internal sealed class Report
{
    private readonly List<(string Kernel, string Machine, string Part)> _order = [];
    private readonly Dictionary<(string Kernel, string Machine, string Part), List<Moment>> _times = [];

    /// <summary>Takes the parts of one run.</summary>
    public void Add(string kernel, string machine, IEnumerable<(string Part, Moment Took)> parts)
    {
        foreach ((string part, Moment took) in parts)
        {
            (string, string, string) key = (kernel, machine, part);
            if (!_times.TryGetValue(key, out List<Moment>? times))
            {
                _times[key] = times = [];
                _order.Add(key);
            }

            times.Add(took);
        }
    }

    /// <summary>One table for each kernel: a row for each machine, in it wall seconds and, in brackets, seconds of the host's processors.</summary>
    public string ToText()
    {
        StringBuilder text = new();
        foreach (string kernel in _order.Select(key => key.Kernel).Distinct())
        {
            string[] parts = [.. _order.Where(key => key.Kernel == kernel).Select(key => key.Part).Distinct()];
            string[] machines = [.. _order.Where(key => key.Kernel == kernel).Select(key => key.Machine).Distinct()];
            int name = machines.Max(machine => machine.Length) + Contender.Rivals.Max(rival => rival.Length) + 3;
            text.Append(CultureInfo.InvariantCulture, $"{kernel.PadRight(name)}");
            Append(parts.Select(part => part));
            foreach (string machine in machines)
            {
                text.Append(machine.PadRight(name));
                Append(parts.Select(part => Median(kernel, machine, part) is { } median
                    ? string.Create(CultureInfo.InvariantCulture, $"{median.Wall:F2} ({median.Cpu:F2})")
                    : "-"));
            }

            foreach (string rival in Contender.Rivals.Where(machines.Contains))
            {
                foreach (string machine in machines.Where(machine => machine.StartsWith(Contender.Gnomon, StringComparison.Ordinal)))
                {
                    text.Append($"{machine} / {rival}".PadRight(name));
                    Append(parts.Select(part => Ratio(kernel, machine, rival, part) is { } ratio
                        ? string.Create(CultureInfo.InvariantCulture, $"{ratio.Wall:F2} ({ratio.Cpu:F2})")
                        : "-"));
                }
            }

            text.AppendLine();
        }

        return text.ToString();

        void Append(IEnumerable<string> cells) => text.AppendJoin("", cells.Select(cell => cell.PadLeft(21))).AppendLine();
    }

    /// <summary>The same for a script: every run's times, medians, and ratios to the rivals.</summary>
    /// <param name="load">The host's load average before and after.</param>
    public string ToJson((double Before, double After) load)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("loadBefore", load.Before);
            json.WriteNumber("loadAfter", load.After);
            json.WriteStartArray("results");
            foreach ((string kernel, string machine, string part) in _order)
            {
                Moment median = Median(kernel, machine, part)!.Value;
                json.WriteStartObject();
                json.WriteString("kernel", kernel);
                json.WriteString("machine", machine);
                json.WriteString("part", part);
                json.WriteNumber("wallSeconds", median.Wall);
                json.WriteNumber("cpuSeconds", median.Cpu);
                foreach (string rival in Contender.Rivals)
                {
                    if (Ratio(kernel, machine, rival, part) is { } ratio)
                    {
                        json.WriteNumber($"wallTo_{rival}", ratio.Wall);
                        json.WriteNumber($"cpuTo_{rival}", ratio.Cpu);
                    }
                }

                json.WriteStartArray("wallOfRuns");
                _times[(kernel, machine, part)].ForEach(time => json.WriteNumberValue(time.Wall));
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private Moment? Median(string kernel, string machine, string part) => _times.TryGetValue((kernel, machine, part), out List<Moment>? times)
        ? new Moment(Median(times.Select(time => time.Wall)), Median(times.Select(time => time.Cpu)))
        : null;

    // A part that is shorter than the clock's tick has no ratio.
    private Moment? Ratio(string kernel, string machine, string rival, string part) =>
        Median(kernel, machine, part) is { } ours && Median(kernel, rival, part) is { Wall: > 0 } theirs
            ? new Moment(ours.Wall / theirs.Wall, theirs.Cpu > 0 ? ours.Cpu / theirs.Cpu : 0)
            : null;

    /// <summary>The median; of an even number of values the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
