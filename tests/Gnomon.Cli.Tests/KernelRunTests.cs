using System.Text;
using System.Text.Json;
using Gnomon.MachineTests;

namespace Gnomon.Cli.Tests;

/// <summary>Kernels as guests, as a user runs them.</summary>
public sealed class KernelRunTests
{
    private static string Sundial => Guest("sundial");

    [Theory]
    [InlineData("sundial")]
    [InlineData("sundial-pae", "--format", "pae")]
    [InlineData("sundial-pae", "--format", "pae", "--classic", "--strict")]
    [InlineData("sundial", "--coherence", "lazy", "--slots", "3", "--policy", "clock", "--prefault", "16", "--audit", "5000")]
    [InlineData("sundial", "--clock", "real", "--policy", "random", "--on-flush", "discard")]
    public void Sundial_UnderOptions_EndsWithStatus0AndItsLastLine(string image, params string[] options)
    {
        Ended ended = GnomonProcess.Run(["run", "--paravirt", Guest(image), "--memory", "24", .. options]);

        Assert.Equal((0, ""), (ended.Status, ended.Error));
        Assert.Matches("^sundial: all [0-9]+ checks ok$", ended.Lines[^1]);
    }

    [Theory]
    [InlineData(7, "attack=leaf-wild", "the guest was killed at 0x[0-9a-f]{8} after [0-9]+ instructions: .*fffff")]
    [InlineData(6, "attack=halt-nothing-to-come", "halted at 0x[0-9a-f]{8}")]
    [InlineData(0, "attack=flush-flood", "^$")]
    public void Hostile_EndsWithTheStatusOfItsEnd(int status, string attack, string sentence)
    {
        Ended ended = GnomonProcess.Run("run", "--paravirt", Guest("hostile"), "--memory", "24", "--append", attack);

        Assert.Equal(status, ended.Status);
        Assert.Matches(sentence, ended.Error.TrimEnd('\n').Split('\n')[^1]);
        Assert.Equal(status == 7, ended.Error.StartsWith("last page faults:\n", StringComparison.Ordinal));
        Assert.DoesNotContain("--format pae", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Kernel_OfTheOtherFormat_IsKilledWithAHint()
    {
        Ended ended = GnomonProcess.Run("run", "--paravirt", Guest("sundial-pae"), "--memory", "24");

        Assert.Equal(7, ended.Status);
        Assert.Contains("--format pae", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_AreKeptAndNamed()
    {
        Ended spent = GnomonProcess.Run("run", "--paravirt", Sundial, "--max-instructions", "500000");
        Assert.Equal(5, spent.Status);
        Assert.Matches("--max-instructions are spent at 0x[0-9a-f]{8} after 500[0-9]{3} instructions", spent.Error);

        Ended late = GnomonProcess.Run("run", "--paravirt", Sundial, "--append", "loop=fork:100000000", "--timeout", "1");
        Assert.Equal(8, late.Status);
        Assert.Contains("--timeout", late.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void StandardInput_IsTheKeyboardAndItsEndTheEnd()
    {
        using TemporaryFolder folder = new();
        Ended ended = GnomonProcess.Run("Hello!\n"u8.ToArray(), "run", "--paravirt", Echo(folder), "--memory", "4");
        Assert.Equal((6, "ready\nHello!\n"), (ended.Status, ended.Output));

        ended = GnomonProcess.Run("q"u8.ToArray(), "run", "--paravirt", Echo(folder), "--memory", "4");
        Assert.Equal((0, "ready\n", ""), (ended.Status, ended.Output, ended.Error));
    }

    [Fact]
    public void Restart_IsDoneOrAnEnd()
    {
        using TemporaryFolder folder = new();
        Ended ended = GnomonProcess.Run("r"u8.ToArray(), "run", "--paravirt", Echo(folder), "--memory", "4");
        Assert.Equal((6, "ready\nready\n"), (ended.Status, ended.Output));

        ended = GnomonProcess.Run("r"u8.ToArray(), "run", "--paravirt", Echo(folder), "--memory", "4", "--no-restart");
        Assert.Equal((9, "ready\n"), (ended.Status, ended.Output));
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Fact]
    public void Console_AFile_TakesTheOutput()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("console");
        Ended ended = GnomonProcess.Run("run", "--paravirt", Sundial, "--append", "only=fork", "--console", file);

        Assert.Equal((0, "", ""), (ended.Status, ended.Output, ended.Error));
        Assert.Contains("sundial: check fork ok\n", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Console_ThatIsFull_EndsWithStatus3()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full");
        Ended ended = GnomonProcess.Run("run", "--paravirt", Sundial, "--console", "/dev/full");

        Assert.Equal(3, ended.Status);
        ReplayCommandTests.AssertOneSentence(ended);
        Assert.Contains("/dev/full cannot be written", ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run --paravirt no-such-kernel")]
    [InlineData("run --paravirt GUEST --initrd no-such-file")]
    [InlineData("run --paravirt GUEST --disk no-such-disk")]
    [InlineData("run --paravirt GUEST --disk FOLDER:ro")]
    [InlineData("run --paravirt GUEST --console FOLDER/no-such-folder/file")]
    [InlineData("run --paravirt GUEST --trace FOLDER")]
    [InlineData("run --paravirt GUEST --trace /dev/full")]
    public void Files_ThatCannotBeUsed_EndWithStatus3AndOneSentence(string line)
    {
        using TemporaryFolder folder = new();
        string[] words = [.. line.Split(' ').Select(word => word.Replace("GUEST", Sundial, StringComparison.Ordinal).Replace("FOLDER", folder.Path, StringComparison.Ordinal))];
        Ended ended = GnomonProcess.Run(words);

        Assert.Equal(3, ended.Status);
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("no kernel at all")]
    [InlineData("")]
    public void Kernels_ThatAreNone_EndWithStatus2AndOneSentence(string content)
    {
        using TemporaryFolder folder = new();
        Ended ended = GnomonProcess.Run("run", "--paravirt", folder.Write("kernel", content));

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Fact]
    public void Disk_OfNoWholeSectors_EndsWithStatus2()
    {
        using TemporaryFolder folder = new();
        Ended ended = GnomonProcess.Run("run", "--paravirt", Sundial, "--disk", folder.Write("disk", "abc"));

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":ro")]
    [InlineData(":cow")]
    public void Disk_InEachMode_IsFoundByTheGuest(string mode)
    {
        using TemporaryFolder folder = new();
        string disk = folder.Write("disk", new string('x', 64 * 512));
        Ended ended = GnomonProcess.Run("run", "--paravirt", Sundial, "--append", "disk=yes", "--disk", disk + mode);

        Assert.Equal(0, ended.Status);
        Assert.Contains("sundial: check disk-write ok", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void SameCommand_GivesTheSameRun()
    {
        string[] command = ["run", "--paravirt", Sundial, "--memory", "24", "--classic", "--stats=json"];
        string[] runs = [.. Enumerable.Range(0, 2).Select(_ => WithoutHostTime(GnomonProcess.Run(command).Output))];

        Assert.Equal(runs[0], runs[1]);
        Assert.Contains("\"instructions\":", runs[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Stats_AsJson_AgreeWithOneAnother()
    {
        Ended ended = GnomonProcess.Run("run", "--paravirt", Sundial, "--memory", "24", "--append", "only=fork", "--stats=json");
        string json = ended.Output[ended.Output.IndexOf('{', StringComparison.Ordinal)..];
        JsonElement root = JsonDocument.Parse(json).RootElement;
        long Of(string name) => root.GetProperty(name).GetInt64();

        Assert.Equal(Of("pf_taken"), root.GetProperty("shadow").GetProperty("faults").GetInt64());
        Assert.True(Of("exits") >= Of("hypercalls") + Of("pf_taken"));
        Assert.True(Of("pf_taken") >= Of("pf_fixed") + Of("pf_guest"));
        Assert.Equal(Of("tables_present"), Of("mmu_cache_miss") - Of("mmu_shadow_zapped"));
        Assert.True(Of("irq_injections") > 0);
    }

    [Fact]
    public void Trace_OfARun_IsReplayedWithTheSameCounts()
    {
        using TemporaryFolder folder = new();
        string trace = folder.File("sundial.gtrace");
        Ended run = GnomonProcess.Run("run", "--paravirt", Sundial, "--memory", "24", "--append", "only=copy-on-write", "--trace", trace, "--stats=json");
        Ended replay = GnomonProcess.Run("replay", trace, "--stats");

        JsonElement shadow = JsonDocument.Parse(run.Output[run.Output.IndexOf('{', StringComparison.Ordinal)..]).RootElement.GetProperty("shadow");
        foreach (string counter in (string[])["faults", "fixed", "guest-faults", "loads", "updates"])
        {
            Assert.Contains($"  {counter} {shadow.GetProperty(counter).GetInt64()}", replay.Lines);
        }
    }

    [Fact]
    public void ParavirtualKernel_OnAPlainPc_IsKilledByItsFirstTrap()
    {
        // INT 1Fh is a hypercall only for a host; a PC has no handler for it yet.
        Ended ended = GnomonProcess.Run("run", Sundial);

        Assert.Equal((7, ""), (ended.Status, ended.Output));
        Assert.Contains("triple fault", ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("two-level")]
    [InlineData("pae")]
    public void Demo_Plain_IsTheSameInEachRunAndEndsWell(string format)
    {
        Ended one = GnomonProcess.Run("demo", "--format", format, "--audit", "5000");
        Ended other = GnomonProcess.Run("demo", "--plain", "--format", format, "--audit", "5000");

        Assert.Equal((0, ""), (one.Status, one.Error));
        Assert.Equal(one.Output, other.Output);
        Assert.DoesNotContain('\e', one.Output);
        Assert.Contains("checks ok\n", one.Output, StringComparison.Ordinal);
        Assert.Contains("The invariants of the shadow tables hold.", one.Output, StringComparison.Ordinal);
    }

    private static string Guest(string name) => Path.Combine(AppContext.BaseDirectory, "guests", name);

    private static string Echo(TemporaryFolder folder)
    {
        string file = folder.File("echo");
        File.WriteAllBytes(file, EchoGuest.Options.Kernel.ToArray());
        return file;
    }

    private static string WithoutHostTime(string output) =>
        string.Join('\n', output.Split('\n').Where(line => !line.Contains("host_microseconds", StringComparison.Ordinal)));
}
