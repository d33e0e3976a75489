namespace Gnomon.Devices.Tests.Pc;

/// <summary>A clock that stands still until the test moves it, and a date that goes with it.</summary>
internal sealed class WallTestClock(DateTime start) : IDeviceClock
{
    public ulong Nanoseconds { get; set; }

    public DateTimeOffset WallClock => new DateTimeOffset(start, TimeSpan.Zero).AddTicks((long)(Nanoseconds / 100));
}
