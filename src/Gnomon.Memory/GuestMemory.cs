using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gnomon.Memory;

/// <summary>
/// The memory of one guest: pages 0 … <see cref="PageCount"/>-1, backed lazily by frames of a <see cref="HostMemory"/>.
/// A page is not backed yet, backed, shared copy-on-write with another guest, read-only, lying in a page store, or a hole.
/// </summary>
/// <remarks>
/// <para>Every write, by a CPU that has no writable mapping, a device, the host or an accessed/dirty update, goes through this
/// one door: it breaks sharing and reports stores to watched pages.</para>
/// <para>All members are to be called with <see cref="Gate"/> held where more than one thread uses the guest.</para>
/// </remarks>
// SAFETY: _pages is an array of PageCount elements that lives as long as this object; every index is compared with PageCount
// at full width first. Frames are reached by HostMemory.Address, and only while the page's own reference holds them.
public sealed unsafe class GuestMemory : IDisposable
{
    /// <summary>The largest guest: what a 36-bit guest-physical address would reach is more than the host can back; 4 GiB.</summary>
    public const int MaxPages = 1 << 20;

    private readonly GuestPage* _pages;
    private readonly PageBacking _backing;
    private IGuestMemoryWatcher? _watcher;
    private bool _disposed;

    /// <summary>Makes an empty memory: every page reads as zero and none is backed.</summary>
    /// <param name="host">Where frames come from.</param>
    /// <param name="pageCount">Guest pages, 1 … <see cref="MaxPages"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The page count is out of range.</exception>
    public GuestMemory(HostMemory host, int pageCount)
    {
        if (pageCount is < 1 or > MaxPages)
        {
            throw new ArgumentOutOfRangeException(nameof(pageCount), pageCount, $"A guest has 1 to {MaxPages} pages.");
        }

        Host = host;
        _backing = new PageBacking(host);
        PageCount = (uint)pageCount;
        _pages = (GuestPage*)NativeMemory.AllocZeroed((nuint)pageCount, (nuint)sizeof(GuestPage));
    }

    /// <summary>Where the frames come from.</summary>
    public HostMemory Host { get; }

    /// <summary>The number of guest pages (<c>pfnLimit</c>); zero after <see cref="Dispose"/>, when no page is left to be reached.</summary>
    public uint PageCount { get; private set; }

    /// <summary>The guest's one lock: around everything that changes its memory's backing or its shadow tables.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Where pages go that the host takes back; null when it cannot take any.</summary>
    public IPageStore? Store { get; set; }

    /// <summary>Told of each store that comes through <see cref="Write"/>, with the frame, the offset in it and the length: a processor that
    /// has decoded code from the frame must hear of it. Null for nobody.</summary>
    public Action<Pfn, int, int>? HostStored { get; set; }

    /// <summary>Pages that have a frame now.</summary>
    public int PagesBacked => _backing.PagesBacked;

    /// <summary>Pages that lie in the store now.</summary>
    public int PagesStored => _backing.PagesStored;

    /// <summary>Times that a shared page was copied.</summary>
    public long SharingBreaks => _backing.SharingBreaks;

    /// <summary>Who hears of stores and of frames that change, so that someone can stand in front of it; null for none.</summary>
    public IGuestMemoryWatcher? Watcher => _watcher;

    /// <summary>Names who hears of stores and of frames that change. One at a time; null for none.</summary>
    public void SetWatcher(IGuestMemoryWatcher? watcher) => _watcher = watcher;

    /// <summary>Whether the page number is below <see cref="PageCount"/>. Compared at full width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(Gfn page) => page.Value < PageCount;

    /// <summary>The state of a page below <see cref="PageCount"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The page is not in guest memory.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly GuestPage Page(Gfn page)
    {
        if (page.Value >= PageCount)
        {
            ThrowOutside(page);
        }

        return ref _pages[page.Value];
    }

    /// <summary>Makes pages read-only, or holes, or covers them with a device window. For set-up, before the guest runs.</summary>
    /// <param name="first">The first page.</param>
    /// <param name="count">How many pages, 0 or more.</param>
    /// <param name="kind">Any of <see cref="GuestPageState.ReadOnly"/>, <see cref="GuestPageState.Hole"/>, <see cref="GuestPageState.Device"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The pages are not all in memory.</exception>
    public void Declare(Gfn first, int count, GuestPageState kind)
    {
        const GuestPageState allowed = GuestPageState.ReadOnly | GuestPageState.Hole | GuestPageState.Device;
        if ((kind & ~allowed) != 0 || count < 0 || first.Value > PageCount || (ulong)count > PageCount - first.Value)
        {
            throw new ArgumentOutOfRangeException(nameof(first), first, "Only pages of this memory can be declared read-only, holes or device windows.");
        }

        for (ulong page = first.Value; page < first.Value + (ulong)count; page++)
        {
            _pages[page].State |= kind;
        }
    }

    /// <summary>Marks a page as holding a watched guest table, or no longer. It does not touch mappings: who marks takes their right to write.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The page is not in guest memory.</exception>
    public void Watch(Gfn page, bool watched)
    {
        ref GuestPage state = ref Writable(page);
        state.State = watched ? state.State | GuestPageState.Watched : state.State & ~GuestPageState.Watched;
    }

    /// <summary>Brings a page into a frame, for reading or for writing.</summary>
    /// <param name="page">The page.</param>
    /// <param name="write">Break sharing, so that the frame belongs to this guest alone. A read never breaks sharing.</param>
    /// <param name="frame">The frame. It is not referenced for the caller: who maps it adds a reference.</param>
    /// <returns><see cref="PageStatus.Ok"/>, <see cref="PageStatus.OutsideMemory"/>, <see cref="PageStatus.Hole"/>, <see cref="PageStatus.ReadOnly"/>
    /// (for writing), <see cref="PageStatus.OutOfMemory"/> or <see cref="PageStatus.StoreFailed"/>; nothing has changed then.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PageStatus Bring(Gfn page, bool write, out Pfn frame)
    {
        if (page.Value < PageCount)
        {
            GuestPage state = _pages[page.Value];
            const GuestPageState slow = GuestPageState.Present | GuestPageState.Hole | GuestPageState.Shared | GuestPageState.ReadOnly;
            if ((state.State & slow) == GuestPageState.Present)
            {
                frame = new Pfn(state.Backing);
                return PageStatus.Ok;
            }
        }

        return BringSlowly(page, write, out frame);
    }

    /// <summary>The frame of a page without bringing anything: only if it is there already.</summary>
    /// <returns>False when using the page would allocate, read the store or fail.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGetFrame(Gfn page, out GuestPage state)
    {
        if (page.Value < PageCount)
        {
            state = _pages[page.Value];
            return (state.State & (GuestPageState.Present | GuestPageState.Hole | GuestPageState.Device)) == GuestPageState.Present;
        }

        state = default;
        return false;
    }

    /// <summary>Counts a mapping's reference to the frame behind a page. The page must be below <see cref="PageCount"/> and present: not checked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddMapping(Gfn page)
    {
        GuestPage state = _pages[page.Value];
        if ((state.State & GuestPageState.Shared) == 0)
        {
            Host.AddReference(new Pfn(state.Backing));
        }
        else
        {
            Host.AddSharedReference(new Pfn(state.Backing));
        }
    }

    /// <summary>Gives a mapping's reference back. The page's own reference keeps the frame. As <see cref="AddMapping"/>, not checked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void DropMapping(Gfn page)
    {
        GuestPage state = _pages[page.Value];
        if ((state.State & GuestPageState.Shared) == 0)
        {
            Host.DropReference(new Pfn(state.Backing));
        }
        else
        {
            Host.DropSharedReference(new Pfn(state.Backing));
        }
    }

    /// <summary>Holds a page for a device: it cannot be taken back or shared until <see cref="Unpin"/>. Counts one reference.</summary>
    /// <remarks>Sharing is broken even for reading: what a device holds must not change hands under it.</remarks>
    public PageStatus Pin(Gfn page, bool write, out Pfn frame)
    {
        PageStatus status = Bring(page, write || (Contains(page) && (Page(page).State & GuestPageState.Shared) != 0), out frame);
        if (status == PageStatus.Ok)
        {
            ref GuestPage state = ref _pages[page.Value];
            if (state.Pins == ushort.MaxValue)
            {
                return PageStatus.Busy;
            }

            state.Pins++;
            AddMapping(page);
        }

        return status;
    }

    /// <summary>Ends a <see cref="Pin"/>.</summary>
    /// <exception cref="InvalidOperationException">The page is not pinned.</exception>
    public void Unpin(Gfn page)
    {
        ref GuestPage state = ref Writable(page);
        if (state.Pins == 0)
        {
            throw new InvalidOperationException($"Guest page {page} is not pinned.");
        }

        state.Pins--;
        DropMapping(page);
    }

    /// <summary>How many times a page is pinned for devices.</summary>
    public int PinsOf(Gfn page) => Page(page).Pins;

    /// <summary>Reads bytes. A page that is not backed reads as zero and stays so; one in the store is brought back.</summary>
    /// <returns>What stopped it; bytes before that page are read.</returns>
    public PageStatus Read(Gpa address, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int length = Math.Min(destination.Length, PageSize.Bytes - (int)address.PageOffset);
            if (!Contains(address.Page))
            {
                return PageStatus.OutsideMemory;
            }

            GuestPageState state = _pages[address.Page.Value].State;
            if ((state & (GuestPageState.Present | GuestPageState.Stored | GuestPageState.Hole)) == 0)
            {
                destination[..length].Clear();
            }
            else
            {
                PageStatus status = Bring(address.Page, write: false, out Pfn frame);
                if (status != PageStatus.Ok)
                {
                    return status;
                }

                Host.Bytes(frame).Slice((int)address.PageOffset, length).CopyTo(destination);
            }

            destination = destination[length..];
            address = new Gpa(address.Value + (ulong)length);
        }

        return PageStatus.Ok;
    }

    /// <summary>Writes bytes through the one door: sharing is broken, and a store to a watched page is reported.</summary>
    /// <returns>What stopped it; pages before that one are written.</returns>
    public PageStatus Write(Gpa address, ReadOnlySpan<byte> source)
    {
        while (source.Length > 0)
        {
            int length = Math.Min(source.Length, PageSize.Bytes - (int)address.PageOffset);
            PageStatus status = Bring(address.Page, write: true, out Pfn frame);
            if (status != PageStatus.Ok)
            {
                return status;
            }

            Span<byte> target = Host.Bytes(frame).Slice((int)address.PageOffset, length);
            StoreWhole(source[..length], target, address.PageOffset);
            HostStored?.Invoke(frame, (int)address.PageOffset, length);
            if ((_pages[address.Page.Value].State & GuestPageState.Watched) != 0)
            {
                _watcher?.Stored(address, length);
            }

            source = source[length..];
            address = new Gpa(address.Value + (ulong)length);
        }

        return PageStatus.Ok;
    }

    /// <summary>Reports a store to a watched page that the caller performed itself, or whose value is the same.</summary>
    public void ReportStore(Gpa address, int length)
    {
        if (Contains(address.Page) && (_pages[address.Page.Value].State & GuestPageState.Watched) != 0)
        {
            _watcher?.Stored(address, length);
        }
    }

    /// <summary>
    /// Replaces an aligned 4- or 8-byte value if it is still the expected one: how the host sets accessed and dirty bits.
    /// This is not a store of the guest: no watcher hears of it.
    /// </summary>
    /// <param name="address">Where; a multiple of <paramref name="width"/>.</param>
    /// <param name="width">4 or 8 bytes.</param>
    /// <param name="expected">What must stand there.</param>
    /// <param name="desired">What stands there then.</param>
    /// <returns><see cref="PageStatus.Changed"/> when another value stood there; else as <see cref="Bring"/> for writing.</returns>
    public PageStatus CompareExchange(Gpa address, int width, ulong expected, ulong desired)
    {
        PageStatus status = Bring(address.Page, write: true, out Pfn frame);
        if (status != PageStatus.Ok)
        {
            return status;
        }

        byte* place = Host.Address(frame) + address.PageOffset;
        bool done = width == 4
            ? Interlocked.CompareExchange(ref *(uint*)place, (uint)desired, (uint)expected) == (uint)expected
            : Interlocked.CompareExchange(ref *(ulong*)place, desired, expected) == expected;
        return done ? PageStatus.Ok : PageStatus.Changed;
    }

    /// <summary>The address of the bytes behind a guest address, or null where reading needs more than a look.</summary>
    /// <remarks>For walks: valid while the lock is held and nothing is brought, shared or taken back.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Peek(Gpa address)
    {
        if (address.Page.Value < PageCount)
        {
            GuestPage state = _pages[address.Page.Value];
            if ((state.State & (GuestPageState.Present | GuestPageState.Hole)) == GuestPageState.Present)
            {
                return Host.Address(new Pfn(state.Backing)) + address.PageOffset;
            }
        }

        return null;
    }

    /// <summary>Reads a page that lies in the store and leaves it there: for who looks and must not change anything.</summary>
    /// <returns>False when the page does not lie there or cannot be read.</returns>
    public bool TryLookAtStored(Gfn page, Span<byte> destination) =>
        Contains(page)
        && (_pages[page.Value].State & GuestPageState.Stored) != 0
        && Store is not null
        && Store.TryLoad(_pages[page.Value].Backing, destination);

    /// <summary>The host takes the frame behind a page back and keeps its content in <see cref="Store"/> (zero pages need none).</summary>
    /// <returns><see cref="PageStatus.Busy"/> for a page that is pinned or in use; <see cref="PageStatus.StoreFailed"/> without room.</returns>
    public PageStatus Reclaim(Gfn page)
    {
        if (!Contains(page))
        {
            return PageStatus.OutsideMemory;
        }

        ref GuestPage state = ref _pages[page.Value];
        if ((state.State & GuestPageState.Present) == 0)
        {
            return PageStatus.Ok;
        }

        return state.Pins > 0 || (_watcher is not null && !_watcher.PrepareReclaim(page))
            ? PageStatus.Busy
            : _backing.TakeBack(ref state, Store);
    }

    /// <summary>
    /// A second guest with the same content: every frame is shared copy-on-write between the two from now on.
    /// The copy has no watcher and no page store of its own yet.
    /// </summary>
    /// <param name="copy">The copy; null when a device holds a page (<see cref="PageStatus.Busy"/>) or stored pages cannot be brought back.</param>
    public PageStatus Share(out GuestMemory? copy)
    {
        copy = null;
        for (uint page = 0; page < PageCount; page++)
        {
            if (_pages[page].Pins > 0)
            {
                return PageStatus.Busy;
            }

            if ((_pages[page].State & GuestPageState.Stored) != 0)
            {
                PageStatus status = Bring(new Gfn(page), write: false, out _);
                if (status != PageStatus.Ok)
                {
                    return status;
                }
            }
        }

        _watcher?.ProtectAll();
        copy = new GuestMemory(Host, (int)PageCount);
        for (uint page = 0; page < PageCount; page++)
        {
            copy._backing.ShareInto(ref _pages[page], ref copy._pages[page]);
        }

        return PageStatus.Ok;
    }

    /// <summary>Gives every frame and every stored page back. The watcher lets go of them first; a device must have done so.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _watcher?.Ending();
        for (uint page = 0; page < PageCount; page++)
        {
            _backing.GiveUp(ref _pages[page], Store);
        }

        PageCount = 0;
        NativeMemory.Free(_pages);
    }

    // A store of one aligned entry must be seen whole by a walk on another thread.
    private static void StoreWhole(ReadOnlySpan<byte> source, Span<byte> target, uint offset)
    {
        if (source.Length == 4 && (offset & 3) == 0)
        {
            Volatile.Write(ref Unsafe.As<byte, uint>(ref MemoryMarshal.GetReference(target)), MemoryMarshal.Read<uint>(source));
        }
        else if (source.Length == 8 && (offset & 7) == 0)
        {
            Volatile.Write(ref Unsafe.As<byte, ulong>(ref MemoryMarshal.GetReference(target)), MemoryMarshal.Read<ulong>(source));
        }
        else
        {
            source.CopyTo(target);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private PageStatus BringSlowly(Gfn page, bool write, out Pfn frame)
    {
        frame = Pfn.None;
        if (page.Value >= PageCount)
        {
            return PageStatus.OutsideMemory;
        }

        ref GuestPage state = ref _pages[page.Value];
        if ((state.State & GuestPageState.Hole) != 0)
        {
            return PageStatus.Hole;
        }

        if (write && (state.State & GuestPageState.ReadOnly) != 0)
        {
            return PageStatus.ReadOnly;
        }

        if ((state.State & GuestPageState.Present) == 0)
        {
            PageStatus status = _backing.Back(ref state, Store);
            if (status != PageStatus.Ok)
            {
                return status;
            }
        }
        else if (write && (state.State & GuestPageState.Shared) != 0 && !_backing.TryBreakSharing(page, ref state, _watcher))
        {
            return PageStatus.OutOfMemory;
        }

        frame = new Pfn(state.Backing);
        return PageStatus.Ok;
    }

    private ref GuestPage Writable(Gfn page)
    {
        if (page.Value >= PageCount)
        {
            ThrowOutside(page);
        }

        return ref _pages[page.Value];
    }

    private static void ThrowOutside(Gfn page) => throw new ArgumentOutOfRangeException(nameof(page), page, "The page is not in guest memory.");
}
