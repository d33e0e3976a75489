using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon;

/// <summary>How a machine's shadow tables behave. Immutable; checked when the machine is made.</summary>
public sealed record PagingOptions
{
    /// <summary>How changes of the guest's tables are learnt; null: a paravirtual guest says them, an unmodified one is watched.</summary>
    public Coherence? Coherence { get; init; }

    /// <summary>Address spaces kept, 1 … 4096.</summary>
    public int Slots { get; init; } = 64;

    /// <summary>Which address space goes when all slots are taken.</summary>
    public TracePolicy Policy { get; init; }

    /// <summary>Entries that one fault fills: itself and neighbours that the guest has used already. 1 … 1024; 1 = no prefault.</summary>
    public int Prefault { get; init; } = 1;

    /// <summary>What a flush does.</summary>
    public FlushPolicy OnFlush { get; init; } = FlushPolicy.Resync;

    /// <summary>Whether a change of a mid-level entry (PAE) discards everything.</summary>
    public bool DiscardAllOnSetPmd { get; init; }

    /// <summary>Kill on attribute bits that the original refused, harmless ones too.</summary>
    public bool Strict { get; init; }

    /// <summary>The most shadow tables at once, each two frames; 0 for the default (<see cref="ShadowOptions.TableBudget"/>).</summary>
    public int TableBudget { get; init; }

    /// <summary>As the original: four slots, a victim chosen by chance, every flush and every change of a mid-level entry throws all
    /// away, and no fault fills more than its own entry.</summary>
    public static PagingOptions Classic { get; } = new()
    {
        Slots = 4,
        Policy = new TracePolicy(TracePolicyKind.Random, 1),
        OnFlush = FlushPolicy.Discard,
        DiscardAllOnSetPmd = true,
    };

    /// <summary>The engine's options. The policy is a new object: it may keep state.</summary>
    internal ShadowOptions ForGuest(GuestKind guest) => new()
    {
        Guest = guest,
        Coherence = Coherence ?? (guest == GuestKind.Paravirtual ? Shadow.Coherence.Notified : Shadow.Coherence.Watched),
        Slots = Slots,
        Policy = Policy.Create(),
        Prefault = Prefault,
        OnFlush = OnFlush,
        DiscardAllOnSetPmd = DiscardAllOnSetPmd,
        Strict = Strict,
        TableBudget = TableBudget,
    };
}
