namespace Gnomon;

/// <summary>Whose turn it is to touch the guest: the thread that runs it, for a stretch at a time, or somebody who wants to look between two
/// stretches. Who looks goes first.</summary>
internal sealed class Turn
{
    private readonly object _gate = new();
    private int _visitors;

    /// <summary>Whether it is this thread's.</summary>
    public bool IsMine => System.Threading.Monitor.IsEntered(_gate);

    /// <summary>The runner begins a stretch, once nobody looks.</summary>
    public void Enter()
    {
        System.Threading.Monitor.Enter(_gate);
        while (Volatile.Read(ref _visitors) > 0)
        {
            System.Threading.Monitor.Wait(_gate);
        }
    }

    /// <summary>The stretch is over.</summary>
    public void Leave() => System.Threading.Monitor.Exit(_gate);

    /// <summary>Looks at a guest that stands still.</summary>
    /// <param name="look">What to do.</param>
    /// <param name="hurry">Makes the runner end its stretch soon.</param>
    public T Visit<T>(Func<T> look, Action hurry)
    {
        if (IsMine)
        {
            return look();
        }

        Interlocked.Increment(ref _visitors);
        hurry();
        lock (_gate)
        {
            try
            {
                return look();
            }
            finally
            {
                Interlocked.Decrement(ref _visitors);
                System.Threading.Monitor.PulseAll(_gate);
            }
        }
    }
}
