using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Flushes of address spaces with pages mapped, or getting back what a flush of everything dropped.</summary>
internal sealed class FlushBatch : Batch
{
    private readonly BenchGuest _guest;
    private readonly Gpa[] _spaces;
    private readonly Gva[] _addresses;
    private readonly Kind _kind;
    private readonly int _repeat;
    private readonly long _allPresent;

    /// <summary>Sets up.</summary>
    /// <param name="format">The format.</param>
    /// <param name="kind">What is measured.</param>
    /// <param name="pages">Pages mapped in each address space.</param>
    /// <param name="stride">How far they are apart, in pages.</param>
    /// <param name="spaces">Address spaces.</param>
    public FlushBatch(TraceFormat format, Kind kind, int pages, int stride = 1, int spaces = 1)
    {
        _kind = kind;
        bool discard = kind == Kind.Release;
        _repeat = kind is Kind.User or Kind.All ? Math.Max(1, 2048 / pages) : 1;
        _guest = new BenchGuest(format, new ShadowOptions { OnFlush = discard ? FlushPolicy.Discard : FlushPolicy.Resync });
        _addresses = [.. Enumerable.Range(0, pages).Select(i => stride == 1 ? BenchGuest.User(i) : new Gva((uint)(i * stride) << PageSize.Shift))];
        _spaces = new Gpa[spaces];
        for (int space = 0; space < spaces; space++)
        {
            _spaces[space] = _guest.NewDirectory();
            for (int i = 0; i < pages; i++)
            {
                _guest.Map(_spaces[space], _addresses[i], BenchGuest.Leaf((space * pages) + i, BenchGuest.Used));
            }
        }

        GetBack();
        _allPresent = _guest.Mmu.Statistics.LeavesPresent;
    }

    /// <summary>What is measured.</summary>
    public enum Kind
    {
        /// <summary>A flush of the user half that compares.</summary>
        User,

        /// <summary>A flush of the user half that throws away: what releasing costs.</summary>
        Release,

        /// <summary>A flush of everything that compares.</summary>
        All,

        /// <summary>Getting the pages of every address space back after a flush of everything.</summary>
        Regain,
    }

    /// <inheritdoc/>
    public override int Operations => _repeat;

    /// <inheritdoc/>
    public override void Prepare()
    {
        switch (_kind)
        {
            case Kind.Regain:
                _guest.Mmu.ClearAll(0);
                break;
            case Kind.Release:
                GetBack();
                break;
        }
    }

    /// <inheritdoc/>
    public override void Run()
    {
        IShadowMmu mmu = _guest.Mmu;
        for (int i = 0; i < _repeat; i++)
        {
            switch (_kind)
            {
                case Kind.All:
                    mmu.ClearAll(0);
                    break;
                case Kind.Regain:
                    GetBackIfLost();
                    break;
                default:
                    mmu.FlushUser(0);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _guest.Dispose();

    private void GetBackIfLost()
    {
        foreach (Gpa space in _spaces)
        {
            _guest.Mmu.LoadPageTable(0, space);
            if (_guest.Mmu.Statistics.LeavesPresent < _allPresent)
            {
                Touch();
            }
        }
    }

    private void GetBack()
    {
        foreach (Gpa space in _spaces)
        {
            _guest.Mmu.LoadPageTable(0, space);
            Touch();
        }
    }

    private void Touch()
    {
        const PageFaultCode write = PageFaultCode.User | PageFaultCode.Write;
        foreach (Gva address in _addresses)
        {
            if (!_guest.Mmu.TryWalkShadow(0, address, new PageAccess(write), out _))
            {
                _guest.Mmu.DemandPage(0, address, write);
            }
        }
    }
}
