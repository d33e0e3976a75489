using Gnomon.Shadow;
using Gnomon.Traces;
using Gnomon.Traces.Recording;

namespace Gnomon;

/// <summary>What a machine's options put in front of the shadow tables: the auditor nearest to them, then the recorder, then the user's own.</summary>
internal sealed class Observers(MachineOptions options)
{
    private bool _recorded;

    /// <summary>Puts them in front of fresh tables.</summary>
    public IShadowMmu Wrap(IShadowMmu mmu)
    {
        IShadowMmu front = options.AuditEvery > 0 ? new Auditor(mmu, options.AuditEvery) : mmu;
        if (options.Trace is { } trace && !_recorded)
        {
            // A trace is one guest's life: what comes behind a restart is another's.
            _recorded = true;
            front = new TraceRecorder(front, trace, HeaderOf(mmu));
        }

        return options.Observer?.Invoke(front) ?? front;
    }

    private TraceHeader HeaderOf(IShadowMmu mmu) => new()
    {
        Format = mmu.FormatName == "pae" ? TraceFormat.Pae : TraceFormat.TwoLevel,
        MemoryPages = (int)mmu.Memory.PageCount,
        Slots = mmu.Options.Slots,
        Policy = options.Paging.Policy,
        Prefault = mmu.Options.Prefault,
        Kernel = mmu.Options.KernelAddress.Value,
        Switcher = mmu.Options.SwitcherAddress?.Value,
        Coherence = mmu.Options.Coherence,
        OnFlush = mmu.Options.OnFlush,
        Devices = mmu.Options.Devices,
        Guest = mmu.Options.Guest,
        Strict = mmu.Options.Strict,
    };
}
