using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>Why <see cref="ParavirtualGuest.Run"/> came back.</summary>
public enum GuestStopReason
{
    /// <summary>The instructions have been run.</summary>
    Budget,

    /// <summary>Someone asked (<see cref="ParavirtualGuest.RequestStop"/>).</summary>
    Asked,

    /// <summary>The guest waits for an interrupt: until <see cref="GuestStop.WakeAt"/>, or for a device.</summary>
    Halted,

    /// <summary>The guest has shut itself down, with <see cref="GuestStop.Text"/>. It does not run any more.</summary>
    Shutdown,

    /// <summary>The guest wants to be started anew, with <see cref="GuestStop.Text"/>: <see cref="ParavirtualGuest.Restart"/>.</summary>
    Restart,

    /// <summary>The guest did what no guest may do: <see cref="GuestStop.Text"/> says what. It does not run any more.</summary>
    Killed,
}

/// <summary>How a run ended.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Text">The guest's last words, or why it was killed; else empty.</param>
/// <param name="Eip">Where it was; for a killed guest where it was last.</param>
/// <param name="WakeAt">For a halted guest: when its next event is due, in nanoseconds of the clock; <see cref="ulong.MaxValue"/> when
/// only a device from outside can wake it.</param>
public readonly record struct GuestStop(GuestStopReason Reason, string Text, uint Eip, ulong WakeAt = ulong.MaxValue)
{
    /// <summary>Whether the guest can go on.</summary>
    public bool IsFinal => Reason is GuestStopReason.Shutdown or GuestStopReason.Restart or GuestStopReason.Killed;
}

/// <summary>A page fault of a guest and what became of it.</summary>
/// <param name="Instructions">Instructions completed before it.</param>
/// <param name="Eip">Where the guest was.</param>
/// <param name="Address">The address that faulted.</param>
/// <param name="Code">The error code.</param>
/// <param name="Outcome">What the engine did; null when it killed the guest.</param>
public readonly record struct PagingEvent(ulong Instructions, uint Eip, uint Address, PageFaultCode Code, FaultKind? Outcome);

/// <summary>What a guest has done and what was done for it.</summary>
public sealed class MonitorStatistics
{
    /// <summary>Times that the guest came to the host through the Switcher.</summary>
    public long Traps { get; internal set; }

    /// <summary>Hypercalls, asynchronous ones not counted.</summary>
    public long Hypercalls { get; internal set; }

    /// <summary>Hypercalls out of the ring.</summary>
    public long AsyncHypercalls { get; internal set; }

    /// <summary>Page faults given to the shadow tables.</summary>
    public long PageFaults { get; internal set; }

    /// <summary>Traps given to the guest by the host.</summary>
    public long Reflected { get; internal set; }

    /// <summary>Interrupts delivered.</summary>
    public long Interrupts { get; internal set; }

    /// <summary>Instructions done for the guest kernel.</summary>
    public long Emulated { get; internal set; }

    /// <summary>Writes of control registers (unmodified guests).</summary>
    public long ControlWrites { get; internal set; }

    /// <summary>Accesses of ports and device windows.</summary>
    public long DeviceAccesses { get; internal set; }
}
