using Gnomon.Cpu;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>How a guest's addresses are translated.</summary>
public enum MmuKind
{
    /// <summary>The processor walks shadow tables, which are filled from the guest's own.</summary>
    Shadow,

    /// <summary>The processor walks the guest's own tables, and a second set below them.</summary>
    Nested,
}

/// <summary>What an unmodified guest is made of: a PC whose kernel believes that it is alone. Immutable.</summary>
public sealed record UnmodifiedOptions
{
    /// <summary>Puts what is to run into a fresh guest's memory.</summary>
    /// <returns>Sets the registers of the processor, which stands as after a reset.</returns>
    public required Func<GuestMemory, Action<ProcessorRegisters>> Load { get; init; }

    /// <summary>Guest memory in MiB, 1 … <see cref="MaxMemoryMiB"/>.</summary>
    public int MemoryMiB { get; init; } = 128;

    /// <summary>How addresses are translated.</summary>
    public MmuKind Mmu { get; init; }

    /// <summary>How the shadow tables behave: <see cref="ShadowOptions.Guest"/> and the devices are set by the monitor, and
    /// <see cref="Coherence.Notified"/> is refused, since nobody notifies.</summary>
    public ShadowOptions Shadow { get; init; } = new() { Coherence = Coherence.Watched };

    /// <summary>The machine's time: one object for each guest.</summary>
    public required MachineClock Clock { get; init; }

    /// <summary>Makes what is on the guest's buses, at its start and at each restart.</summary>
    public required Func<PlatformSite, GuestPlatform> Platform { get; init; }

    /// <summary>What CPUID says.</summary>
    public CpuProfile Profile { get; init; } = CpuProfile.Default;

    /// <summary>Stands something in front of each new set of shadow tables, as one that records; null for nothing.</summary>
    public Func<IShadowMmu, IShadowMmu>? Wrap { get; init; }

    /// <summary>The most memory that leaves room for device windows below 4 GiB.</summary>
    public const int MaxMemoryMiB = 3072;
}

/// <summary>What a maker of a platform is given.</summary>
/// <param name="Memory">The guest's memory.</param>
/// <param name="Clock">The machine's time, for a <see cref="DeviceScheduler"/>.</param>
/// <param name="Power">Where devices turn the machine off, or reset it.</param>
/// <param name="InterruptChanged">To be called when <see cref="IInterruptController.HasInterrupt"/> may have changed, from any thread.</param>
public sealed record PlatformSite(GuestMemory Memory, IDeviceClock Clock, GuestPower Power, Action InterruptChanged);

/// <summary>Who knows which interrupt is next.</summary>
public interface IInterruptController
{
    /// <summary>Whether one waits.</summary>
    bool HasInterrupt { get; }

    /// <summary>The processor takes it.</summary>
    /// <returns>The vector.</returns>
    byte Acknowledge();
}

/// <summary>What is on a guest's buses. All of it is used with the guest's lock held.</summary>
public sealed record GuestPlatform
{
    /// <summary>Ports.</summary>
    public required PortBus Ports { get; init; }

    /// <summary>Device windows. An address that is neither memory nor a window reads as ones.</summary>
    public MmioBus Mmio { get; init; } = new();

    /// <summary>Windows inside the range of memory: there they win.</summary>
    public IReadOnlyList<DeviceWindow> Holes { get; init; } = [];

    /// <summary>What devices will do later.</summary>
    public required DeviceScheduler Scheduler { get; init; }

    /// <summary>The interrupt controller.</summary>
    public required IInterruptController Interrupts { get; init; }
}

/// <summary>A machine's power supply, as its devices see it. With the guest's lock held.</summary>
public sealed class GuestPower
{
    /// <summary>What was asked for last; null while the machine is on.</summary>
    internal GuestStopReason? Asked { get; set; }

    /// <summary>Turns the machine off, behind the current instruction.</summary>
    public void TurnOff() => Asked ??= GuestStopReason.Shutdown;

    /// <summary>Resets it.</summary>
    public void Reset() => Asked ??= GuestStopReason.Restart;
}
