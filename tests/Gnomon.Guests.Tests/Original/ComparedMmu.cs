using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Original;

/// <summary>Gives each request to the model first and then to the engine, and compares what both have counted.</summary>
internal sealed class ComparedMmu : IShadowMmu
{
    private readonly IShadowMmu _inner;
    private readonly long _tablesBefore;
    private long _requests;

    public ComparedMmu(IShadowMmu inner, int seed)
    {
        _inner = inner;
        _tablesBefore = inner.Statistics.TablesMade;
        Model = new OriginalModel(inner.Memory, inner.FormatName == "pae", seed);
    }

    public OriginalModel Model { get; }

    public GuestMemory Memory => _inner.Memory;

    public ShadowOptions Options => _inner.Options;

    public ShadowStatistics Statistics => _inner.Statistics;

    public string? KillReason => _inner.KillReason;

    public string FormatName => _inner.FormatName;

    public ShadowCpu Cpu(int cpu) => _inner.Cpu(cpu);

    public FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        FaultKindOfModel expected = Model.Fault(address.Value, code);
        FaultOutcome outcome = _inner.DemandPage(cpu, address, code);
        Assert.Equal((int)expected, (int)outcome.Kind);
        Compare($"fault {address} {code}");
        return outcome;
    }

    public void PinPage(int cpu, Gva address)
    {
        Model.Pin(address.Value);
        _inner.PinPage(cpu, address);
        Compare($"pin {address}");
    }

    public void SetStack(int cpu, Gva top, int pages)
    {
        Model.SetStack(top.Value, pages);
        _inner.SetStack(cpu, top, pages);
        Compare("stack");
    }

    public void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        Model.SetPte(directory, address.Value, entry);
        _inner.SetPte(cpu, directory, address, entry);
        Compare($"set-pte {directory} {address} {entry:x}");
    }

    public void SetPgd(int cpu, Gpa directory, uint index)
    {
        Model.SetPgd(directory, (int)index);
        _inner.SetPgd(cpu, directory, index);
        Compare($"set-pgd {directory} {index}");
    }

    public void SetPmd(int cpu, Gpa table, uint index)
    {
        Model.SetPmd(table, (int)index);
        _inner.SetPmd(cpu, table, index);
        Compare($"set-pmd {table} {index}");
    }

    public bool LoadPageTable(int cpu, Gpa directory)
    {
        Model.Load(directory);
        bool loaded = _inner.LoadPageTable(cpu, directory);
        Compare($"load {directory}");
        return loaded;
    }

    public void EnterLinear(int cpu) => throw new NotSupportedException("A paravirtual guest never turns paging off.");

    public void SetControls(int cpu, PagingControls controls) => throw new NotSupportedException("A paravirtual guest has no control registers.");

    public void FlushUser(int cpu)
    {
        Model.FlushUser();
        _inner.FlushUser(cpu);
        Compare("flush-user");
    }

    public void ClearAll(int cpu)
    {
        Model.ClearAll();
        _inner.ClearAll(cpu);
        Compare("clear-all");
    }

    public void InvalidatePage(int cpu, Gva address) => throw new NotSupportedException("A paravirtual guest announces entries.");

    public void PrepareToRun(int cpu, int hostCpu)
    {
        Model.Finish();
        _inner.PrepareToRun(cpu, hostCpu);
        Compare("run");
    }

    public void SetGuestData(Gva kernelAddress)
    {
        Model.SetKernelAddress(kernelAddress.Value);
        _inner.SetGuestData(kernelAddress);
        Compare("guest data");
    }

    public Gpa TranslateGuest(int cpu, Gva address) => _inner.TranslateGuest(cpu, address);

    public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation) => _inner.TryTranslateGuest(cpu, address, out translation);

    public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation) =>
        _inner.TryWalkShadow(cpu, address, access, out translation);

    public bool TryGetGuestPage(int cpu, Gva address, out Gfn page) => _inner.TryGetGuestPage(cpu, address, out page);

    public IEnumerable<ShadowLeaf> Leaves(int cpu) => _inner.Leaves(cpu);

    public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last) => _inner.GuestLeaves(cpu, first, last);

    public int Trim(int tables) => _inner.Trim(tables);

    public string? Audit() => _inner.Audit();

    public void Dispose() => _inner.Dispose();

    private void Compare(string request)
    {
        _requests++;
        ShadowStatistics engine = _inner.Statistics;
        ModelCounts found = new()
        {
            Mapped = engine.LeavesMapped,
            Upgraded = engine.LeavesUpgraded,
            Converted = engine.LeavesConverted,
            Released = engine.LeavesReleased,
            TablesMade = engine.TablesMade - _tablesBefore,
            TablesReleased = engine.TablesReleased,
            Fixed = engine.Fixed,
            GuestFaults = engine.GuestFaults,
            DeviceFaults = engine.DeviceFaults,
            Loads = engine.Loads,
            Replaced = engine.RootsReplaced,
        };
        if (found != Model.Counts)
        {
            Assert.Fail($"request {_requests}, {request}:\nmodel  {Model.Counts}\nengine {found}");
        }
    }
}
