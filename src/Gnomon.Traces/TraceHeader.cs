using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>What a trace says about the guest before it starts. Immutable; the defaults are those of the trace format.</summary>
public sealed record TraceHeader
{
    /// <summary>The most root slots that a trace may ask for.</summary>
    public const int MaxSlots = 65536;

    /// <summary>The most prefaulted entries that a trace may ask for: a two-level table's.</summary>
    public const int MaxPrefault = 1024;

    /// <summary>The most device windows.</summary>
    public const int MaxDevices = 1024;

    /// <summary>The format of the guest's tables.</summary>
    public TraceFormat Format { get; init; }

    /// <summary>Guest pages, 1 … <see cref="GuestMemory.MaxPages"/>.</summary>
    public int MemoryPages { get; init; } = 16384;

    /// <summary>Root slots, 1 … <see cref="MaxSlots"/>.</summary>
    public int Slots { get; init; } = 64;

    /// <summary>The replacement policy.</summary>
    public TracePolicy Policy { get; init; }

    /// <summary>Entries that one fault fills, 1 … <see cref="MaxPrefault"/>.</summary>
    public int Prefault { get; init; } = 1;

    /// <summary>Where the guest kernel's half begins.</summary>
    public uint Kernel { get; init; } = 0xC000_0000;

    /// <summary>Where the Switcher's pages begin; null for the format's default.</summary>
    public uint? Switcher { get; init; }

    /// <summary>How changes are learnt.</summary>
    public Coherence Coherence { get; init; } = Coherence.Notified;

    /// <summary>What a flush does.</summary>
    public FlushPolicy OnFlush { get; init; } = FlushPolicy.Resync;

    /// <summary>Device windows, in the order of their lines.</summary>
    public IReadOnlyList<DeviceWindow> Devices { get; init; } = [];

    /// <summary>Who knows about the host.</summary>
    public GuestKind Guest { get; init; } = GuestKind.Paravirtual;

    /// <summary>The original's severity.</summary>
    public bool Strict { get; init; }

    /// <summary>The header for a guest that is recorded from its start.</summary>
    /// <param name="mmu">Its shadow tables.</param>
    /// <exception cref="ArgumentException">They have options that no header can say.</exception>
    public static TraceHeader Of(IShadowMmu mmu)
    {
        ArgumentNullException.ThrowIfNull(mmu);
        ShadowOptions options = mmu.Options;
        if (options.TableBudget != 0 || options.DiscardAllOnSetPmd)
        {
            throw new ArgumentException("A trace cannot say a table budget, or that everything is discarded at a change of the middle level.", nameof(mmu));
        }

        return new TraceHeader
        {
            Format = mmu.FormatName == FormatShape.Pae.Name ? TraceFormat.Pae : TraceFormat.TwoLevel,
            MemoryPages = (int)mmu.Memory.PageCount,
            Slots = options.Slots,
            Policy = options.Policy switch
            {
                LruPolicy => default,
                ClockPolicy => new TracePolicy(TracePolicyKind.Clock, 0),
                RandomPolicy random => new TracePolicy(TracePolicyKind.Random, unchecked((uint)random.Seed)),
                _ => throw new ArgumentException($"A trace cannot say the replacement policy {options.Policy}.", nameof(mmu)),
            },
            Prefault = options.Prefault,
            Kernel = options.KernelAddress.Value,
            Switcher = options.SwitcherAddress?.Value,
            Coherence = options.Coherence,
            OnFlush = options.OnFlush,
            Devices = options.Devices,
            Guest = options.Guest,
            Strict = options.Strict,
        };
    }

    /// <summary>The numbers of the format.</summary>
    public FormatShape Shape => FormatShape.Of(Format);

    /// <summary>Where the Switcher's pages begin, default or not.</summary>
    public uint SwitcherAddress => Switcher ?? Shape.DefaultSwitcher;
}
