using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon;

/// <summary>
/// Stands in front of a guest's shadow tables and passes everything on: a base for what wants to see the requests of a running guest
/// (<see cref="MachineOptions.Observer"/>). It is called with the guest's lock held, and must be quick.
/// </summary>
/// <param name="inner">The shadow tables; disposed with this object.</param>
public abstract class ShadowObserver(IShadowMmu inner) : IShadowMmu
{
    /// <summary>What stands behind it.</summary>
    protected IShadowMmu Inner { get; private protected set; } = inner;

    /// <inheritdoc/>
    public GuestMemory Memory => Inner.Memory;

    /// <inheritdoc/>
    public ShadowOptions Options => Inner.Options;

    /// <inheritdoc/>
    public ShadowStatistics Statistics => Inner.Statistics;

    /// <inheritdoc/>
    public string? KillReason => Inner.KillReason;

    /// <inheritdoc/>
    public string FormatName => Inner.FormatName;

    /// <inheritdoc/>
    public ShadowCpu Cpu(int cpu) => Inner.Cpu(cpu);

    /// <inheritdoc/>
    public virtual FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code) => Inner.DemandPage(cpu, address, code);

    /// <inheritdoc/>
    public virtual void PinPage(int cpu, Gva address) => Inner.PinPage(cpu, address);

    /// <inheritdoc/>
    public virtual void SetStack(int cpu, Gva top, int pages) => Inner.SetStack(cpu, top, pages);

    /// <inheritdoc/>
    public virtual void SetPte(int cpu, Gpa directory, Gva address, ulong entry) => Inner.SetPte(cpu, directory, address, entry);

    /// <inheritdoc/>
    public virtual void SetPgd(int cpu, Gpa directory, uint index) => Inner.SetPgd(cpu, directory, index);

    /// <inheritdoc/>
    public virtual void SetPmd(int cpu, Gpa table, uint index) => Inner.SetPmd(cpu, table, index);

    /// <inheritdoc/>
    public virtual bool LoadPageTable(int cpu, Gpa directory) => Inner.LoadPageTable(cpu, directory);

    /// <inheritdoc/>
    public virtual void EnterLinear(int cpu) => Inner.EnterLinear(cpu);

    /// <inheritdoc/>
    public virtual void SetControls(int cpu, PagingControls controls) => Inner.SetControls(cpu, controls);

    /// <inheritdoc/>
    public virtual void FlushUser(int cpu) => Inner.FlushUser(cpu);

    /// <inheritdoc/>
    public virtual void ClearAll(int cpu) => Inner.ClearAll(cpu);

    /// <inheritdoc/>
    public virtual void InvalidatePage(int cpu, Gva address) => Inner.InvalidatePage(cpu, address);

    /// <inheritdoc/>
    public virtual void PrepareToRun(int cpu, int hostCpu) => Inner.PrepareToRun(cpu, hostCpu);

    /// <inheritdoc/>
    public virtual void SetGuestData(Gva kernelAddress) => Inner.SetGuestData(kernelAddress);

    /// <inheritdoc/>
    public virtual Gpa TranslateGuest(int cpu, Gva address) => Inner.TranslateGuest(cpu, address);

    /// <inheritdoc/>
    public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation) => Inner.TryTranslateGuest(cpu, address, out translation);

    /// <inheritdoc/>
    public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation) =>
        Inner.TryWalkShadow(cpu, address, access, out translation);

    /// <inheritdoc/>
    public bool TryGetGuestPage(int cpu, Gva address, out Gfn page) => Inner.TryGetGuestPage(cpu, address, out page);

    /// <inheritdoc/>
    public IEnumerable<ShadowLeaf> Leaves(int cpu) => Inner.Leaves(cpu);

    /// <inheritdoc/>
    public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last) => Inner.GuestLeaves(cpu, first, last);

    /// <inheritdoc/>
    public virtual int Trim(int tables) => Inner.Trim(tables);

    /// <inheritdoc/>
    public string? Audit() => Inner.Audit();

    /// <inheritdoc/>
    public void Dispose()
    {
        Inner.Dispose();
        GC.SuppressFinalize(this);
    }
}
