namespace Gnomon.Model.Tests.Threads;

/// <summary>Starts and stops the threads of a race, and makes quiet points at which all of them stand still.</summary>
/// <param name="cpus">Virtual CPUs.</param>
internal sealed class Race(int cpus) : IDisposable
{
    private readonly ManualResetEventSlim _go = new(true);
    private readonly List<Thread> _threads = [];
    private volatile bool _running = true;
    private volatile bool _pausing;
    private int _parked;
    private Exception? _failure;

    /// <summary>Virtual CPUs.</summary>
    public int Cpus => cpus;

    /// <summary>Whether threads go on.</summary>
    public bool IsRunning => _running;

    /// <summary>Whether threads are to stop for a moment.</summary>
    public bool IsPausing => _pausing;

    /// <summary>What went wrong on a thread.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>Runs an action on a thread of its own; what it throws ends the race.</summary>
    public void Start(Action action)
    {
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _failure, e, null);
                _running = false;
            }
        });
        thread.IsBackground = true;
        _threads.Add(thread);
        thread.Start();
    }

    /// <summary>Stands still while a quiet point lasts.</summary>
    public void PauseIfAsked()
    {
        if (_pausing)
        {
            Interlocked.Increment(ref _parked);
            _go.Wait();
            Interlocked.Decrement(ref _parked);
        }
    }

    /// <summary>Runs something while every thread stands still.</summary>
    public void Quietly(Action action)
    {
        _go.Reset();
        _pausing = true;
        DateTime limit = DateTime.UtcNow.AddSeconds(30);
        while (Volatile.Read(ref _parked) < _threads.Count && _running)
        {
            Assert.True(DateTime.UtcNow < limit, $"only {_parked} of {_threads.Count} threads stopped: a deadlock");
            Thread.Yield();
        }

        try
        {
            if (_running)
            {
                action();
            }
        }
        finally
        {
            _pausing = false;
            _go.Set();
            while (Volatile.Read(ref _parked) > 0 && _running)
            {
                Thread.Yield();
            }
        }
    }

    /// <summary>Ends the race.</summary>
    public void Stop()
    {
        _running = false;
        _go.Set();
        foreach (Thread thread in _threads)
        {
            Assert.True(thread.Join(TimeSpan.FromSeconds(30)), "a thread never ends");
        }
    }

    public void Dispose() => _go.Dispose();
}
