using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>The host and the one guest of a replay: memory, the Switcher, the shadow tables.</summary>
internal sealed class ReplayHost : IDisposable
{
    private readonly HostMemory _host;
    private readonly Switcher? _switcher;

    /// <summary>Builds what a header asks for.</summary>
    /// <exception cref="ArgumentException">The header's values do not fit each other.</exception>
    public ReplayHost(TraceHeader header, int cpus, int hostCpus, Func<IShadowMmu, IShadowMmu>? inFront)
    {
        _host = new HostMemory(LimitMiB(header, cpus, hostCpus));
        try
        {
            Memory = new GuestMemory(_host, header.MemoryPages) { Store = new MemoryPageStore() };
            _switcher = header.Guest == GuestKind.Paravirtual ? new Switcher(_host, hostCpus) : null;
            ShadowOptions options = Options(header, cpus);
            Mmu = header.Format == TraceFormat.Pae
                ? ShadowMmu.CreatePae(Memory, options, _switcher)
                : ShadowMmu.CreateTwoLevel(Memory, options, _switcher);
            Mmu = inFront?.Invoke(Mmu) ?? Mmu;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; } = null!;

    /// <summary>The shadow tables.</summary>
    public IShadowMmu Mmu { get; } = null!;

    /// <summary>Where frames come from.</summary>
    public HostMemory Host => _host;

    /// <inheritdoc/>
    public void Dispose()
    {
        Mmu?.Dispose();
        Memory?.Dispose();
        _switcher?.Dispose();
        _host.Dispose();
    }

    private static ShadowOptions Options(TraceHeader header, int cpus) => new()
    {
        Guest = header.Guest,
        Coherence = header.Coherence,
        OnFlush = header.OnFlush,
        Cpus = cpus,
        Slots = header.Slots,
        Policy = header.Policy.Create(),
        Prefault = header.Prefault,
        KernelAddress = new Gva(header.Kernel),
        SwitcherAddress = header.Switcher is uint address ? new Gva(address) : null,
        Devices = header.Devices,
        Strict = header.Strict,
    };

    // Every guest page, the whole table budget, the Switcher, the CPUs' own pages, and some room.
    private static int LimitMiB(TraceHeader header, int cpus, int hostCpus)
    {
        const int framesPerMiB = 256;
        int frames = header.MemoryPages + ShadowOptions.DefaultTableBudget + header.Slots + hostCpus + (4 * cpus) + framesPerMiB;
        return Math.Min(HostMemory.MaxLimitMiB, (frames / framesPerMiB) + 1);
    }
}
