using System.Globalization;

namespace Gnomon.Cli.Demo;

/// <summary>A counter and how it grew in the last intervals.</summary>
internal sealed class History(string name, Ink ink, Func<MachineStatistics, long> read)
{
    private const int Kept = 256;
    private const string Bars = " ▁▂▃▄▅▆▇█";

    private readonly List<long> _growth = [];

    /// <summary>What is counted.</summary>
    public string Name { get; } = name;

    /// <summary>How it is drawn.</summary>
    public Ink Ink { get; } = ink;

    /// <summary>The count so far.</summary>
    public long Total { get; private set; }

    /// <summary>An interval is over.</summary>
    public void Add(MachineStatistics statistics)
    {
        long now = read(statistics);
        _growth.Add(now - Total);
        Total = now;
        if (_growth.Count > Kept)
        {
            _growth.RemoveAt(0);
        }
    }

    /// <summary>The last intervals as bars, the latest at the right. Heights grow with the logarithm: rare and frequent are both seen.</summary>
    public string Spark(int width)
    {
        char[] bars = new char[Math.Max(0, width)];
        Array.Fill(bars, ' ');
        for (int i = 0; i < bars.Length && i < _growth.Count; i++)
        {
            long value = _growth[^(i + 1)];
            int height = value <= 0 ? 0 : Math.Min(Bars.Length - 1, 1 + (int)Math.Log2(value));
            bars[^(i + 1)] = Bars[height];
        }

        return new string(bars);
    }

    /// <summary>The count, in at most six characters.</summary>
    public string Short() => Short(Total);

    /// <summary>A number in at most six characters.</summary>
    public static string Short(double value) => value switch
    {
        < 100_000 => value.ToString("0", CultureInfo.InvariantCulture),
        < 10_000_000 => (value / 1000).ToString("0", CultureInfo.InvariantCulture) + "k",
        _ => (value / 1_000_000).ToString("0", CultureInfo.InvariantCulture) + "M",
    };
}
