using System.Diagnostics;
using System.Text.Json;

namespace Gnomon.Guests.Tests.Original;

/// <summary>What <c>gnomon bench fork</c> counts is what the model says.</summary>
public sealed class BenchForkTests
{
    private const int WarmUp = 20;

    // Eighths have three decimals, as the command's JSON has.
    private const int Rounds = 8;

    private static readonly Lazy<JsonElement[]> _lines = new(RunCommand);

    [Theory]
    [InlineData("sundial", null)]
    [InlineData("sundial-pae", null)]
    [InlineData("sundial", 4)]
    [InlineData("sundial-pae", 4)]
    public void BenchFork_Classic_ScansReleasesAndRefaultsAsTheModel(string image, int? spaces)
    {
        ComparedMmu shorter = OriginalTests.Run(image, CommandLine(WarmUp, spaces)), longer = OriginalTests.Run(image, CommandLine(WarmUp + Rounds, spaces));
        JsonElement line = Line(image, "classic", spaces);
        Assert.Equal(PerRound(shorter, longer, mmu => mmu.Model.Scanned), line.GetProperty("entriesScanned").GetDouble());
        Assert.Equal(PerRound(shorter, longer, mmu => mmu.Model.Refaults), line.GetProperty("refaults").GetDouble());
        Assert.Equal(PerRound(shorter, longer, mmu => mmu.Model.Counts.Released), line.GetProperty("leavesReleased").GetDouble());
        Assert.Equal(PerRound(shorter, longer, mmu => mmu.Model.Counts.Mapped + mmu.Model.Counts.Converted), line.GetProperty("leavesMapped").GetDouble());
        Assert.Equal(PerRound(shorter, longer, mmu => mmu.Model.Counts.TablesMade), line.GetProperty("tablesMade").GetDouble());
        Assert.Equal(
            PerRound(shorter, longer, mmu => mmu.Model.Counts.Fixed + mmu.Model.Counts.GuestFaults + mmu.Model.Counts.DeviceFaults),
            line.GetProperty("pageFaults").GetDouble());
    }

    [Fact]
    public void BenchFork_Pae_DefaultDoesAFifthOfTheWorkAndNeverRefaults()
    {
        JsonElement classic = Line("sundial-pae", "classic", null), own = Line("sundial-pae", "default", null);
        Assert.True(classic.GetProperty("work").GetDouble() >= 5 * own.GetProperty("work").GetDouble(), $"{classic}\n{own}");
        Assert.True(classic.GetProperty("refaults").GetDouble() > 50, $"{classic}");
        Assert.Equal(0, own.GetProperty("refaults").GetDouble());
        Assert.Equal(0, Line("sundial", "default", null).GetProperty("refaults").GetDouble());
    }

    [Theory]
    [InlineData("sundial")]
    [InlineData("sundial-pae")]
    public void BenchFork_KernelUpdate_CostsTheSameWithEachNumberOfAddressSpaces(string image)
    {
        string Counts(int spaces) => string.Join(' ', Line(image, "default", spaces).EnumerateObject().Where(value => value.Name != "spaces").Select(value => value.ToString()));
        Assert.Contains("\"leavesReleased\": 1 ", Counts(1), StringComparison.Ordinal);
        Assert.Equal(Counts(1), Counts(16));
        Assert.Equal(Counts(1), Counts(64));
    }

    private static string CommandLine(int rounds, int? spaces) =>
        spaces is null ? $"loop=fork:{rounds}" : $"loop=kernel:{rounds} processes={spaces} tick=1000000";

    private static double PerRound(ComparedMmu shorter, ComparedMmu longer, Func<ComparedMmu, long> count) => (double)(count(longer) - count(shorter)) / Rounds;

    private static JsonElement Line(string image, string policy, int? spaces) => Assert.Single(_lines.Value, line =>
        line.GetProperty("format").GetString() == (image == "sundial" ? "two-level" : "pae")
        && line.GetProperty("policy").GetString() == policy
        && line.GetProperty("scenario").GetString() == (spaces is null ? "fork" : "kernel")
        && (spaces is null || line.GetProperty("spaces").GetInt32() == spaces));

    private static JsonElement[] RunCommand()
    {
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true };
        foreach (string argument in (string[])[System.IO.Path.Combine(AppContext.BaseDirectory, "gnomon.dll"), "bench", "fork", "--counts", "--json", "--rounds", $"{Rounds}"])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return [.. JsonDocument.Parse(output).RootElement.GetProperty("results").EnumerateArray()];
    }
}
