using System.Globalization;
using Gnomon.Shadow;

namespace Gnomon.Cli.Presentation;

/// <summary>The counters as text.</summary>
internal static class StatisticsText
{
    /// <summary>Writes the counters, one a line, indented.</summary>
    public static void Write(TextWriter output, ShadowStatistics statistics)
    {
        foreach ((string name, long value) in statistics.All())
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name} {value}"));
        }
    }
}
