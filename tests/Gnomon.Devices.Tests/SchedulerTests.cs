using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>Timers run in the order of their deadlines, and of their making.</summary>
public sealed class SchedulerTests
{
    private readonly TestClock _clock = new();
    private readonly List<string> _ran = [];

    [Fact]
    public void RunDue_SeveralDue_RunsByDeadlineThenByMaking()
    {
        DeviceScheduler scheduler = new(_clock);
        DeviceTimer a = Timer(scheduler, "a");
        DeviceTimer b = Timer(scheduler, "b");
        DeviceTimer c = Timer(scheduler, "c");
        c.Set(20);
        b.Set(20);
        a.Set(30);
        Assert.Equal(20u, scheduler.NextDeadline);
        _clock.Nanoseconds = 29;
        Assert.Equal(2, scheduler.RunDue());
        Assert.Equal(["b at 20", "c at 20"], _ran);
        Assert.Equal(30u, scheduler.NextDeadline);
        Assert.True(a.IsSet);
        Assert.False(b.IsSet);
    }

    [Fact]
    public void RunDue_NothingDue_RunsNothing()
    {
        DeviceScheduler scheduler = new(_clock);
        Timer(scheduler, "a").Set(5);
        _clock.Nanoseconds = 4;
        Assert.Equal(0, scheduler.RunDue());
        Assert.Empty(_ran);
    }

    [Fact]
    public void Cancel_TimerThatIsSet_NeverRuns()
    {
        DeviceScheduler scheduler = new(_clock);
        DeviceTimer a = Timer(scheduler, "a");
        a.Set(5);
        a.Cancel();
        _clock.Nanoseconds = 10;
        Assert.Equal(0, scheduler.RunDue());
        Assert.Equal(DeviceScheduler.Never, scheduler.NextDeadline);
    }

    [Fact]
    public void RunDue_TimerThatSetsItselfToThePast_RunsOnceAPass()
    {
        DeviceScheduler scheduler = new(_clock);
        DeviceTimer? timer = null;
        int runs = 0;
        timer = scheduler.CreateTimer(_ =>
        {
            runs++;
            timer!.Set(0);
        });
        timer.Set(1);
        _clock.Nanoseconds = 1;
        Assert.Equal(1, scheduler.RunDue());
        Assert.Equal(1, scheduler.RunDue());
        Assert.Equal(2, runs);
        Assert.Equal(0u, scheduler.NextDeadline);
    }

    private DeviceTimer Timer(DeviceScheduler scheduler, string name) => scheduler.CreateTimer(deadline => _ran.Add($"{name} at {deadline}"));
}
