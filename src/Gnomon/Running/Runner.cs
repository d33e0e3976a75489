using Gnomon.Monitor;

namespace Gnomon;

/// <summary>Runs a machine's guest, on whatever thread: stretch after stretch, with what is due between them.</summary>
internal sealed class Runner : IDisposable
{
    // A wait is cut into pieces of this length at most, far below what the system's waits allow.
    private static readonly TimeSpan _longestWait = TimeSpan.FromHours(1);

    // While there is more input than the device has room for.
    private const ulong TypingStretch = 100_000;

    private readonly Machine _machine;
    private readonly GuestParts _parts;
    private readonly ManualResetEventSlim _wake = new();
    private readonly Lock _life = new();
    private int _running;
    private TimeSpan? _nextWait;
    private volatile bool _pauseAsked;
    private bool _disposed;

    public Runner(Machine machine, GuestParts parts) => (_machine, _parts) = (machine, parts);

    /// <summary>Whose turn it is.</summary>
    public Turn Turn { get; } = new();

    /// <summary>Whether somebody runs the guest.</summary>
    public bool IsRunning => Volatile.Read(ref _running) != 0;

    /// <summary>Something has changed that the runner should see soon. From any thread.</summary>
    public void Wake()
    {
        lock (_life)
        {
            if (!_disposed)
            {
                _wake.Set();
                _parts.Guest.RequestStop();
            }
        }
    }

    /// <summary>Makes a run end soon. From any thread.</summary>
    public void AskToPause()
    {
        _pauseAsked = true;
        Wake();
    }

    /// <summary>Nobody else may run the guest from now on.</summary>
    /// <exception cref="InvalidOperationException">Somebody runs it.</exception>
    public void Claim()
    {
        if (Interlocked.Exchange(ref _running, 1) != 0)
        {
            throw new InvalidOperationException("The machine runs already.");
        }

        _pauseAsked = false;
    }

    /// <summary>Runs the guest, which was claimed before.</summary>
    /// <param name="limits">How far.</param>
    public RunStop Run(RunLimits limits)
    {
        try
        {
            using MachineConsole.Watch? watch = limits.Text is { } text ? _machine.Console.Begin(text, Wake) : null;
            using CancellationTokenSource? timeout = limits.Timeout is { } time ? new CancellationTokenSource(time) : null;
            using CancellationTokenRegistration over = timeout?.Token.Register(Wake) ?? default;
            using CancellationTokenRegistration cancelled = limits.Cancellation.Register(Wake);
            ulong end = limits.Instructions is { } most ? checked(_parts.Guest.Processor.Instructions + most) : ulong.MaxValue;
            return Run(
                end,
                () => watch?.IsFound == true ? RunStop.Text
                    : _pauseAsked || limits.Cancellation.IsCancellationRequested ? RunStop.Cancelled
                    : timeout?.IsCancellationRequested == true ? RunStop.Timeout
                    : null,
                limits.WaitsForInput);
        }
        finally
        {
            Volatile.Write(ref _running, 0);
            _machine.Console.GiveUp(_machine.End is not null);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_life)
        {
            _disposed = true;
        }

        _wake.Dispose();
    }

    /// <summary>Waits until nobody runs the guest.</summary>
    public void WaitUntilIdle() => SpinWait.SpinUntil(() => !IsRunning);

    private RunStop Run(ulong end, Func<RunStop?> asked, bool waits)
    {
        while (true)
        {
            // What happens from here on ends the wait below.
            _wake.Reset();
            TimeSpan? wait;
            Turn.Enter();
            try
            {
                if (_machine.End is not null)
                {
                    return RunStop.Ended;
                }

                if (asked() is { } reason)
                {
                    return reason;
                }

                ulong now = _parts.Guest.Processor.Instructions;
                if (now >= end)
                {
                    return RunStop.Instructions;
                }

                if (Stretch(now, end) is { } stop)
                {
                    return stop;
                }

                wait = _nextWait;
                if (wait == Timeout.InfiniteTimeSpan && !waits && !_wake.IsSet)
                {
                    return RunStop.WaitsForInput;
                }
            }
            finally
            {
                Turn.Leave();
            }

            if (wait is { } time)
            {
                _wake.Wait(time);
            }
        }
    }

    // Runs up to the next thing that is due.
    private RunStop? Stretch(ulong now, ulong end)
    {
        _nextWait = null;
        MachineOptions options = _machine.Options;
        IGuest guest = _parts.Guest;
        Deliver();
        ulong nextHash = options.HashEvery == 0 ? ulong.MaxValue : ((now / options.HashEvery) + 1) * options.HashEvery;
        ulong most = _machine.Console.IsInputTaken ? ulong.MaxValue : TypingStretch;
        GuestStop stop;
        try
        {
            stop = guest.Run(Math.Min(Math.Min(end, nextHash) - now, most));
        }
        catch (AuditFailedException broken)
        {
            return Over(MachineEndReason.AuditFailed, broken.Message, guest.Registers.Eip);
        }

        if (guest.Processor.Instructions >= nextHash)
        {
            _machine.OnHashed();
        }

        switch (stop.Reason)
        {
            case GuestStopReason.Shutdown:
                return Over(MachineEndReason.Shutdown, stop.Text, stop.Eip);
            case GuestStopReason.Killed:
                return Over(MachineEndReason.Killed, stop.Text, stop.Eip);
            case GuestStopReason.Restart when options.EndsAtRestart:
                return Over(MachineEndReason.Restart, stop.Text, stop.Eip);
            case GuestStopReason.Restart:
                _machine.StartAnew();
                return null;
            case GuestStopReason.Halted when Deliver():
                return null;
            case GuestStopReason.Halted when stop.WakeAt == ulong.MaxValue && _machine.Console.IsInputClosed && !_wake.IsSet:
                return Over(MachineEndReason.HaltedForEver, "", stop.Eip);
            case GuestStopReason.Halted:
                _nextWait = WaitUntil(stop.WakeAt, guest.Now);
                return null;
            default:
                return null;
        }
    }

    private bool Deliver()
    {
        lock (_parts.Guest.Memory.Gate)
        {
            return _machine.Console.Deliver(_parts);
        }
    }

    private static TimeSpan WaitUntil(ulong deadline, ulong now)
    {
        if (deadline == ulong.MaxValue)
        {
            return Timeout.InfiniteTimeSpan;
        }

        ulong left = deadline > now ? deadline - now : 0;
        return left >= (ulong)_longestWait.TotalNanoseconds ? _longestWait : TimeSpan.FromTicks((long)((left + 99) / 100));
    }

    private RunStop Over(MachineEndReason reason, string text, uint eip)
    {
        _machine.OnEnded(new MachineEnd(reason, text, eip, _parts.Guest.RecentFaults));
        return RunStop.Ended;
    }
}
