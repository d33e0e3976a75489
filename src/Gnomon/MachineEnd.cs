using Gnomon.Monitor;

namespace Gnomon;

/// <summary>Why a machine has ended.</summary>
public enum MachineEndReason
{
    /// <summary>The guest has shut itself down.</summary>
    Shutdown,

    /// <summary>The guest wants to be started anew, and <see cref="MachineOptions.EndsAtRestart"/> says that it is not.</summary>
    Restart,

    /// <summary>The guest did what no guest may do.</summary>
    Killed,

    /// <summary>The guest waits for an interrupt, no timer is set, and nothing outside can cause one any more.</summary>
    HaltedForEver,

    /// <summary>An audit found a broken invariant: an error of Gnomon.</summary>
    AuditFailed,
}

/// <summary>How a machine has ended.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Text">The guest's last words, why it was killed, or what the audit found; else empty.</param>
/// <param name="Eip">Where the guest was last.</param>
/// <param name="RecentFaults">Its last page faults, the oldest first.</param>
public sealed record MachineEnd(MachineEndReason Reason, string Text, uint Eip, IReadOnlyList<PagingEvent> RecentFaults);

/// <summary>Something of the host that failed a device of the guest, such as a full disk. The guest goes on; where its device has a way to
/// say so it was told.</summary>
/// <param name="Device">The device's name.</param>
/// <param name="Text">What failed, and why.</param>
public readonly record struct HostFailure(string Device, string Text);
