using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Switches between address spaces that are known, and perhaps touches of their pages.</summary>
internal sealed class SwitchBatch : Batch
{
    private const int Switches = 4096;

    private readonly BenchGuest _guest;
    private readonly Gpa[] _spaces;
    private readonly int _pages;
    private readonly long _allPresent;

    /// <summary>Sets up.</summary>
    /// <param name="format">The format.</param>
    /// <param name="spaces">Address spaces.</param>
    /// <param name="pages">Pages touched in each.</param>
    public SwitchBatch(TraceFormat format, int spaces, int pages)
    {
        _guest = new BenchGuest(format, new ShadowOptions());
        _pages = pages;
        _spaces = new Gpa[spaces];
        for (int space = 0; space < spaces; space++)
        {
            _spaces[space] = _guest.NewDirectory();
            for (int i = 0; i < pages; i++)
            {
                _guest.Map(_spaces[space], BenchGuest.User(i), BenchGuest.Leaf((space * pages) + i, BenchGuest.Used));
            }

            _guest.Mmu.LoadPageTable(0, _spaces[space]);
            TouchAll();
        }

        _allPresent = _guest.Mmu.Statistics.LeavesPresent;
    }

    /// <inheritdoc/>
    public override int Operations => Switches;

    /// <inheritdoc/>
    public override void Run()
    {
        IShadowMmu mmu = _guest.Mmu;
        for (int i = 0, space = 0; i < Switches; i++)
        {
            mmu.LoadPageTable(0, _spaces[space]);

            // What is mapped a processor uses without us; what is not comes as faults.
            if (mmu.Statistics.LeavesPresent < _allPresent)
            {
                TouchAll();
            }

            space = space + 1 == _spaces.Length ? 0 : space + 1;
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _guest.Dispose();

    private void TouchAll()
    {
        PageAccess access = new(PageFaultCode.User);
        for (int i = 0; i < _pages; i++)
        {
            if (!_guest.Mmu.TryWalkShadow(0, BenchGuest.User(i), access, out _))
            {
                _guest.Mmu.DemandPage(0, BenchGuest.User(i), PageFaultCode.User);
            }
        }
    }
}
