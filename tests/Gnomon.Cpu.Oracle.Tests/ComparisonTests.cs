using System.Diagnostics;
using Gnomon.Cpu.Oracle.Tests.Comparison;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Fixture;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests;

/// <summary>Two hosts agree on every case; one with a fault is found out.</summary>
public sealed class ComparisonTests
{
    [Fact]
    public void TwoHosts_AgreeOnEveryCase()
    {
        using var first = HostProcessor.Start();
        using var second = HostProcessor.Start();
        var generator = new CaseGenerator();
        var comparer = new Comparer { IsDocumented = false };
        var cases = new InstructionCase[AddressMap.Slots];
        var results = new CaseResult[AddressMap.Slots];
        var host = new Stopwatch();
        var making = new Stopwatch();
        int steps = TestSettings.Steps(100_000), at = 0;
        for (int done = 0; done < steps; done += cases.Length)
        {
            making.Start();
            for (int i = 0; i < cases.Length; i++)
            {
                ulong seed = (ulong)(done + i);
                cases[i] = generator.Make(seed % 16 == 15 ? Code.INVALID : Profile.Compared[(int)(seed % (ulong)Profile.Compared.Count)], seed);
            }

            making.Stop();
            at = 0;
            host.Start();
            first.Run(cases, (in InstructionCase _, in CaseResult r) => results[at++] = HostProcessor.Copy(r));
            host.Stop();

            // In the other order of cases nothing may come from the case before.
            Array.Reverse(cases);
            second.Run(cases, (in InstructionCase c, in CaseResult r) =>
            {
                IReadOnlyList<string> differences = comparer.Compare(c, results[--at], r);
                Assert.True(differences.Count == 0, $"{CaseText.Describe(c)}  {CaseText.Describe(c, results[at])}\n  {string.Join("\n  ", differences)}");
            });
        }

        Console.WriteLine(
            $"{steps / host.Elapsed.TotalSeconds:F0} cases/s with the host, {steps / first.ProcessorTime.TotalSeconds:F0} per second of its processor time, "
            + $"{steps / making.Elapsed.TotalSeconds:F0} made per second");
    }

    /// <summary>The case that the environment names in GNOMON_CASE (Code:seed, as a failure prints it), or any.</summary>
    [Fact]
    public void NamedCase_IsShownAndComesOutTheSameAgain()
    {
        using var host = HostProcessor.Start();
        (Code code, ulong seed) = CaseText.Parse(Environment.GetEnvironmentVariable("GNOMON_CASE") ?? $"{Code.Add_rm32_r32}:1");
        InstructionCase c = new CaseGenerator().Make(code, seed);
        Console.WriteLine(CaseText.Describe(c));
        CaseResult result = host.Run(c);
        Console.WriteLine($"  host: {CaseText.Describe(c, result)}");
        Assert.Empty(new Comparer { IsDocumented = false }.Compare(c, result, host.Run(c)));
    }

    [Fact]
    public void Host_WithoutLowPages_RunsAllTheSame()
    {
        using var without = HostProcessor.Start(wantsLowData: false);
        Assert.False(without.HasLowData);
        var generator = new CaseGenerator();
        InstructionCase[] cases = [.. Enumerable.Range(0, AddressMap.Slots).Select(seed => generator.Make(Code.Add_rm32_r32, (ulong)seed))];
        int faults = 0;
        without.Run(cases, (in InstructionCase c, in CaseResult r) =>
        {
            Assert.DoesNotContain(r.Memory.Blocks, block => block.Address < AddressMap.HighData);
            faults += r.Context.Trap == ProcessorContext.NoTrap ? 0 : 1;
        });
        Assert.InRange(faults, 1, cases.Length / 2);
    }

    [Fact]
    public void Fault_InOneInstruction_IsFoundAndShrunk()
    {
        using var first = HostProcessor.Start();
        using var second = HostProcessor.Start();

        // An ADC that forgets the carry that comes in, as far as the result goes.
        var spoilt = new SecondHost(second, (in InstructionCase c, ref CaseResult r) =>
        {
            if (c.Decode().Code == Code.Adc_r32_rm32 && r.Context.Trap == ProcessorContext.NoTrap && (c.Context.Eflags & 1) != 0)
            {
                int register = c.Decode().Op0Register.GetNumber();
                r.Context[register]--;
            }
        });
        var campaign = new Campaign(first, spoilt);
        campaign.Run([Code.Adc_r32_rm32, Code.Add_r32_rm32], 0, 200);
        InstructionCase failure = Assert.Single(campaign.Failures);
        Assert.Equal(0, campaign.Counts[Code.Add_r32_rm32].Failed);
        string text = campaign.Explain(failure);
        Assert.Contains($"GNOMON_CASE={CaseText.Name(failure)}", text, StringComparison.Ordinal);
        Assert.Contains("* E", text, StringComparison.Ordinal);
        (Code code, ulong seed) = CaseText.Parse(CaseText.Name(failure));
        Assert.Equal(CaseText.Describe(failure), CaseText.Describe(new CaseGenerator().Make(code, seed)));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("flags")]
    [InlineData("x87")]
    [InlineData("segment")]
    [InlineData("fault address")]
    public void Fault_OfAnyKind_IsFound(string kind)
    {
        using var first = HostProcessor.Start();
        using var second = HostProcessor.Start();
        var spoilt = new SecondHost(second, (in InstructionCase c, ref CaseResult r) => SpoilResult(kind, ref r));
        var campaign = new Campaign(first, spoilt);
        campaign.Run([Code.Mov_rm32_r32, Code.Fadd_st0_sti], 0, 300);
        Assert.NotEmpty(campaign.Failures);
    }

    private static void SpoilResult(string kind, ref CaseResult r)
    {
        const uint PageFault = 14;
        switch (kind)
        {
            case "memory" when r.Memory.Blocks.Count > 0:
                (uint address, UInt128 data) = r.Memory.Blocks[^1];
                r.Memory = new MemoryChanges();
                r.Memory.Add(address, data ^ (UInt128.One << 127));
                break;
            case "flags":
                r.Context.Eflags ^= 1;
                break;
            case "x87":
                r.Fpu[32] ^= 1;
                break;
            case "segment":
                r.Context.Es = 0;
                break;
            case "fault address" when r.Context.Trap == PageFault:
                r.Context.Cr2++;
                break;
        }
    }
}
