using System.Text;

namespace Gnomon.Traces.Tests;

/// <summary>Traces as text, in and out.</summary>
internal static class Text
{
    public static Trace Parse(string text) => Parse(Encoding.Latin1.GetBytes(text));

    public static Trace Parse(byte[] bytes)
    {
        using MemoryStream stream = new(bytes);
        return TraceParser.Parse(stream);
    }

    /// <summary>A trace with this header and these operations after <c>init</c>.</summary>
    public static Trace Of(string header, params string[] operations) =>
        Parse($"gnomon-trace 1\n{header}\ninit\n{string.Join('\n', operations)}\n");

    public static string Write(Trace trace)
    {
        using StringWriter writer = new();
        TraceWriter.Write(writer, trace);
        return writer.ToString();
    }

    /// <summary>What <c>gnomon replay</c> prints, line by line.</summary>
    public static List<string> Replay(Trace trace, ReplayOptions? options = null)
    {
        using TraceReplayer replayer = new(trace, options);
        List<string> lines = [];
        foreach (ReplayResult result in replayer.Run())
        {
            lines.Add($"{result.Line}: {result.Text}");
            lines.AddRange(result.Details.Select(detail => $"  {detail}"));
        }

        return lines;
    }
}
