using System.Text.RegularExpressions;

namespace Gnomon.Traces.Tests;

/// <summary>
/// Small traces whose results were worked out by hand from the specification. In an expected line * stands for any text, and
/// a line of three dots for any number of indented lines.
/// </summary>
public sealed class GoldenReplayTests
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "traces");

    public static TheoryData<string> Names => [.. Directory.GetFiles(Folder, "*.gtrace").Select(file => Path.GetFileNameWithoutExtension(file)!).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Replay_GoldenTrace_PrintsWhatTheSpecificationAsks(string name)
    {
        Assert.Equal("", Difference(name, Text.Replay(Parse(name))));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Replay_GoldenTrace_KeepsEveryInvariantAfterEveryLine(string name)
    {
        using TraceReplayer replayer = new(Parse(name), new ReplayOptions { AuditEvery = 1 });

        Assert.All(replayer.Run(), result => Assert.True(result.Broken is null, $"line {result.Line}: {result.Broken}"));
    }

    [Fact]
    public void Names_AreManyAndEachHasItsExpectedResults()
    {
        Assert.True(Names.Count >= 50);
        Assert.All(Names, row => Assert.True(File.Exists(Path.Combine(Folder, $"{row.Data}.expected"))));
    }

    private static Trace Parse(string name) => Text.Parse(File.ReadAllBytes(Path.Combine(Folder, $"{name}.gtrace")));

    private static string Difference(string name, List<string> got)
    {
        string[] expected = File.ReadAllLines(Path.Combine(Folder, $"{name}.expected"));
        int at = 0;
        foreach (string line in expected)
        {
            if (line == "  ...")
            {
                while (at < got.Count && got[at].StartsWith("  ", StringComparison.Ordinal))
                {
                    at++;
                }

                continue;
            }

            string pattern = $"^{Regex.Escape(line).Replace("\\*", ".*", StringComparison.Ordinal)}$";
            if (at == got.Count || !Regex.IsMatch(got[at], pattern))
            {
                return $"expected `{line}`, got `{(at < got.Count ? got[at] : "nothing")}`";
            }

            at++;
        }

        return at == got.Count ? "" : $"expected nothing more, got `{got[at]}`";
    }
}
