using System.Text.RegularExpressions;
using Gnomon.Guests.Tests.Paper;

namespace Gnomon.Guests.Tests;

/// <summary>Sundial on the paper host: every check, in both formats, and what its command line chooses.</summary>
public sealed class SundialTests
{
    private const long Instructions = 400_000_000;
    private const int DiskBytes = 64 * 512;

    public static TheoryData<string, bool> Formats => new() { { "sundial", false }, { "sundial-pae", true } };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Run_WithADisk_PassesEveryCheckThatTheSourceNames(string image, bool pae)
    {
        byte[] disk = NumberedDisk();
        using PaperMachine machine = new(GuestImage.Bytes(image), pae, "", disk: disk);
        PaperEnd end = machine.Run(Instructions);
        string[] expected = [.. CheckNames().Select(name => $"sundial: check {name} ok")];
        Assert.True(expected.Length >= 40);
        Assert.Equal($"sundial: {(pae ? "pae" : "two-level")} tables, ring 1", Lines(end)[0]);
        Assert.Equal(expected.Order(), Lines(end)[1..^1].Order());
        Assert.Equal($"sundial: all {expected.Length} checks ok", end.Text);
        Assert.Equal("shutdown", end.Kind);
        Assert.Equal(end.Text, Lines(end)[^1]);
        Assert.Equal(NumberedDisk(), disk); // what was written was put back
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Run_ConsoleAtFirst_IsEmergencyWritesAndThenTheQueue(string image, bool pae)
    {
        using PaperMachine machine = new(GuestImage.Bytes(image), pae, "only=host-page");
        PaperEnd end = machine.Run(Instructions);
        Assert.Equal(Lines(end)[0].Length + 1, machine.EmergencyBytes);
        Assert.Equal(["sundial: check host-page ok", "sundial: all 1 checks ok"], Lines(end)[1..]);
    }

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "disk=no")]
    public void Run_WithoutADisk_LeavesOutItsChecks(bool hasDisk, string commandLine)
    {
        using PaperMachine machine = new(GuestImage.Bytes("sundial"), false, commandLine, disk: hasDisk ? NumberedDisk() : null);
        PaperEnd end = machine.Run(Instructions);
        Assert.Matches("^sundial: all [0-9]+ checks ok$", end.Text);
        Assert.DoesNotContain("disk-write", end.Console, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_DiskThatIsMissing_IsAFailureWhenItIsInsistedOn()
    {
        using PaperMachine machine = new(GuestImage.Bytes("sundial"), false, "disk=yes only=disk-sectors");
        Assert.Equal("sundial: 1 of 1 checks failed", machine.Run(Instructions).Text);
    }

    [Theory]
    [InlineData("processes=2 forks=3 pages=5")]
    [InlineData("processes=9 forks=40 pages=150 tick=400")]
    public void Run_OtherNumbers_PrintTheSameLines(string commandLine)
    {
        using PaperMachine machine = new(GuestImage.Bytes("sundial-pae"), true, commandLine, disk: NumberedDisk());
        using PaperMachine plain = new(GuestImage.Bytes("sundial-pae"), true, "", disk: NumberedDisk());
        Assert.Equal(plain.Run(Instructions).Console, machine.Run(Instructions).Console);
    }

    [Theory]
    [InlineData("loop=fork:10")]
    [InlineData("loop=kernel:50 processes=64")]
    public void Run_Loop_SaysNothingButItsEnd(string commandLine)
    {
        foreach ((string image, bool pae) in (ReadOnlySpan<(string, bool)>)[("sundial", false), ("sundial-pae", true)])
        {
            using PaperMachine machine = new(GuestImage.Bytes(image), pae, commandLine);
            PaperEnd end = machine.Run(Instructions);
            Assert.Equal("sundial: loop done", end.Text);
            Assert.Equal(["sundial: loop done"], Lines(end)[1..]);
        }
    }

    [Fact]
    public void Run_OnAHostThatHearsOfNoChange_DoesNotPass()
    {
        // The checks can fail: a host that ignores changes and flushes shows old pages.
        using PaperMachine machine = new(GuestImage.Bytes("sundial"), false, "", disk: NumberedDisk()) { IsDeaf = true };
        PaperEnd end = machine.Run(Instructions);
        Assert.False(end.Kind == "shutdown" && end.Text.EndsWith(" ok", StringComparison.Ordinal), end.Console);
    }

    private static byte[] NumberedDisk()
    {
        byte[] disk = new byte[DiskBytes];
        for (int i = 0; i < disk.Length; i++)
        {
            disk[i] = (byte)((i * 7) + (i >> 9));
        }

        return disk;
    }

    private static string[] Lines(PaperEnd end) => end.Console.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    // The names in the tables of the sources, so that a check that is never run is missed.
    private static IEnumerable<string> CheckNames() =>
        Directory.EnumerateFiles(Path.Combine(GuestImage.Root, "sundial"), "checks_*.c", SearchOption.AllDirectories)
            .SelectMany(file => Regex.Matches(File.ReadAllText(file), "^    \\{ \"([a-z0-9-]+)\", \\w+ \\},\\r?$", RegexOptions.Multiline))
            .Select(match => match.Groups[1].Value);
}
