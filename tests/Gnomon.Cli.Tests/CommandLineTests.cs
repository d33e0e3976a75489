using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Gnomon.Cli.Tests;

public sealed class CommandLineTests
{
    public static TheoryData<string> BadCommandLines =>
    [
        "frobnicate",
        "--frobnicate",
        "replay",
        "replay --frobnicate x",
        "replay x --slots 0",
        "replay x --slots many",
        "replay x --slots",
        "replay x --prefault 1025",
        "replay x --policy fifo",
        "replay x --coherence eager",
        "replay x --on-flush keep",
        "replay x --audit-every -1",
        "replay x --show 0x800000",
        "replay x --show 0x800000-0x400000",
        "replay x --show 0-0x100000001",
        "replay - -",
        "run",
        "run --flat",
        "run --flat x --bios y",
        "run --flat x --memory 0",
        "run --flat x --memory 3073",
        "run --flat x --max-instructions 0",
        "run --flat x --max-instructions 0x10000000000000000",
        "run kernel --flat x",
        "run kernel other",
        "run --frobnicate",
        "run --flat x --slots 3",
        "run --bios x --disk y",
        "run --flat x --stats=json",
        "run kernel --trace-instructions",
        "run kernel --format pae",
        "run --paravirt kernel --format long",
        "run --paravirt kernel --clock slow",
        "run --paravirt kernel --policy fifo",
        "run --paravirt kernel --slots 0",
        "run --paravirt kernel --timeout 0",
        "run --paravirt kernel --audit 0",
        "demo --format long",
        "demo kernel",
        "trace",
        "trace generate",
        "trace generate unknown",
        "trace generate dense --format long",
        "trace generate dense --size 0",
        "trace generate dense --seed -1",
        "bench",
        "bench paging --format long",
        "bench cpu --filter nothing-like-it",
        "completion tcsh",
    ];

    [Theory]
    [MemberData(nameof(BadCommandLines))]
    public void Run_BadCommandLine_EndsWithStatus2AndOneSentence(string line)
    {
        Ended ended = GnomonProcess.Run(line.Split(' '));

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("--help", "replay", "Exit status:")]
    [InlineData("replay --help", "--audit-every", "Exit status:")]
    [InlineData("run --help", "--trace-instructions", "Exit status:")]
    [InlineData("run --help", "--stats=json", "Exit status:")]
    [InlineData("demo --help", "--plain", "Exit status:")]
    [InlineData("bench cpu --help", "--check", "Exit status:")]
    [InlineData("trace --help", "generate", "Examples:")]
    [InlineData("trace generate --help", "--seed", "Exit status:")]
    [InlineData("trace list --help", "list", "Examples:")]
    [InlineData("bench paging --help", "--against", "Exit status:")]
    [InlineData("completion --help", "zsh", "Examples:")]
    public void Run_Help_NamesOptionsAndExamples(string line, string option, string section)
    {
        Ended ended = GnomonProcess.Run(line.Split(' '));

        Assert.Equal((0, ""), (ended.Status, ended.Error));
        Assert.Contains(option, ended.Output, StringComparison.Ordinal);
        Assert.Contains(section, ended.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', ended.Output);
    }

    [Fact]
    public void Run_Nothing_ShowsHelp()
    {
        Ended ended = GnomonProcess.Run();

        Assert.Equal(0, ended.Status);
        Assert.Contains("Commands:", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Version_PrintsIt()
    {
        Ended ended = GnomonProcess.Run("--version");

        Assert.Equal(0, ended.Status);
        Assert.Matches("^[0-9]+\\.[0-9]+\\.[0-9]+", ended.Output);
    }

    [Fact]
    public void TraceFormat_NamesEveryLineOfATrace()
    {
        string text = GnomonProcess.Run("trace", "format").Output;

        foreach (string keyword in "format memory slots policy prefault kernel switcher coherence on-flush device guest strict init cpu poke store peek stack load fault pin set-pte set-pgd set-pmd invlpg flush-user clear-all translate map-switcher access reclaim fail-allocations dump stats audit".Split(' '))
        {
            Assert.Contains($"\n  {keyword}", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TraceList_NamesWhatCanBeGenerated()
    {
        string[] names = [.. GnomonProcess.Run("trace", "list").Lines.Where(line => line[0] != ' ')];

        Assert.Equal(["fork-exec", "address-spaces", "kernel-updates", "highmem", "sparse", "dense", "hostile"], names);
    }

    [Fact]
    public void TraceGenerate_ToFileOrOutput_WritesTheSameAndReplays()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("t.gtrace");

        Ended toFile = GnomonProcess.Run("trace", "generate", "fork-exec", "--format", "pae", "--seed", "7", "--size", "3", "--output", file);
        Ended toOutput = GnomonProcess.Run("trace", "generate", "fork-exec", "--format", "pae", "--seed", "7", "--size", "3");
        Ended replayed = GnomonProcess.Run("replay", file);

        Assert.Equal((0, "", ""), (toFile.Status, toFile.Output, toFile.Error));
        Assert.Equal(File.ReadAllText(file), toOutput.Output);
        Assert.Equal((0, ""), (replayed.Status, replayed.Error));
        Assert.EndsWith(": ok\n", replayed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void TraceGenerate_WhereNothingCanBeWritten_EndsWithStatus3()
    {
        using TemporaryFolder folder = new();

        Ended ended = GnomonProcess.Run("trace", "generate", "dense", "--output", folder.File("no/such/folder"));

        Assert.Equal((3, ""), (ended.Status, ended.Output));
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Completion_OfEachShell_IsAScriptThatAsksTheProgram(string shell)
    {
        Ended ended = GnomonProcess.Run("completion", shell);

        Assert.Equal(0, ended.Status);
        Assert.Contains("[suggest:", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gnomon ", "replay")]
    [InlineData("gnomon ", "run")]
    [InlineData("gnomon run --", "--bios")]
    [InlineData("gnomon bench ", "cpu")]
    [InlineData("gnomon replay --", "--audit-every")]
    [InlineData("gnomon replay --coherence ", "watched")]
    [InlineData("gnomon trace generate ", "fork-exec")]
    [InlineData("gnomon completion ", "fish")]
    public void Suggest_AtALine_NamesWhatCanFollow(string line, string expected)
    {
        Ended ended = GnomonProcess.Run($"[suggest:{line.Length}]", line);

        Assert.Contains(expected, ended.Lines);
    }

    [Fact]
    public void Interrupt_WhileReading_EndsCleanly()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "signals");
        using Process process = GnomonProcess.Start("replay", "-");
        process.StandardInput.BaseStream.Write(Encoding.ASCII.GetBytes("gnomon-trace 1\ninit\n"));
        process.StandardInput.BaseStream.Flush();
        Thread.Sleep(TimeSpan.FromSeconds(1));

        Assert.Equal(0, Kill(process.Id, 2));

        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(20)));
        Assert.Equal(130, process.ExitCode);
        Assert.DoesNotContain("   at ", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int process, int signal);
}
