using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gnomon.Linux;
using Gnomon.Memory;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.CommandLine;

/// <summary><c>gnomon linux</c> as a user runs it.</summary>
public sealed class LinuxCommandTests
{
    [Fact]
    public void Script_WithFilesAndAFolder_ItsStatusAndItsFilesComeBack()
    {
        _ = StockSystem.Of(LinuxFlavour.I686);
        using TemporaryFolder folder = new();
        string script = folder.File("s.sh", Encoding.UTF8.GetBytes("tr a-z A-Z </data/in >/out/result; uname -r; cat /proc/cmdline >/out/cmdline; date +%Y; exit 3\n"));
        string input = folder.File("in", "some text\n"u8);
        string target = Path.Combine(folder.Path, "back", "here");
        Ended ended = GnomonRun.Run("linux", "686", "--script", script, "--file", $"{input}=/data/in", "--out", target, "--append", "mine=1", "--stats=json");
        Assert.True(ended.Status == 3, $"{ended}");
        Assert.Equal("SOME TEXT\n", File.ReadAllText(Path.Combine(target, "result")));
        Assert.Contains($"{LinuxSystem.CommandLine} quiet mine=1", File.ReadAllText(Path.Combine(target, "cmdline")), StringComparison.Ordinal);
        Assert.Contains("2020\r\n", ended.Output, StringComparison.Ordinal);
        Assert.Contains("\"instructions\":", ended.Output, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFiles(target).Length);
    }

    [Theory]
    [InlineData("reboot -f", "the guest wants to be started anew", 9)]
    [InlineData("echo c >/proc/sysrq-trigger", "its kernel panicked, sysrq triggered crash", 9)]
    [InlineData("halt -f", "it would wait for ever", 6)]
    [InlineData("while :; do :; done", "--max-instructions are spent", 5)]
    public void Script_ThatDoesNotComeToItsEnd_IsNoEndlessRun(string command, string sentence, int status)
    {
        _ = StockSystem.Of(LinuxFlavour.I686);
        using TemporaryFolder folder = new();
        string script = folder.File("s.sh", Encoding.UTF8.GetBytes($"{command}\nexit 0\n"));
        Ended ended = GnomonRun.Run("linux", "686", "--script", script, "--max-instructions", "1500000000");
        Assert.True(ended.Status == status, $"{ended}");
        Assert.Contains(sentence, ended.Complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void Script_MemoryBesideTheGuestsFrames_IsLessThan120MiB()
    {
        Oracle.RequirePlatform(OperatingSystem.IsLinux(), "Linux");
        _ = StockSystem.Of(LinuxFlavour.I686Pae);
        using TemporaryFolder folder = new();
        string script = folder.File("s.sh", "i=0; while [ $i -lt 100 ]; do /bin/busybox true; i=$((i + 1)); done; head -c 12000000 /dev/zero >/tmp/f; exit 0\n"u8.ToArray());
        Ended ended = GnomonRun.Run("linux", "686-pae", "--script", script, "--stats=json");
        Assert.True(ended.Status == 0, $"{ended}");
        string frames = ended.Output.Split("\"frames_in_use\": ")[1].Split(',')[0];
        long besideKib = ended.PeakKib - (long.Parse(frames, CultureInfo.InvariantCulture) * PageSize.Bytes / 1024);
        Assert.True(ended.PeakKib > 0 && besideKib < 120 << 10, $"{besideKib} KiB beside {frames} frames");
    }

    [Fact]
    public void Shell_WhoseInputEnds_EndsWithTheGuest()
    {
        _ = StockSystem.Of(LinuxFlavour.I686);
        Ended ended = GnomonRun.Run("linux", "686", "--append", "quiet", "--clock", "virtual", "--timeout", "400");
        Assert.True(ended.Status == 0, $"{ended}");
        Assert.Contains("~ # ", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Shell_WhoseInputIsAPipe_GetsEveryByte()
    {
        _ = StockSystem.Of(LinuxFlavour.I686Pae);
        // More than the guest's own buffers hold.
        string[] lines = [.. Enumerable.Range(0, 1400).Select(number => $"line {number} of what is typed long before anybody reads it")];
        string input = $"cat >lines <<'END'\n{string.Join('\n', lines)}\nEND\nsha256sum <lines\nwc -l <lines\n";
        Ended ended = GnomonRun.RunWithInput(input, "linux", "686-pae", "--append", "quiet", "--clock", "virtual", "--timeout", "400");
        string sum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join("", lines.Select(line => line + "\n")))));
        Assert.True(ended.Status == 0, $"{ended}");
        Assert.Contains(sum, ended.Output, StringComparison.Ordinal);
        Assert.Contains("\n1400\r\n", ended.Output, StringComparison.Ordinal);
    }
}
