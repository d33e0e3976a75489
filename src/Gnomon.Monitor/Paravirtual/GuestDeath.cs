using System.Diagnostics.CodeAnalysis;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>The monitor's one place that kills a guest. It is caught where the guest is run (<see cref="ParavirtualGuest.Run"/>).</summary>
internal static class GuestDeath
{
    /// <summary>The guest did what no guest may do.</summary>
    /// <param name="reason">One sentence with the value in hex.</param>
    /// <exception cref="GuestKilledException">Always.</exception>
    [DoesNotReturn]
    public static void Kill(string reason) => throw new GuestKilledException(reason);

    /// <summary>Kills when guest memory could not be used.</summary>
    public static void Unless(PageStatus status, string what, ulong address)
    {
        if (status != PageStatus.Ok)
        {
            Kill($"{what} at 0x{address:x} cannot be used: {status}");
        }
    }
}
