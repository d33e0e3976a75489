using System.Text;
using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.Workloads;

/// <summary>Debian's kernels do a day's work: what they print is what they print in QEMU, and what is known of it is right. A case is
/// written as the options of <c>gnomon linux</c> that see it again, with <c>--script testdata/linux/workload.sh</c>.</summary>
public abstract class WorkloadTests(LinuxFlavour flavour)
{
    private const int AuditEvery = 20_000;

    private static (int Forks, int Blocks, int Elements) Size => TestSettings.Full ? (300, 256, 4000) : (60, 4, 500);

    public static TheoryData<string> CasesOf(LinuxFlavour flavour) => [.. StockCase.All(TestSettings.Full, flavour == LinuxFlavour.I686Pae)];

    protected void Check(string words)
    {
        (int forks, int blocks, int elements) = Size;
        MachineOptions basis = StockCase.Options(words) with { CommandLine = $"forks={forks} blocks={blocks} elements={elements}", AuditEvery = AuditEvery };
        LinuxGuest guest = new() { Script = File.ReadAllBytes(Workload.Script), IsQuiet = true };
        MachineOptions options = StockSystem.Of(flavour).Machine(guest, basis);
        string[] expected = QemuReference.Lines(flavour, options);

        using Machine machine = Machine.Create(options);
        RunStop stop = machine.Run(new RunLimits { Timeout = TimeSpan.FromMinutes(20) });

        string console = machine.Console.Output;
        Assert.True(stop == RunStop.Ended && machine.End?.Reason == MachineEndReason.Shutdown, $"{stop} {machine.End}\n{console}");
        Assert.Equal(expected, Workload.Lines(console));
        Workload.Check(console, forks, blocks, elements);
        Assert.Contains($"{LinuxInitramfs.StatusMarker}42\r\n", console, StringComparison.Ordinal);
        Assert.Empty(machine.HostFailures);
        Console.WriteLine($"{flavour} {words}: {machine.Statistics.Instructions / 1_000_000} million instructions, {machine.Statistics.Exits} exits");
    }
}

public sealed class TwoLevelWorkloadTests() : WorkloadTests(LinuxFlavour.I686)
{
    public static TheoryData<string> Cases => CasesOf(LinuxFlavour.I686);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Workload_UnderEachWayToPage_PrintsWhatItPrintsInQemu(string words) => Check(words);
}

public sealed class PaeWorkloadTests() : WorkloadTests(LinuxFlavour.I686Pae)
{
    public static TheoryData<string> Cases => CasesOf(LinuxFlavour.I686Pae);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Workload_UnderEachWayToPage_PrintsWhatItPrintsInQemu(string words) => Check(words);
}
