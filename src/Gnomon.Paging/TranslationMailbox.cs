namespace Gnomon.Paging;

/// <summary>
/// TLB shootdown for one virtual CPU. Whoever takes rights away posts an invalidation and waits; the virtual CPU's own thread
/// drops the translations, at an instruction boundary or before it enters the guest again.
/// </summary>
/// <remarks>
/// Entering publishes "inside", fences, then looks for requests; posting publishes the request, fences, then looks whether the CPU
/// is inside. So one of the two always sees the other. A CPU that is outside the guest holds no translation in use, so nobody waits
/// for it. A CPU must leave the guest before it waits for the guest's lock.
/// </remarks>
public sealed class TranslationMailbox
{
    private const int Capacity = 16;

    private readonly Action? _cacheChanged;

    private readonly Invalidation[] _posted = new Invalidation[Capacity];
    private readonly Lock _gate = new();
    private ITranslationCache? _cache;
    private int _count;
    private bool _overflow;
    private volatile bool _pending;
    private volatile bool _inside;

    /// <summary>An empty mailbox.</summary>
    /// <param name="cacheChanged">Called after a cache was attached or taken away; null for nobody.</param>
    public TranslationMailbox(Action? cacheChanged = null) => _cacheChanged = cacheChanged;

    /// <summary>Whether anyone listens. Nothing is posted to a mailbox without a cache.</summary>
    public bool HasCache => _cache is not null;

    /// <summary>Whether the virtual CPU is running guest code.</summary>
    public bool IsInside => _inside;

    /// <summary>Invalidations that were dropped on request so far, an overflow counted as one.</summary>
    public long Handled { get; private set; }

    /// <summary>Names the cache that must hear. Only while the virtual CPU is outside the guest, with the guest's lock held.</summary>
    public void Attach(ITranslationCache? cache)
    {
        lock (_gate)
        {
            _cache = cache;
            _count = 0;
            _overflow = false;
            _pending = false;
        }

        _cacheChanged?.Invoke();
    }

    /// <summary>The virtual CPU's thread is about to run guest code: what was posted meanwhile is dropped first.</summary>
    public void Enter()
    {
        _inside = true;
        Interlocked.MemoryBarrier();
        Poll();
    }

    /// <summary>The virtual CPU's thread is at an instruction boundary: drops what was posted.</summary>
    public void Poll()
    {
        if (_pending)
        {
            Drain();
        }
    }

    /// <summary>The virtual CPU's thread has stopped running guest code.</summary>
    public void Leave() => _inside = false;

    /// <summary>Asks for translations to be dropped. Returns at once; see <see cref="WaitUntilDropped"/>.</summary>
    public void Post(in Invalidation what)
    {
        lock (_gate)
        {
            if (_cache is null)
            {
                return;
            }

            if (_count == Capacity)
            {
                _overflow = true;
            }
            else
            {
                _posted[_count++] = what;
            }

            _pending = true;
        }

        Interlocked.MemoryBarrier();
    }

    /// <summary>Returns when the virtual CPU has dropped everything posted, or is outside the guest.</summary>
    /// <remarks>Spins, then yields: a virtual CPU polls at every instruction boundary.</remarks>
    public void WaitUntilDropped()
    {
        SpinWait wait = default;
        while (_pending && _inside)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void Drain()
    {
        lock (_gate)
        {
            if (_overflow)
            {
                _cache?.Invalidate(Invalidation.Everything);
            }
            else
            {
                for (int i = 0; i < _count; i++)
                {
                    _cache?.Invalidate(in _posted[i]);
                }
            }

            Handled += _overflow ? 1 : _count;
            _count = 0;
            _overflow = false;
            _pending = false;
        }
    }
}
