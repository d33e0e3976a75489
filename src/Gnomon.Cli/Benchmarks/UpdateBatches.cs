using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Announced leaf entries of pages that the shadows map.</summary>
internal sealed class UpdateBatch : Batch
{
    private const int Pages = 512;

    private readonly BenchGuest _guest;
    private readonly Gpa _directory;
    private readonly Gva[] _addresses = new Gva[Pages];
    private readonly Gpa[] _places = new Gpa[Pages];
    private readonly ulong[] _entries = new ulong[Pages];
    private readonly bool _zero;
    private int _turn;

    /// <summary>Sets up.</summary>
    /// <param name="format">The format.</param>
    /// <param name="kernelSpaces">0 for user addresses in one address space; else kernel addresses, and how many address spaces see them.</param>
    /// <param name="zero">The entries become empty.</param>
    public UpdateBatch(TraceFormat format, int kernelSpaces, bool zero = false)
    {
        _zero = zero;
        _guest = new BenchGuest(format, new ShadowOptions { Slots = Math.Max(64, kernelSpaces + 1) });
        _directory = _guest.NewDirectory();
        ulong flags = kernelSpaces == 0 ? BenchGuest.Used : BenchGuest.Used & ~PageEntry.User;
        for (int i = 0; i < Pages; i++)
        {
            _addresses[i] = kernelSpaces == 0 ? BenchGuest.User(i) : BenchGuest.Kernel(i);
            _entries[i] = BenchGuest.Leaf(i, flags);
            _places[i] = _guest.Map(_directory, _addresses[i], _entries[i]);
        }

        for (int space = 1; space < kernelSpaces; space++)
        {
            MapAll(_guest.NewDirectoryWithKernelOf(_directory));
        }

        MapAll(_directory);
    }

    /// <inheritdoc/>
    public override int Operations => Pages;

    /// <inheritdoc/>
    public override void Prepare()
    {
        if (_zero)
        {
            // Back to mapped, so that there is something to take away.
            Announce(0);
        }

        _turn++;
        for (int i = 0; i < Pages; i++)
        {
            _guest.Write(_places[i], _zero ? 0 : _entries[(i + _turn) % Pages]);
        }
    }

    /// <inheritdoc/>
    public override void Run()
    {
        if (_zero)
        {
            for (int i = 0; i < Pages; i++)
            {
                _guest.Mmu.SetPte(0, _directory, _addresses[i], 0);
            }
        }
        else
        {
            Announce(_turn);
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _guest.Dispose();

    private void Announce(int turn)
    {
        IShadowMmu mmu = _guest.Mmu;
        for (int i = 0; i < Pages; i++)
        {
            int other = i + (turn % Pages);
            mmu.SetPte(0, _directory, _addresses[i], _entries[other < Pages ? other : other - Pages]);
        }
    }

    private void MapAll(Gpa directory)
    {
        _guest.Mmu.LoadPageTable(0, directory);
        foreach (Gva address in _addresses)
        {
            _guest.Mmu.DemandPage(0, address, PageFaultCode.Write);
        }
    }
}
