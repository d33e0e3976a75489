using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// The invalidations of one operation: collected while it changes tables, complete before any frame is used for something else.
/// Costs nothing while nobody keeps translations.
/// </summary>
internal sealed class Shootdown
{
    private const int Capacity = 8;

    private readonly ShadowCpu[] _cpus;
    private readonly ShadowStatistics _statistics;
    private readonly Invalidation[] _collected = new Invalidation[Capacity];
    private int _count;
    private bool _everything;

    public Shootdown(ShadowCpu[] cpus, ShadowStatistics statistics)
    {
        _cpus = cpus;
        _statistics = statistics;
        foreach (ShadowCpu cpu in cpus)
        {
            cpu.CacheChanged = FindListeners;
        }
    }

    /// <summary>Whether any virtual CPU keeps translations.</summary>
    public bool HasListeners { get; private set; }

    public void Add(Gva start, ulong length, InvalidationKind kind)
    {
        if (_count == Capacity)
        {
            _everything = true;
        }
        else
        {
            _collected[_count++] = new Invalidation(Pfn.None, start, length, kind);
        }
    }

    public void AddEverything() => _everything = true;

    /// <summary>Returns when no virtual CPU uses any translation that was collected.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Complete()
    {
        if (_count != 0 || _everything)
        {
            CompleteSlowly();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CompleteSlowly()
    {
        foreach (ShadowCpu cpu in _cpus)
        {
            if (!cpu.Mailbox.HasCache)
            {
                continue;
            }

            if (_everything)
            {
                cpu.Mailbox.Post(Invalidation.Everything);
                _statistics.Invalidations++;
            }
            else
            {
                for (int i = 0; i < _count; i++)
                {
                    cpu.Mailbox.Post(in _collected[i]);
                }

                _statistics.Invalidations += _count;
            }
        }

        foreach (ShadowCpu cpu in _cpus)
        {
            cpu.Mailbox.WaitUntilDropped();
        }

        _count = 0;
        _everything = false;
    }

    private void FindListeners()
    {
        HasListeners = false;
        foreach (ShadowCpu cpu in _cpus)
        {
            HasListeners |= cpu.Mailbox.HasCache;
        }
    }
}
