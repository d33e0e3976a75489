using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Faults on 8192 pages whose shadows were thrown away.</summary>
internal sealed class FaultBatch : Batch
{
    private const int Pages = 8192;
    private const PageFaultCode Read = PageFaultCode.User;
    private const PageFaultCode Write = PageFaultCode.User | PageFaultCode.Write;

    private readonly BenchGuest _guest;
    private readonly Gpa[] _places = new Gpa[Pages];
    private readonly Gva[] _order = new Gva[Pages];
    private readonly Kind _kind;
    private readonly int _prefault;

    /// <summary>Sets up.</summary>
    public FaultBatch(TraceFormat format, Kind kind)
    {
        _kind = kind;
        _prefault = kind == Kind.Prefault ? 16 : 1;
        _guest = new BenchGuest(format, new ShadowOptions { OnFlush = FlushPolicy.Discard, Prefault = _prefault });
        Gpa directory = _guest.NewDirectory();
        for (int i = 0; i < Pages; i++)
        {
            _places[i] = _guest.Map(directory, BenchGuest.User(i), BenchGuest.Leaf(i, BenchGuest.Fresh));
            _order[i] = BenchGuest.User(i);
        }

        if (kind == Kind.Random)
        {
            new Random(1).Shuffle(_order);
        }

        _guest.Mmu.LoadPageTable(0, directory);
    }

    /// <summary>What faults.</summary>
    public enum Kind
    {
        /// <summary>Reads in the order of addresses.</summary>
        Sequential,

        /// <summary>Reads in random order.</summary>
        Random,

        /// <summary>Reads in order, a window of 16 at once.</summary>
        Prefault,

        /// <summary>Writes to pages that were read.</summary>
        Upgrade,
    }

    /// <inheritdoc/>
    public override int Operations => Pages;

    /// <inheritdoc/>
    public override void Prepare()
    {
        _guest.Mmu.ClearAll(0);
        ulong flags = _kind == Kind.Prefault ? BenchGuest.Used : BenchGuest.Fresh;
        for (int i = 0; i < Pages; i++)
        {
            _guest.Write(_places[i], BenchGuest.Leaf(i, flags));
        }

        if (_kind == Kind.Upgrade)
        {
            Fault(Read, 1);
        }
    }

    /// <inheritdoc/>
    public override void Run() => Fault(_kind == Kind.Upgrade ? Write : Read, _prefault);

    /// <inheritdoc/>
    public override void Dispose() => _guest.Dispose();

    private void Fault(PageFaultCode code, int step)
    {
        IShadowMmu mmu = _guest.Mmu;
        Gva[] order = _order;
        for (int i = 0; i < order.Length; i += step)
        {
            mmu.DemandPage(0, order[i], code);
        }
    }
}
