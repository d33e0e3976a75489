namespace Gnomon.Devices;

/// <summary>The machine's clock, real or virtual. Devices take time from nowhere else.</summary>
public interface IDeviceClock
{
    /// <summary>Nanoseconds since the machine was started. Never goes backwards.</summary>
    ulong Nanoseconds { get; }

    /// <summary>The date and time that the guest is told.</summary>
    DateTimeOffset WallClock { get; }
}
