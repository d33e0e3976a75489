using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>Stands in front of a guest's shadow tables, passes everything on and tells two observers of what matters to them.</summary>
internal sealed class ObservedMmu(IShadowMmu inner, OriginalScans scans, Refaults refaults) : ShadowObserver(inner)
{
    /// <inheritdoc/>
    public override FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        refaults.BeforeFault(Inner, cpu, address);
        FaultOutcome outcome = Inner.DemandPage(cpu, address, code);
        refaults.AfterFault(Inner, cpu, address, code, outcome);
        return outcome;
    }

    /// <inheritdoc/>
    public override void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        long converted = Inner.Statistics.LeavesConverted;
        Inner.SetPte(cpu, directory, address, entry);
        refaults.Announced(Inner, directory, address, entry, Inner.Statistics.LeavesConverted != converted);
    }

    /// <inheritdoc/>
    public override void SetPgd(int cpu, Gpa directory, uint index)
    {
        scans.Top(Inner, cpu, directory, index);
        Inner.SetPgd(cpu, directory, index);
        refaults.TopChanged(Inner, directory, index);
    }

    /// <inheritdoc/>
    public override void SetPmd(int cpu, Gpa table, uint index)
    {
        scans.All(Inner, cpu);
        Inner.SetPmd(cpu, table, index);
        refaults.MiddleChanged(table, index);
    }

    /// <inheritdoc/>
    public override bool LoadPageTable(int cpu, Gpa directory)
    {
        scans.BeforeLoad(Inner);
        bool loaded = Inner.LoadPageTable(cpu, directory);
        scans.AfterLoad(Inner, cpu);
        return loaded;
    }

    /// <inheritdoc/>
    public override void FlushUser(int cpu)
    {
        scans.User(Inner, cpu);
        Inner.FlushUser(cpu);
    }

    /// <inheritdoc/>
    public override void ClearAll(int cpu)
    {
        scans.All(Inner, cpu);
        Inner.ClearAll(cpu);
    }

    /// <inheritdoc/>
    public override void SetGuestData(Gva kernelAddress)
    {
        scans.Begin(kernelAddress);
        refaults.KernelAddress = kernelAddress;
        Inner.SetGuestData(kernelAddress);
    }
}
