using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gnomon.Memory;

/// <summary>
/// The frames of the host: one reserved native region, so that a frame number is an address, with a reference count per frame.
/// Frames are committed when first touched. Several guests may share one object; two objects share nothing.
/// </summary>
/// <remarks>
/// Allocation and release may be called from any thread. A frame that one guest alone uses is counted under that guest's lock
/// (<see cref="AddReference"/>, <see cref="DropReference"/>); one that guests share is counted with interlocked operations
/// (<see cref="AddSharedReference"/>, <see cref="DropSharedReference"/>).
/// </remarks>
// SAFETY: every pointer below points into one of the three regions, which live as long as this object; frame numbers come from
// TryAllocate and are below FrameLimit, or are checked where a caller names one.
public sealed unsafe class HostMemory : IDisposable
{
    /// <summary>The largest limit: the frames that a two-level entry can name, 4 GiB (20 frame bits).</summary>
    public const int MaxLimitMiB = 4096;

    private readonly NativeRegion _region;
    private readonly NativeRegion _countsRegion;
    private readonly NativeRegion _generationsRegion;
    private readonly byte* _base;
    private readonly FrameCounts* _counts;
    private readonly uint* _generations;
    private readonly uint[] _free;
    private readonly Lock _gate = new();
    private int _freeCount;
    private uint _untouched = 1;
    private int _failures;
    private int _inUse;
    private bool _disposed;

    /// <summary>Reserves the region.</summary>
    /// <param name="limitMiB">How much memory the frames may take together, in MiB, 1 … <see cref="MaxLimitMiB"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The limit is out of range.</exception>
    /// <exception cref="InsufficientMemoryException">The system has no such range of addresses.</exception>
    public HostMemory(int limitMiB)
    {
        if (limitMiB is < 1 or > MaxLimitMiB)
        {
            throw new ArgumentOutOfRangeException(nameof(limitMiB), limitMiB, $"The host memory limit must be 1 to {MaxLimitMiB} MiB.");
        }

        FrameLimit = (limitMiB << (20 - PageSize.Shift)) - 1;
        _region = NativeRegion.Reserve((nuint)limitMiB << 20);
        _countsRegion = NativeRegion.Reserve((nuint)(FrameLimit + 1) * (nuint)sizeof(FrameCounts));
        _generationsRegion = NativeRegion.Reserve((nuint)(FrameLimit + 1) * sizeof(uint));
        _generations = (uint*)_generationsRegion.Address;
        _base = (byte*)_region.Address;
        _counts = (FrameCounts*)_countsRegion.Address;
        _free = new uint[FrameLimit];
    }

    /// <summary>How many frames can be in use at once. Frame 0 is kept back, so that zero can mean "none".</summary>
    public int FrameLimit { get; }

    /// <summary>How many frames are in use now.</summary>
    public int FramesInUse => Volatile.Read(ref _inUse);

    /// <summary>How many allocations were asked for so far, failed ones included.</summary>
    public long Allocations { get; private set; }

    /// <summary>Makes allocations fail: the next <paramref name="count"/> calls of <see cref="TryAllocate"/> return false.</summary>
    /// <param name="count">How many; zero ends it.</param>
    public void FailNextAllocations(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        lock (_gate)
        {
            _failures = count;
            FailAfter = 0;
        }
    }

    /// <summary>Fault injection by position: the allocation that is this many away fails, once (1 is the next). Zero or less: off.</summary>
    public long FailAfter { get; set; }

    /// <summary>Takes a zero-filled frame with one reference.</summary>
    /// <returns>False when the limit is reached or a failure was asked for; nothing is taken then.</returns>
    public bool TryAllocate(out Pfn frame)
    {
        bool dirty;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Allocations++;
            if (_failures > 0)
            {
                _failures--;
                frame = Pfn.None;
                return false;
            }

            if (FailAfter > 0 && --FailAfter == 0)
            {
                frame = Pfn.None;
                return false;
            }

            dirty = _freeCount > 0;
            if (dirty)
            {
                frame = new Pfn(_free[--_freeCount]);
            }
            else if (_untouched <= (uint)FrameLimit)
            {
                frame = new Pfn(_untouched++);
            }
            else
            {
                frame = Pfn.None;
                return false;
            }

            _inUse++;
        }

        if (dirty)
        {
            new Span<byte>(Address(frame), PageSize.Bytes).Clear();
        }

        Volatile.Write(ref _counts[frame.Value].Both, 1);
        return true;
    }

    /// <summary>The first byte of a frame. Valid until this object is disposed; the frame must be held by a reference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Address(Pfn frame) => _base + ((nuint)frame.Value << PageSize.Shift);

    /// <summary>The bytes of a frame.</summary>
    // SAFETY: the region is reserved for the life of this object and the frame number is checked against its length.
    public Span<byte> Bytes(Pfn frame) => new(Address(Checked(frame)), PageSize.Bytes);

    /// <summary>A number that changes each time the frame is freed: who keeps something derived from its bytes, such as decoded code, sees
    /// that it holds other bytes now. The frame must be below <see cref="FrameLimit"/>: not checked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint GenerationOf(Pfn frame) => _generations[frame.Value];

    /// <summary>How many references a frame has; zero when it is free.</summary>
    public int References(Pfn frame) => Volatile.Read(ref _counts[Checked(frame).Value].References);

    /// <summary>Counts one more reference to a frame that only the calling guest uses (its lock is held).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddReference(Pfn frame) => _counts[frame.Value].References++;

    /// <summary>Counts one more reference to a frame that several guests may use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddSharedReference(Pfn frame) => Interlocked.Increment(ref _counts[frame.Value].References);

    /// <summary>Gives a reference back to a frame that only the calling guest uses (its lock is held). The last one frees the frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void DropReference(Pfn frame)
    {
        if (--_counts[frame.Value].References <= 0)
        {
            Free(frame);
        }
    }

    /// <summary>Gives a reference back to a frame that several guests may use. The last one frees the frame.</summary>
    public void DropSharedReference(Pfn frame)
    {
        if (Interlocked.Decrement(ref _counts[frame.Value].References) <= 0)
        {
            Free(frame);
        }
    }

    /// <summary>No more frames. The region goes back to the system as soon as no frame is in use: at once, or with the last guest.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            ReturnRegionIfUnused();
        }
    }

    /// <summary>One more guest backs a page by this frame, with one reference; it is shared copy-on-write from now on.</summary>
    internal void AddSharer(Pfn frame)
    {
        // The first guest is not counted until there is a second: zero and one both mean "alone".
        ref FrameCounts counts = ref _counts[frame.Value];
        Interlocked.CompareExchange(ref counts.Sharers, 1, 0);
        Interlocked.Add(ref counts.Both, FrameCounts.OneOfBoth);
    }

    /// <summary>A guest gives this shared frame up, with its reference. Both counts move at once: whoever then sees itself alone,
    /// or takes the freed frame, meets no late update.</summary>
    internal void DropSharer(Pfn frame)
    {
        if ((int)Interlocked.Add(ref _counts[frame.Value].Both, -FrameCounts.OneOfBoth) <= 0)
        {
            Free(frame);
        }
    }

    /// <summary>Whether at most one guest backs a page by this frame.</summary>
    internal bool IsAlone(Pfn frame) => Volatile.Read(ref _counts[frame.Value].Sharers) <= 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Free(Pfn frame)
    {
        // A count below zero is our own error, never a guest's: say so before it becomes a frame in two hands.
        if (_counts[frame.Value].References < 0)
        {
            throw new InvalidOperationException($"Frame {frame} was released more often than it was taken.");
        }

        lock (_gate)
        {
            _generations[frame.Value]++;
            _free[_freeCount++] = frame.Value;
            _inUse--;
            ReturnRegionIfUnused();
        }
    }

    // A frame that someone still holds must stay readable, whatever order things are disposed in.
    private void ReturnRegionIfUnused()
    {
        if (_disposed && _inUse == 0)
        {
            _region.Dispose();
            _countsRegion.Dispose();
            _generationsRegion.Dispose();
        }
    }

    //  63                     32 31                      0
    //  +------------------------+------------------------+
    //  |        Sharers         |       References       |
    //  +------------------------+------------------------+
    [StructLayout(LayoutKind.Explicit, Size = 8)]
    private struct FrameCounts
    {
        public const long OneOfBoth = (1L << 32) + 1;

        [FieldOffset(0)]
        public long Both;

        [FieldOffset(0)]
        public int References;

        [FieldOffset(4)]
        public int Sharers;
    }

    private Pfn Checked(Pfn frame) =>
        frame.Value > (uint)FrameLimit ? throw new ArgumentOutOfRangeException(nameof(frame), frame, "No such frame.") : frame;
}
