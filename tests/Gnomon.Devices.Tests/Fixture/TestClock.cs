namespace Gnomon.Devices.Tests.Fixture;

/// <summary>A clock that stands still until the test moves it.</summary>
internal sealed class TestClock : IDeviceClock
{
    public ulong Nanoseconds { get; set; }

    public DateTimeOffset WallClock => DateTimeOffset.UnixEpoch.AddTicks((long)Nanoseconds / 100);
}
