using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Memory;

namespace Gnomon.Shadow;

/// <summary>
/// The descriptors and frames of shadow tables, within a budget that is never exceeded. A table that goes is retired first: its
/// frames are used again only after every virtual CPU has dropped what it knew of them.
/// </summary>
// SAFETY: _tables has budget + 1 elements, numbered from 1; _tableOfFrame has one element a host frame. Both live as long as the
// pool. Numbers come from the pool itself or from shadow entries that it made.
internal sealed unsafe class TablePool : IDisposable
{
    private const int CacheLine = 64;

    private readonly HostMemory _host;
    private readonly Shootdown _shootdown;
    private readonly ShadowTable* _tables;
    private readonly int* _tableOfFrame;
    private readonly int[] _spare;
    private readonly int[] _retired;
    private readonly int[] _empty;
    private int _spareCount;
    private int _retiredCount;
    private int _emptyCount;

    public TablePool(HostMemory host, int budget, Shootdown shootdown)
    {
        _host = host;
        _shootdown = shootdown;
        Budget = budget;
        _tables = (ShadowTable*)NativeMemory.AlignedAlloc(((nuint)budget + 1) * (nuint)sizeof(ShadowTable), CacheLine);
        NativeMemory.Clear(_tables, ((nuint)budget + 1) * (nuint)sizeof(ShadowTable));
        _tableOfFrame = (int*)NativeMemory.AllocZeroed((nuint)host.FrameLimit + 1, sizeof(int));
        _spare = new int[budget];
        _retired = new int[budget];
        _empty = new int[budget];
        for (int table = budget; table >= 1; table--)
        {
            _empty[_emptyCount++] = table;
        }
    }

    /// <summary>The most tables at once, spare ones included.</summary>
    public int Budget { get; }

    /// <summary>Tables that have frames: active, spare and retired.</summary>
    public int Count => Budget - _emptyCount;

    /// <summary>No table with a larger number has frames.</summary>
    public int HighWater { get; private set; }

    /// <summary>Tables ready to be taken without an allocation.</summary>
    public int Spare => _spareCount;

    /// <summary>The descriptors, numbered from 1 to <see cref="Budget"/>.</summary>
    public ShadowTable* Tables => _tables;

    /// <summary>The table that a frame holds.</summary>
    public int OfFrame(uint frame) => _tableOfFrame[frame];

    /// <summary>Makes a spare table from retired ones, or from two new frames.</summary>
    /// <returns>False when the budget is spent or the host has no frame.</returns>
    public bool TryMakeSpare()
    {
        if (_retiredCount > 0)
        {
            SettleRetired();
            return true;
        }

        if (_emptyCount == 0 || !_host.TryAllocate(out Pfn frame))
        {
            return false;
        }

        if (!_host.TryAllocate(out Pfn remembered))
        {
            _host.DropReference(frame);
            return false;
        }

        int number = _empty[--_emptyCount];
        HighWater = Math.Max(HighWater, number);
        _tables[number] = new ShadowTable
        {
            Entries = _host.Address(frame),
            Remembered = _host.Address(remembered),
            Frame = frame.Value,
            RememberedFrame = remembered.Value,
            Slot = -1,
        };
        _tableOfFrame[frame.Value] = number;
        _spare[_spareCount++] = number;
        return true;
    }

    /// <summary>Whether the budget, not the host, is what keeps the pool from growing.</summary>
    public bool IsBudgetSpent => _emptyCount == 0;

    /// <summary>Takes a spare table; its entries are all zero. There must be one.</summary>
    public int Take() => _spare[--_spareCount];

    /// <summary>A table is no longer in use. Its entries must be zero already.</summary>
    public void Retire(int table) => _retired[_retiredCount++] = table;

    /// <summary>Makes retired tables spare, after every virtual CPU has let go of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SettleRetired()
    {
        if (_retiredCount != 0)
        {
            SettleSlowly();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SettleSlowly()
    {
        _shootdown.Complete();
        while (_retiredCount > 0)
        {
            _spare[_spareCount++] = _retired[--_retiredCount];
        }
    }

    /// <summary>Gives the frames of spare tables back to the host.</summary>
    /// <returns>How many tables' frames went.</returns>
    public int ReturnSpares(int keep)
    {
        SettleRetired();
        int returned = 0;
        while (_spareCount > keep)
        {
            Return(_spare[--_spareCount]);
            returned++;
        }

        return returned;
    }

    public void Dispose()
    {
        ReturnSpares(0);
        NativeMemory.AlignedFree(_tables);
        NativeMemory.Free(_tableOfFrame);
    }

    private void Return(int table)
    {
        ref ShadowTable descriptor = ref _tables[table];
        _tableOfFrame[descriptor.Frame] = 0;
        _host.DropReference(new Pfn(descriptor.Frame));
        _host.DropReference(new Pfn(descriptor.RememberedFrame));
        descriptor = default;
        _empty[_emptyCount++] = table;
    }
}
