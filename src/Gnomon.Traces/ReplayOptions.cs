using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>What a replay does differently from what the trace's header says; null means "as the header says".</summary>
public sealed record ReplayOptions
{
    /// <summary>The replacement policy.</summary>
    public TracePolicy? Policy { get; init; }

    /// <summary>Root slots.</summary>
    public int? Slots { get; init; }

    /// <summary>Entries that one fault fills.</summary>
    public int? Prefault { get; init; }

    /// <summary>How changes are learnt.</summary>
    public Coherence? Coherence { get; init; }

    /// <summary>What a flush does.</summary>
    public FlushPolicy? OnFlush { get; init; }

    /// <summary>Run the auditor after each so many operations; 0 for never.</summary>
    public int AuditEvery { get; init; }

    /// <summary>The header with these options put in.</summary>
    public TraceHeader Apply(TraceHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        return header with
        {
            Policy = Policy ?? header.Policy,
            Slots = Slots ?? header.Slots,
            Prefault = Prefault ?? header.Prefault,
            Coherence = Coherence ?? header.Coherence,
            OnFlush = OnFlush ?? header.OnFlush,
        };
    }
}
