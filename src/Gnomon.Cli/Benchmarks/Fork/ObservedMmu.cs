using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>Stands in front of a guest's shadow tables, passes everything on and tells two observers of what matters to them.</summary>
internal sealed class ObservedMmu(IShadowMmu inner, OriginalScans scans, Refaults refaults) : IShadowMmu
{
    /// <inheritdoc/>
    public GuestMemory Memory => inner.Memory;

    /// <inheritdoc/>
    public ShadowOptions Options => inner.Options;

    /// <inheritdoc/>
    public ShadowStatistics Statistics => inner.Statistics;

    /// <inheritdoc/>
    public string? KillReason => inner.KillReason;

    /// <inheritdoc/>
    public string FormatName => inner.FormatName;

    /// <inheritdoc/>
    public ShadowCpu Cpu(int cpu) => inner.Cpu(cpu);

    /// <inheritdoc/>
    public FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        refaults.BeforeFault(inner, cpu, address);
        FaultOutcome outcome = inner.DemandPage(cpu, address, code);
        refaults.AfterFault(inner, cpu, address, code, outcome);
        return outcome;
    }

    /// <inheritdoc/>
    public void PinPage(int cpu, Gva address) => inner.PinPage(cpu, address);

    /// <inheritdoc/>
    public void SetStack(int cpu, Gva top, int pages) => inner.SetStack(cpu, top, pages);

    /// <inheritdoc/>
    public void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        long converted = inner.Statistics.LeavesConverted;
        inner.SetPte(cpu, directory, address, entry);
        refaults.Announced(inner, directory, address, entry, inner.Statistics.LeavesConverted != converted);
    }

    /// <inheritdoc/>
    public void SetPgd(int cpu, Gpa directory, uint index)
    {
        scans.Top(inner, cpu, directory, index);
        inner.SetPgd(cpu, directory, index);
        refaults.TopChanged(inner, directory, index);
    }

    /// <inheritdoc/>
    public void SetPmd(int cpu, Gpa table, uint index)
    {
        scans.All(inner, cpu);
        inner.SetPmd(cpu, table, index);
        refaults.MiddleChanged(table, index);
    }

    /// <inheritdoc/>
    public bool LoadPageTable(int cpu, Gpa directory)
    {
        scans.BeforeLoad(inner, cpu);
        bool loaded = inner.LoadPageTable(cpu, directory);
        scans.AfterLoad(inner, cpu);
        return loaded;
    }

    /// <inheritdoc/>
    public void EnterLinear(int cpu) => inner.EnterLinear(cpu);

    /// <inheritdoc/>
    public void SetControls(int cpu, PagingControls controls) => inner.SetControls(cpu, controls);

    /// <inheritdoc/>
    public void FlushUser(int cpu)
    {
        scans.User(inner, cpu);
        inner.FlushUser(cpu);
    }

    /// <inheritdoc/>
    public void ClearAll(int cpu)
    {
        scans.All(inner, cpu);
        inner.ClearAll(cpu);
    }

    /// <inheritdoc/>
    public void InvalidatePage(int cpu, Gva address) => inner.InvalidatePage(cpu, address);

    /// <inheritdoc/>
    public void PrepareToRun(int cpu, int hostCpu) => inner.PrepareToRun(cpu, hostCpu);

    /// <inheritdoc/>
    public void SetGuestData(Gva kernelAddress)
    {
        scans.Begin(kernelAddress);
        refaults.KernelAddress = kernelAddress;
        inner.SetGuestData(kernelAddress);
    }

    /// <inheritdoc/>
    public Gpa TranslateGuest(int cpu, Gva address) => inner.TranslateGuest(cpu, address);

    /// <inheritdoc/>
    public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation) => inner.TryTranslateGuest(cpu, address, out translation);

    /// <inheritdoc/>
    public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation) =>
        inner.TryWalkShadow(cpu, address, access, out translation);

    /// <inheritdoc/>
    public bool TryGetGuestPage(int cpu, Gva address, out Gfn page) => inner.TryGetGuestPage(cpu, address, out page);

    /// <inheritdoc/>
    public IEnumerable<ShadowLeaf> Leaves(int cpu) => inner.Leaves(cpu);

    /// <inheritdoc/>
    public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last) => inner.GuestLeaves(cpu, first, last);

    /// <inheritdoc/>
    public int Trim(int tables) => inner.Trim(tables);

    /// <inheritdoc/>
    public string? Audit() => inner.Audit();

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();
}
