using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>Stands in front of shadow tables and passes everything on; who derives from it sees or changes some of it.</summary>
internal abstract class PassingMmu(IShadowMmu inner) : IShadowMmu
{
    public GuestMemory Memory => inner.Memory;

    public ShadowOptions Options => inner.Options;

    public ShadowStatistics Statistics => inner.Statistics;

    public string? KillReason => inner.KillReason;

    public string FormatName => inner.FormatName;

    public ShadowCpu Cpu(int cpu) => inner.Cpu(cpu);

    public virtual FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code) => inner.DemandPage(cpu, address, code);

    public void PinPage(int cpu, Gva address) => inner.PinPage(cpu, address);

    public void SetStack(int cpu, Gva top, int pages) => inner.SetStack(cpu, top, pages);

    public void SetPte(int cpu, Gpa directory, Gva address, ulong entry) => inner.SetPte(cpu, directory, address, entry);

    public void SetPgd(int cpu, Gpa directory, uint index) => inner.SetPgd(cpu, directory, index);

    public void SetPmd(int cpu, Gpa table, uint index) => inner.SetPmd(cpu, table, index);

    public bool LoadPageTable(int cpu, Gpa directory) => inner.LoadPageTable(cpu, directory);

    public void EnterLinear(int cpu) => inner.EnterLinear(cpu);

    public void SetControls(int cpu, PagingControls controls) => inner.SetControls(cpu, controls);

    public void FlushUser(int cpu) => inner.FlushUser(cpu);

    public void ClearAll(int cpu) => inner.ClearAll(cpu);

    public void InvalidatePage(int cpu, Gva address) => inner.InvalidatePage(cpu, address);

    public virtual void PrepareToRun(int cpu, int hostCpu) => inner.PrepareToRun(cpu, hostCpu);

    public void SetGuestData(Gva kernelAddress) => inner.SetGuestData(kernelAddress);

    public Gpa TranslateGuest(int cpu, Gva address) => inner.TranslateGuest(cpu, address);

    public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation) => inner.TryTranslateGuest(cpu, address, out translation);

    public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation) =>
        inner.TryWalkShadow(cpu, address, access, out translation);

    public bool TryGetGuestPage(int cpu, Gva address, out Gfn page) => inner.TryGetGuestPage(cpu, address, out page);

    public IEnumerable<ShadowLeaf> Leaves(int cpu) => inner.Leaves(cpu);

    public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last) => inner.GuestLeaves(cpu, first, last);

    public int Trim(int tables) => inner.Trim(tables);

    public string? Audit() => inner.Audit();

    public void Dispose() => inner.Dispose();
}
