namespace Gnomon.Devices;

/// <summary>
/// What devices will do later, in the order of the machine's clock. Whoever runs the guest looks at <see cref="NextDeadline"/>
/// (a halted guest may jump there) and calls <see cref="RunDue"/>, with <see cref="Memory.GuestMemory.Gate"/> held: devices use
/// guest memory then. Timers that are due at the same time run in the order in which they were made, so a run can be repeated.
/// </summary>
/// <param name="clock">The machine's clock.</param>
public sealed class DeviceScheduler(IDeviceClock clock)
{
    /// <summary>The deadline of a timer that is not set.</summary>
    public const ulong Never = ulong.MaxValue;

    private readonly List<DeviceTimer> _timers = [];
    private ulong _pass;

    /// <summary>The machine's clock.</summary>
    public IDeviceClock Clock { get; } = clock;

    /// <summary>The earliest deadline, in nanoseconds of the clock; <see cref="Never"/> when no timer is set.</summary>
    public ulong NextDeadline { get; private set; } = Never;

    /// <summary>Makes a timer, not set.</summary>
    /// <param name="expired">Called when it expires, with the deadline that has come. The timer is not set any more then; it may be set again.</param>
    public DeviceTimer CreateTimer(Action<ulong> expired)
    {
        ArgumentNullException.ThrowIfNull(expired);
        DeviceTimer timer = new(this, expired);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Runs what is due now, each timer once at most: the work is bounded even if a timer sets itself to the past.</summary>
    /// <returns>How many timers ran.</returns>
    public int RunDue()
    {
        ulong now = Clock.Nanoseconds;
        int ran = 0;
        _pass++;
        while (NextDeadline <= now && Earliest(now) is { } timer)
        {
            timer.LastPass = _pass;
            ulong deadline = timer.Deadline;
            timer.Cancel();
            timer.Expired(deadline);
            ran++;
        }

        return ran;
    }

    internal void Changed()
    {
        ulong next = Never;
        foreach (DeviceTimer timer in _timers)
        {
            next = Math.Min(next, timer.Deadline);
        }

        NextDeadline = next;
    }

    private DeviceTimer? Earliest(ulong now)
    {
        DeviceTimer? earliest = null;
        foreach (DeviceTimer timer in _timers)
        {
            if (timer.IsSet && timer.Deadline <= now && timer.LastPass != _pass && (earliest is null || timer.Deadline < earliest.Deadline))
            {
                earliest = timer;
            }
        }

        return earliest;
    }
}

/// <summary>One timer of a <see cref="DeviceScheduler"/>. The device that owns it saves its deadline.</summary>
public sealed class DeviceTimer
{
    private readonly DeviceScheduler _scheduler;

    internal DeviceTimer(DeviceScheduler scheduler, Action<ulong> expired)
    {
        _scheduler = scheduler;
        Expired = expired;
    }

    /// <summary>When it expires, in nanoseconds of the machine's clock; <see cref="DeviceScheduler.Never"/> when it is not set.</summary>
    public ulong Deadline { get; private set; } = DeviceScheduler.Never;

    /// <summary>Whether it will expire.</summary>
    public bool IsSet => Deadline != DeviceScheduler.Never;

    internal Action<ulong> Expired { get; }

    internal ulong LastPass { get; set; }

    /// <summary>Sets it, or sets it anew. A deadline in the past is due at once.</summary>
    /// <param name="deadline">In nanoseconds of the machine's clock; <see cref="DeviceScheduler.Never"/> cancels it.</param>
    public void Set(ulong deadline)
    {
        Deadline = deadline;
        _scheduler.Changed();
    }

    /// <summary>It will not expire.</summary>
    public void Cancel() => Set(DeviceScheduler.Never);
}
