using System.Text;

namespace Gnomon.Cli.Tests;

public sealed class ReplayCommandTests
{
    private const string Small = "gnomon-trace 1\ninit\npoke 0x1000 7\npeek 0x1000\n";

    [Theory]
    [InlineData("01-text-form")]
    [InlineData("04-demand-two-level")]
    [InlineData("37-switcher-pae")]
    [InlineData("49-pointer-tables-in-one-page")]
    public void Replay_GoldenTrace_PrintsExactlyTheExpectedBytes(string name)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "traces", name);

        Ended ended = GnomonProcess.Run("replay", $"{file}.gtrace");

        Assert.Equal((0, File.ReadAllText($"{file}.expected"), ""), (ended.Status, ended.Output, ended.Error));
    }

    [Fact]
    public void Replay_KilledGuest_EndsWithStatus0()
    {
        Ended ended = GnomonProcess.Run(Encoding.ASCII.GetBytes("gnomon-trace 1\ninit\nload 0x1000\ntranslate 0x400000\ndump\n"), "replay", "-");

        Assert.Equal((0, ""), (ended.Status, ended.Error));
        Assert.Equal(4, ended.Lines.Length);
        Assert.All(ended.Lines[2..], line => Assert.Contains(": killed: ", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Replay_SeveralFiles_HeadsEach()
    {
        using TemporaryFolder folder = new();
        string a = folder.Write("a", Small), b = folder.Write("b", Small);

        Ended ended = GnomonProcess.Run("replay", a, b);

        Assert.Equal(
            [$"==> {a} <==", "2: ok", "3: ok", "4: 0x7", $"==> {b} <==", "2: ok", "3: ok", "4: 0x7"],
            ended.Lines);
    }

    [Fact]
    public void Replay_OneOfSeveralFilesBad_RunsNone()
    {
        using TemporaryFolder folder = new();

        Ended ended = GnomonProcess.Run("replay", folder.Write("a", Small), folder.Write("b", "gnomon-trace 1\ninit\nfrob\n"));

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        Assert.Contains("b, line 3: `frob` is unknown", ended.Error, StringComparison.Ordinal);
        AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\x7f\x45LF\x01\x02")]
    [InlineData("gnomon-trace 1\ninit\npoke 0x1000 7\npoke 0x1000")]
    [InlineData("gnomon-trace 1\ninit\ninit\n")]
    public void Replay_BadTrace_EndsWithStatus2AndOneSentence(string text)
    {
        Ended ended = GnomonProcess.Run(Encoding.Latin1.GetBytes(text), "replay", "-");

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        Assert.StartsWith("gnomon: -, line ", ended.Error, StringComparison.Ordinal);
        AssertOneSentence(ended);
    }

    [Fact]
    public void Replay_WhatIsNoFile_EndsWithStatus3AndOneSentence()
    {
        using TemporaryFolder folder = new();
        foreach (string name in new[] { folder.Path, folder.File("missing"), folder.File("missing/deeper"), folder.File("nul\nline") })
        {
            Ended ended = GnomonProcess.Run("replay", name);

            Assert.Equal((3, ""), (ended.Status, ended.Output));
            AssertOneSentence(ended);
        }
    }

    [Fact]
    public void Replay_HugeHostileFile_EndsSoon()
    {
        byte[] zeros = new byte[64 << 20];

        Ended ended = GnomonProcess.Run(zeros, "replay", "-");

        Assert.Equal(2, ended.Status);
        Assert.Contains("line 1: the line is longer than 4096 bytes", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Replay_Stats_PrintsTheCountersAfterTheRun()
    {
        Ended ended = GnomonProcess.Run(Encoding.ASCII.GetBytes("gnomon-trace 1\ninit\naccess 0x1000 rk\n"), "replay", "-", "--stats");

        Assert.Equal(["2: ok", "3: 0x1000"], ended.Lines[..2]);
        Assert.Contains("  faults 1", ended.Lines);
        Assert.All(ended.Lines[2..], line => Assert.Matches("^  [a-z-]+ [0-9]+$", line));
    }

    [Fact]
    public void Replay_Show_PrintsGuestShadowAndDifference()
    {
        Ended ended = GnomonProcess.Run(
            Encoding.ASCII.GetBytes("""
                gnomon-trace 1
                init
                poke 0x1004 0x2067
                poke 0x2000 0x5067
                poke 0x2004 0x6067
                load 0x1000
                access 0x400000 ru
                set-pgd 0x1000 4096
                """),
            "replay", "-", "--show", "0x400000-0x800000");

        Assert.Equal(0, ended.Status);
        Assert.Equal(
            """
            0x400000-0x7fffff, virtual CPU 0, directory 0x1000
            guest tables:
              0x400000-0x401fff      0x5000-0x6fff          rwxu  2 pages
            shadow tables:
              0x400000-0x400fff      0x5000-0x5fff          rwxu  1 page
            differences:
              0x401000-0x401fff      1 page        guest only: 0x6000 rwxu, not filled yet

            """.ReplaceLineEndings("\n"),
            ended.Output[ended.Output.IndexOf("0x400000-", StringComparison.Ordinal)..]);
    }

    [Fact]
    public void Replay_Overrides_ReplaceTheHeader()
    {
        byte[] trace = Encoding.ASCII.GetBytes("gnomon-trace 1\nslots 4\ninit\npoke 0x1004 0x2067\npoke 0x2000 0x5067\nload 0x1000\naccess 0x400000 wu\nflush-user\ndump\n");

        Assert.Contains("  0x400000 0x5000 rwxu", GnomonProcess.Run(trace, "replay", "-").Lines);
        Assert.DoesNotContain("  0x400000 0x5000 rwxu", GnomonProcess.Run(trace, "replay", "-", "--on-flush", "discard").Lines);
        Ended all = GnomonProcess.Run(trace, "replay", "-", "--policy", "random:0x10", "--slots", "2", "--prefault", "16", "--coherence", "watched", "--audit-every", "1");
        Assert.Equal((0, ""), (all.Status, all.Error));
    }

    [Fact]
    public void Replay_TooFewSlotsForTheTrace_EndsWithStatus2()
    {
        Ended ended = GnomonProcess.Run(Encoding.ASCII.GetBytes("gnomon-trace 1\ninit\ncpu 2\n"), "replay", "-", "--slots", "2");

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        Assert.Contains("give at least 3 slots", ended.Error, StringComparison.Ordinal);
        AssertOneSentence(ended);
    }

    internal static void AssertOneSentence(Ended ended)
    {
        Assert.Equal(1, ended.Error.Count(c => c == '\n'));
        Assert.StartsWith("gnomon: ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', ended.Error + ended.Output);
    }
}
