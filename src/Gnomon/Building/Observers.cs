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
            // A trace is one guest's life: what comes behind a restart is another's. An unmodified guest gets other tables when it
            // turns paging on in another format, and a trace has one: it begins with the tables in which the guest first pages.
            if (options.Guest == GuestKind.Unmodified)
            {
                front = new FirstPaging(front, inner => Record(inner, trace, mmu));
            }
            else
            {
                front = Record(front, trace, mmu)!;
            }
        }

        return options.Observer?.Invoke(front) ?? front;
    }

    private TraceRecorder? Record(IShadowMmu front, TextWriter trace, IShadowMmu mmu)
    {
        if (_recorded)
        {
            return null;
        }

        _recorded = true;
        return new TraceRecorder(front, trace, HeaderOf(mmu));
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
