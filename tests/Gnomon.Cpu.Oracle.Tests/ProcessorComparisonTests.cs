using System.Text;
using Gnomon.Cpu.Oracle.Tests.Comparison;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;
using Gnomon.Cpu.Oracle.Tests.Tested;

namespace Gnomon.Cpu.Oracle.Tests;

/// <summary>Gnomon's processor beside the host's own: the same instructions on the same operands leave the same state.</summary>
public sealed class ProcessorComparisonTests
{
    private const int CasesInATest = 2_000_000;
    private const int Shown = 40;

    [Fact]
    public void EveryInstruction_WithRandomOperands_AsTheHost()
    {
        using HostProcessor host = HostProcessor.Start();
        using GnomonProcessor tested = new();
        Campaign campaign = new(host, tested);
        ulong seed = ulong.TryParse(Environment.GetEnvironmentVariable("GNOMON_SEED"), out ulong given) ? given : 1;
        int cases = TestSettings.Steps(CasesInATest);
        campaign.Run(Profile.Compared, seed, cases);
        Console.WriteLine(campaign.Table());
        Console.WriteLine($"{cases} cases from seed {seed}, {campaign.Failures.Count} instructions with differences");
        StringBuilder text = new();
        foreach (InstructionCase failure in campaign.Failures.Take(Shown))
        {
            text.AppendLine(campaign.Explain(failure));
        }

        Assert.True(campaign.Failures.Count == 0, $"{campaign.Failures.Count} instructions differ:\n{text}");
    }

    [Fact]
    public void InstructionTable_HasExactlyTheProfile()
    {
        HashSet<Code> rows = [.. Execution.InstructionTable.Instance.Codes];
        HashSet<Code> profile = [.. Profile.Codes];
        Assert.True(rows.SetEquals(profile), $"rows that the profile lacks: {string.Join(", ", rows.Except(profile))}; without a row: {string.Join(", ", profile.Except(rows))}");
    }
}
