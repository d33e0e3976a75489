using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Workloads;

/// <summary>Noise: a guest that says anything.</summary>
public sealed class Hostile : IWorkload
{
    private const int Places = 24;

    /// <inheritdoc/>
    public string Name => "hostile";

    /// <inheritdoc/>
    public string Description => "wild entries, addresses, indices and requests in any order, until the guest is killed for one of them; the host must not suffer";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("requests", 2000);

    /// <inheritdoc/>
    public bool MayBeKilled => true;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        Noise noise = new(kernel);

        // A pinned stack would be the end of it with the first directory that does not map it.
        kernel.Emit(new TraceOperation.StackPages(default, 0));
        foreach (int round in kernel.Rounds(size))
        {
            kernel.Emit(noise.Next());
            if (round % 50 == 49)
            {
                kernel.Audit();
            }
        }
    }

    private sealed class Noise(GuestKernel kernel)
    {
        private readonly Chance _chance = kernel.Chance;

        public TraceOperation Next() => _chance.Below(20) switch
        {
            < 7 => new TraceOperation.Poke(Place(), Entry()),
            < 11 => new TraceOperation.Access(Address(), new PageAccess((PageFaultCode)_chance.Below(32))),
            11 => new TraceOperation.Fault(Address(), (PageFaultCode)(uint)_chance.Bits()),
            12 => new TraceOperation.Load(Table()),
            13 or 14 => new TraceOperation.SetPte(Table(), Changed(), Entry()),
            15 => new TraceOperation.SetPgd(Table(), Index(kernel.Shape.TopEntries)),
            16 when kernel.Shape.Levels > 2 => new TraceOperation.SetPmd(Table(), Index(kernel.Shape.TableEntries)),
            17 => new TraceOperation.Reclaim(new Gpa((ulong)_chance.Below(GuestKernel.MemoryPages) << PageSize.Shift)),
            18 => new TraceOperation.InvalidatePage(Address()),
            _ => Rare(),
        };

        // The last three mostly kill at once, so they must be rare.
        private TraceOperation Rare() => _chance.Below(400) switch
        {
            < 140 => new TraceOperation.FlushUser(),
            < 240 => new TraceOperation.ClearAll(),
            < 350 => new TraceOperation.MapSwitcher(_chance.Below(4)),
            < 390 => new TraceOperation.FailAllocations(_chance.Below(3)),
            < 397 => new TraceOperation.Dump(),
            397 => new TraceOperation.Pin(Address()),
            398 => new TraceOperation.Translate(Address()),
            _ => new TraceOperation.StackPages(Address(), (uint)_chance.Below(4)),
        };

        // Mostly among few tables, so that they become shadowed, shared and recursive.
        private ulong TablePage() => (ulong)(100 + _chance.Below(Places)) << PageSize.Shift;

        private Gpa Table() => new(_chance.OneIn(1000)
            ? _chance.Bits() & kernel.Shape.LargestEntry
            : TablePage() | (_chance.OneIn(4) ? _chance.Bits() & 0xFFF : 0));

        private Gpa Place() => new(TablePage() + (ulong)(Slot() * kernel.Shape.EntryBytes));

        // The indices that the addresses below lead to.
        private int Slot() => _chance.Below(3) switch
        {
            0 => _chance.Below(4),
            1 => kernel.Shape.TableEntries - 1 - _chance.Below(4),
            _ => _chance.Below(kernel.Shape.TableEntries),
        };

        private uint Index(int entries) => _chance.OneIn(1000) ? (uint)_chance.Bits() : (uint)(_chance.OneIn(2) ? Slot() % entries : _chance.Below(entries));

        private Gva Address()
        {
            uint address = 0;
            for (int level = kernel.Shape.Levels; level > 0; level--)
            {
                address |= (uint)Slot() << (PageSize.Shift + ((level - 1) * kernel.Shape.IndexBits));
            }

            return new Gva(address | ((uint)_chance.Bits() & PageSize.OffsetMask));
        }

        // A change announced in the Switcher's range kills.
        private Gva Changed()
        {
            Gva address = Address();
            return address.Value < kernel.Shape.DefaultSwitcher || _chance.OneIn(100) ? address : new Gva(address.Value & 0x7FFF_FFFF);
        }

        private ulong Entry()
        {
            ulong flags = _chance.Bits() & 0xFFF;
            if (!_chance.OneIn(6))
            {
                // Rarely a large page, and rarely not present: such entries lead nowhere.
                flags = (flags | PageEntry.Present) & ~PageEntry.LargePage;
            }

            ulong page = _chance.OneIn(4) ? (ulong)_chance.Below(GuestKernel.MemoryPages) << PageSize.Shift : TablePage();
            if (_chance.OneIn(2000))
            {
                page = _chance.Bits() & ~0xFFFUL;
            }

            bool noExecute = kernel.Shape.EntryBytes == 8 && _chance.OneIn(4);
            return ((page | flags) & kernel.Shape.LargestEntry) | (noExecute ? PageEntry.NoExecute : 0);
        }
    }
}
