using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>How the shadows learn that the guest has changed its tables.</summary>
public enum Coherence
{
    /// <summary>The guest says what it changed (paravirtual guests).</summary>
    Notified,

    /// <summary>Stores to guest pages that hold shadowed tables are reported, entry by entry.</summary>
    Watched,

    /// <summary>As watched, but leaf tables may go stale until INVLPG or a load of CR3, as a TLB may.</summary>
    Lazy,
}

/// <summary>What a flush does.</summary>
public enum FlushPolicy
{
    /// <summary>Compares with the guest's tables and keeps what is still true.</summary>
    Resync,

    /// <summary>Throws away, as the original did.</summary>
    Discard,
}

/// <summary>Who knows about the host.</summary>
public enum GuestKind
{
    /// <summary>The guest kernel runs at ring 1, has a kernel address, and the Switcher at the top of its address space.</summary>
    Paravirtual,

    /// <summary>The guest believes that it is alone: no Switcher, no kernel address, and a wrong frame number is only an open bus.</summary>
    Unmodified,
}

/// <summary>A range of guest-physical addresses that a device answers; it wins over memory.</summary>
/// <param name="Start">The first address.</param>
/// <param name="Length">Bytes, at least 1. A page that the window touches belongs to the device whole.</param>
public readonly record struct DeviceWindow(Gpa Start, ulong Length);

/// <summary>How a guest's shadow tables behave. Immutable; checked when the tables are made.</summary>
public sealed record ShadowOptions
{
    /// <summary>Who knows about the host.</summary>
    public GuestKind Guest { get; init; } = GuestKind.Paravirtual;

    /// <summary>How changes are learnt.</summary>
    public Coherence Coherence { get; init; } = Coherence.Notified;

    /// <summary>What a flush does.</summary>
    public FlushPolicy OnFlush { get; init; } = FlushPolicy.Resync;

    /// <summary>What a change of a mid-level entry does: unlink that entry (false), or discard everything as the original did (true).</summary>
    public bool DiscardAllOnSetPmd { get; init; }

    /// <summary>Virtual CPUs, 1 … <see cref="MaxCpus"/>.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Address spaces kept: at least one a virtual CPU, at most 4096.</summary>
    public int Slots { get; init; } = 64;

    /// <summary>Which address space goes when all slots are taken. A policy may keep state: one object for each guest.</summary>
    public IReplacementPolicy Policy { get; init; } = new LruPolicy();

    /// <summary>Entries that one fault fills: itself and neighbours that the guest has used already. 1 … 1024; 1 = no prefault.</summary>
    public int Prefault { get; init; } = 1;

    /// <summary>The most shadow tables at once, each two frames; at least <see cref="ShadowMmu.MinimumTableBudget"/>, at most 2²⁰.
    /// 0: the default (<see cref="DefaultTableBudget"/>), or the minimum where that is more.</summary>
    public int TableBudget { get; init; }

    /// <summary>Where the guest kernel's half begins (paravirtual); <see cref="IShadowMmu.SetGuestData"/> may change it.</summary>
    public Gva KernelAddress { get; init; } = new(0xC000_0000);

    /// <summary>Where the Switcher's pages begin (paravirtual); a multiple of what one leaf table reaches. Null: the format's default,
    /// 0xffc00000 or in PAE 0xffe00000.</summary>
    public Gva? SwitcherAddress { get; init; }

    /// <summary>Device windows.</summary>
    public IReadOnlyList<DeviceWindow> Devices { get; init; } = [];

    /// <summary>Kill on attribute bits that the original refused, harmless ones too.</summary>
    public bool Strict { get; init; }

    /// <summary>What the virtual CPUs' control registers say at first.</summary>
    public PagingControls Controls { get; init; } = PagingControls.All;

    /// <summary>The largest number of virtual CPUs.</summary>
    public const int MaxCpus = 64;

    /// <summary>The table budget when none is given: 16 MiB of tables, and as much again for the entries remembered beside them.</summary>
    public const int DefaultTableBudget = 4096;
}
