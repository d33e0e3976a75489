using System.Text;
using Gnomon.Cpu.Oracle.Tests.Comparison;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;
using Gnomon.Cpu.Oracle.Tests.Tested;

namespace Gnomon.Cpu.Oracle.Tests;

/// <summary>Gnomon's processor beside the host's own: the same instructions on the same operands leave the same state.</summary>
public sealed class ProcessorComparisonTests
{
    private const int CasesInATest = 2_000_000;
    private const int CasesInABriefTest = 60_000;
    private const int Shown = 40;

    /// <summary>GNOMON_SEED names the first seed. The table goes to the folder artifacts, with GNOMON_FULL to the output as well.</summary>
    [Fact]
    public void EveryInstruction_WithRandomOperands_AsTheHost() => Compare(TestSettings.Steps(CasesInATest));

    /// <summary>The same, so brief that a mutant can be tried with it.</summary>
    [Fact]
    public void EveryInstruction_SomeTimes_AsTheHost() => Compare(CasesInABriefTest);

    /// <summary>The case that the environment names in GNOMON_CASE (Code:seed, as a failure prints it), or any, on both processors.</summary>
    [Fact]
    public void NamedCase_IsExplained_AndAsTheHost()
    {
        using HostProcessor host = HostProcessor.Start();
        using GnomonProcessor tested = new();
        (Code code, ulong seed) = CaseText.Parse(Environment.GetEnvironmentVariable("GNOMON_CASE") ?? $"{Code.Add_rm32_r32}:1");
        InstructionCase c = new CaseGenerator().Make(code, seed);
        Campaign campaign = new(host, tested);
        string text = campaign.Explain(c);
        Console.WriteLine(text);
        Assert.False(campaign.Differs(c), text);
    }

    [Fact]
    public void InstructionTable_HasExactlyTheProfile()
    {
        HashSet<Code> rows = [.. Execution.InstructionTable.Instance.Codes];

        // A guest's way to its monitor, by an intercept; without one it is an undefined opcode, as the profile has it.
        Assert.True(rows.Remove(Code.Vmcall));
        HashSet<Code> profile = [.. Profile.Codes];
        Assert.True(rows.SetEquals(profile), $"rows that the profile lacks: {string.Join(", ", rows.Except(profile))}; without a row: {string.Join(", ", profile.Except(rows))}");
    }

    private static void Compare(int cases)
    {
        ulong seed = ulong.TryParse(Environment.GetEnvironmentVariable("GNOMON_SEED"), out ulong given) ? given : 1;
        using ParallelCampaign campaign = new(() => new GnomonProcessor());
        campaign.Run(Profile.Compared, seed, cases);
        string table = campaign.Table();
        Directory.CreateDirectory(Artifacts);
        File.WriteAllText(Path.Combine(Artifacts, "processor-comparison.txt"), $"{cases} cases from seed {seed}\n{table}");
        Console.WriteLine(TestSettings.Full ? table : campaign.Summary());
        Console.WriteLine($"{cases} cases from seed {seed}, {campaign.Failures.Count} instructions with differences, {campaign.Elapsed.TotalSeconds:F1} s");
        StringBuilder text = new();
        foreach (InstructionCase failure in campaign.Failures.Take(Shown))
        {
            text.AppendLine(campaign.Explain(failure));
        }

        Assert.True(campaign.Failures.Count == 0, $"{campaign.Failures.Count} instructions differ: {campaign.Differing()}\n{text}");
    }

    // The repository's own, which git ignores; a test program lies some folders below it.
    private static string Artifacts
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Gnomon.slnx")))
            {
                folder = folder.Parent;
            }

            return Path.Combine(folder?.FullName ?? AppContext.BaseDirectory, "artifacts");
        }
    }
}
