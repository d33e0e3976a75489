using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>Translations for the host, and pins of pages that are mapped.</summary>
internal sealed class LookupBatch : Batch
{
    private const int Pages = 1024;
    private const int Repeat = 4;

    private readonly BenchGuest _guest;
    private readonly bool _pin;

    /// <summary>Sets up.</summary>
    public LookupBatch(TraceFormat format, bool pin)
    {
        _pin = pin;
        _guest = new BenchGuest(format, new ShadowOptions());
        Gpa directory = _guest.NewDirectory();
        for (int i = 0; i < Pages; i++)
        {
            _guest.Map(directory, BenchGuest.User(i), BenchGuest.Leaf(i, BenchGuest.Used));
        }

        _guest.Mmu.LoadPageTable(0, directory);
        for (int i = 0; i < Pages; i++)
        {
            _guest.Mmu.DemandPage(0, BenchGuest.User(i), PageFaultCode.Write);
        }
    }

    /// <summary>Keeps the translations from being optimised away.</summary>
    public ulong Sum { get; private set; }

    /// <inheritdoc/>
    public override int Operations => Pages * Repeat;

    /// <inheritdoc/>
    public override void Run()
    {
        IShadowMmu mmu = _guest.Mmu;
        for (int i = 0; i < Operations; i++)
        {
            Gva address = BenchGuest.User(i & (Pages - 1));
            if (_pin)
            {
                mmu.PinPage(0, address);
            }
            else
            {
                Sum += mmu.TranslateGuest(0, address).Value;
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _guest.Dispose();
}
