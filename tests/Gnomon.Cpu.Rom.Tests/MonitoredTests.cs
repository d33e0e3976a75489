using Gnomon.Cpu.Rom.Tests.Running;
using Gnomon.Cpu.Rom.Tests.Scenarios;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Cpu.Rom.Tests;

/// <summary>The same ROMs under the monitor of unmodified guests: what the guest sees is what a bare processor shows.</summary>
public sealed class MonitoredTests
{
    private const ulong Instructions = 20_000_000;
    private const ulong AuditEvery = 5_000;

    public static TheoryData<string, MmuKind, Coherence, int> Cases
    {
        get
        {
            TheoryData<string, MmuKind, Coherence, int> cases = [];
            foreach (RomFamily family in RomFamily.All)
            {
                cases.Add(family.Name, MmuKind.Nested, Coherence.Watched, 1);
                cases.Add(family.Name, MmuKind.Shadow, Coherence.Watched, 1);
                cases.Add(family.Name, MmuKind.Shadow, Coherence.Watched, 16);
                cases.Add(family.Name, MmuKind.Shadow, Coherence.Lazy, 1);
                cases.Add(family.Name, MmuKind.Shadow, Coherence.Lazy, 16);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_UnderTheMonitor_PrintsTheExpectedLines(string rom, MmuKind mmu, Coherence coherence, int prefault)
    {
        RomFamily family = RomFamily.Named(rom);
        ShadowOptions shadow = new() { Coherence = coherence, Prefault = prefault };
        RomOutput output = MonitoredRunner.Run(family.Image(), family.Model, Instructions, mmu, shadow, AuditEvery);
        IReadOnlyList<string> wrong = ExpectedLines.Wrong(rom, output.Lines);
        Assert.True(wrong.Count == 0 && output.End == family.End,
            $"{rom}: {wrong.Count} wrong of {output.Lines.Count}, end {output.End}\n{string.Join('\n', wrong)}");
    }
}
