using Gnomon.Memory;
using Gnomon.Model.Tests.Model;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Which replacement policy.</summary>
public enum Replacement
{
    /// <summary>Any.</summary>
    Random,

    /// <summary>Least recently used.</summary>
    Lru,

    /// <summary>Second chance.</summary>
    Clock,
}

/// <summary>A guest, the options of its shadow tables, and what happens to it.</summary>
public sealed record Scenario
{
    /// <summary>The guest as the model sees it.</summary>
    public required ModelConfig Guest { get; init; }

    /// <summary>Which address space goes.</summary>
    public Replacement Replacement { get; init; } = Replacement.Lru;

    /// <summary>Entries a fault.</summary>
    public int Prefault { get; init; } = 1;

    /// <summary>A flush discards.</summary>
    public bool Discard { get; init; }

    /// <summary>SetPmd discards everything.</summary>
    public bool DiscardOnSetPmd { get; init; }

    /// <summary>Root slots.</summary>
    public int Slots { get; init; } = 4;

    /// <summary>Shadow tables; 0 is the default.</summary>
    public int Budget { get; init; }

    /// <summary>Host CPUs.</summary>
    public int HostCpus { get; init; } = 2;

    /// <summary>Host memory in MiB; 1 is scarce.</summary>
    public int HostMiB { get; init; } = 16;

    /// <summary>Pages that the store takes.</summary>
    public int StorePages { get; init; } = 64;

    /// <summary>The steps.</summary>
    public IReadOnlyList<Operation> Steps { get; init; } = [];

    /// <summary>The engine's options.</summary>
    public ShadowOptions Options() => new()
    {
        Guest = Guest.Unmodified ? GuestKind.Unmodified : GuestKind.Paravirtual,
        Coherence = Guest.Coherence switch
        {
            ModelCoherence.Notified => Coherence.Notified,
            ModelCoherence.Watched => Coherence.Watched,
            _ => Coherence.Lazy,
        },
        OnFlush = Discard ? FlushPolicy.Discard : FlushPolicy.Resync,
        DiscardAllOnSetPmd = DiscardOnSetPmd,
        Cpus = Guest.Cpus,
        Slots = Slots,
        Policy = Replacement switch
        {
            Replacement.Random => new RandomPolicy(7),
            Replacement.Lru => new LruPolicy(),
            _ => new ClockPolicy(),
        },
        Prefault = Prefault,
        TableBudget = Budget,
        KernelAddress = new Gva(Guest.Kernel),
        SwitcherAddress = Guest.Unmodified ? null : new Gva(Guest.Switcher),
        Devices = [.. Guest.Devices.Select(d => new DeviceWindow(new Gpa((ulong)d.First << 12), (ulong)d.Count << 12))],
        Strict = Guest.Strict,
    };

    /// <summary>The combination that it belongs to.</summary>
    public string Combination =>
        $"{(Guest.Pae ? "pae" : "two-level")} {(Guest.Unmodified ? "unmodified" : "paravirtual")} {Guest.Coherence} {Replacement} prefault {Prefault} {(Discard ? "discard" : "resync")}"
            .ToLowerInvariant();
}
