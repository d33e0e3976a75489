using System.Globalization;
using System.Text;
using Gnomon.Traces;

namespace Gnomon.Docs.Tests.Blocks;

/// <summary>A trace as the journey shows it: its lines with their numbers, what each printed, and the comments last.</summary>
internal static class Listing
{
    private const int LeastWidth = 28;
    private const int ResultWidth = 18;

    /// <summary>Runs a trace, with an audit after each operation, and lists it, or a range of its lines.</summary>
    public static string Of(string argument)
    {
        string[] words = argument.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] lines = Documents.Read(words[0]).TrimEnd('\n').Split('\n');
        (int first, int last) = words.Length > 1 ? Range(words[1]) : (1, lines.Length);
        Assert.True(first >= 1 && first <= last && last <= lines.Length, $"{words[0]} has no lines {first} to {last}");
        return Text(lines, first, last, Run(words[0]));
    }

    private static Dictionary<long, ReplayResult> Run(string trace)
    {
        using FileStream file = File.OpenRead(Documents.PathTo(trace));
        using TraceReplayer replayer = new(TraceParser.Parse(file), new ReplayOptions { AuditEvery = 1 });
        Dictionary<long, ReplayResult> results = [];
        foreach (ReplayResult result in replayer.Run())
        {
            Assert.True(result.Broken is null, $"{trace}, line {result.Line}: {result.Broken}");
            results.Add(result.Line, result);
        }

        return results;
    }

    private static string Text(string[] lines, int first, int last, Dictionary<long, ReplayResult> results)
    {
        int width = Math.Max(LeastWidth, Enumerable.Range(first, last - first + 1).Max(line => Split(lines[line - 1]).Operation.Length));
        StringBuilder text = new();
        for (int line = first; line <= last; line++)
        {
            (string operation, string comment) = Split(lines[line - 1]);
            if (!results.TryGetValue(line, out ReplayResult result))
            {
                string rest = operation.Length == 0 ? comment : $"{operation.PadRight(width + 2)}{comment}";
                Append(text, rest.Length == 0 ? "" : $"{Number(line)}  {rest}");
                continue;
            }

            string shown = $"{Number(line)}  {operation.PadRight(width)}  → {result.Text}";
            Append(text, comment.Length == 0 ? shown : $"{shown.PadRight(width + ResultWidth)}  {comment}");
            foreach (string detail in result.Details.Where(detail => !detail.EndsWith(" 0", StringComparison.Ordinal)))
            {
                Append(text, $"{new string(' ', width + 8)}{detail}");
            }
        }

        return text.ToString().Trim('\n');
    }

    private static string Number(int line) => line.ToString(CultureInfo.InvariantCulture).PadLeft(3);

    private static void Append(StringBuilder text, string line) => text.Append(line.TrimEnd()).Append('\n');

    private static (string Operation, string Comment) Split(string line)
    {
        int comment = line.IndexOf('#', StringComparison.Ordinal);
        return comment < 0 ? (line.Trim(), "") : (line[..comment].Trim(), line[comment..].TrimEnd());
    }

    private static (int First, int Last) Range(string words)
    {
        string[] ends = words.Split('-');
        return (int.Parse(ends[0], CultureInfo.InvariantCulture), int.Parse(ends[^1], CultureInfo.InvariantCulture));
    }
}
