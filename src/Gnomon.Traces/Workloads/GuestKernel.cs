using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Workloads;

/// <summary>
/// A little guest kernel: it keeps its own page tables, tells the host what it changes, and handles the page faults of its programs.
/// All of it becomes lines of a trace. It knows what the host does to A and D, so its tables stay true.
/// </summary>
public sealed class GuestKernel
{
    /// <summary>Pages of a generated guest: 32 MiB.</summary>
    public const int MemoryPages = 8192;

    /// <summary>Where the kernel's half begins.</summary>
    public const uint KernelBase = 0xC000_0000;

    /// <summary>Where the kernel maps what it wants, below the Switcher: one leaf table in every address space.</summary>
    public const uint KernelArea = 0xF000_0000;

    internal const ulong KernelFlags = PageEntry.Present | PageEntry.Writable | PageEntry.Accessed | PageEntry.Dirty;
    internal const ulong UserFlags = PageEntry.Present | PageEntry.Writable | PageEntry.User;
    internal const ulong UserReadOnly = PageEntry.Present | PageEntry.User;

    private const uint LowPages = 64;
    private const int OperationsLeft = 1 << 20;

    private readonly Action<TraceOperation> _emit;
    private readonly Action? _progress;
    private readonly GuestFrames _frames;
    private readonly GuestTables _tables;
    private GuestSpace? _swapper;
    private long _emitted;

    internal GuestKernel(TraceHeader header, int seed, Action<TraceOperation> emit, Action? progress)
    {
        _emit = emit;
        _progress = progress;
        Shape = header.Shape;
        Chance = new Chance(seed);
        _frames = new GuestFrames(LowPages, MemoryPages);
        _tables = new GuestTables(Shape, _frames, Emit);
    }

    /// <summary>The format.</summary>
    public FormatShape Shape { get; }

    /// <summary>Where chances come from.</summary>
    public Chance Chance { get; }

    /// <summary>The address space that is loaded.</summary>
    public GuestSpace Current { get; private set; } = null!;

    /// <summary>The kernel's own address space, from which others take their upper half.</summary>
    public GuestSpace Swapper => _swapper!;

    /// <summary>Pages that the guest can still take.</summary>
    public int FreePages => _frames.Free;

    internal GuestFrames Frames => _frames;

    internal GuestTables Tables => _tables;

    /// <summary>Counts rounds; ends early where the trace would become too long to be read.</summary>
    public IEnumerable<int> Rounds(int count)
    {
        for (int i = 0; i < count && _emitted < Trace.MaxOperations - OperationsLeft; i++)
        {
            yield return i;
            _progress?.Invoke();
        }
    }

    /// <summary>Writes a line.</summary>
    public void Emit(TraceOperation operation)
    {
        _emitted++;
        _emit(operation);
    }

    /// <summary>The invariants are checked.</summary>
    public void Audit() => Emit(new TraceOperation.Audit());

    /// <summary>Starts the guest: its own address space with low memory mapped, a stack, a place in the Switcher.</summary>
    internal void Start()
    {
        Emit(new TraceOperation.Init());
        _swapper = new GuestSpace(_tables.NewTable());
        for (uint page = 0; page < LowPages; page++)
        {
            WriteLeaf(_swapper, KernelBase + (page << PageSize.Shift), ((ulong)page << PageSize.Shift) | KernelFlags, announce: false);
        }

        _tables.PlaceOrBuild(_swapper.Directory, KernelArea, announce: false);
        Current = _swapper;
        Emit(new TraceOperation.Load(new Gpa(_swapper.Directory)));
        Emit(new TraceOperation.StackPages(new Gva(KernelBase + (2 << PageSize.Shift)), 1));
        Emit(new TraceOperation.MapSwitcher(0));
    }

    /// <summary>Makes an address space with the kernel's half in it.</summary>
    public GuestSpace NewSpace()
    {
        GuestSpace space = new(_tables.NewTable());
        for (int index = Shape.IndexOf(KernelBase, Shape.Levels); index < Shape.TopEntries; index++)
        {
            ulong offset = (ulong)(index * Shape.EntryBytes);
            ulong entry = _tables.Read(Swapper.Directory + offset);
            if (entry != 0)
            {
                _tables.Write(space.Directory + offset, entry);
            }
        }

        return space;
    }

    /// <summary>Switches to an address space, as the scheduler does.</summary>
    public void Switch(GuestSpace space)
    {
        Emit(new TraceOperation.Load(new Gpa(space.Directory)));
        Current = space;
    }

    /// <summary>Maps a page and says so.</summary>
    public void Map(GuestSpace space, uint address, ulong entry) => WriteLeaf(space, address, entry, announce: true);

    /// <summary>Maps a fresh user page, or the given one, without a word: the address space has not run there yet.</summary>
    public void MapQuietly(GuestSpace space, uint address, ulong flags)
    {
        WriteLeaf(space, address, ((ulong)_frames.Take() << PageSize.Shift) | flags, announce: false);
        space.UserPages.Add(address);
    }

    /// <summary>A program of the current address space touches a page. Where it faults, the kernel gives it a page, or a copy, and it goes on.</summary>
    public void Touch(uint address, bool write)
    {
        PageAccess access = new(PageFaultCode.User | (write ? PageFaultCode.Write : PageFaultCode.None));
        Emit(new TraceOperation.Access(new Gva(address + ((uint)Chance.Below(1024) * 4)), access));
        if (Note(address, write))
        {
            return;
        }

        ulong old = LeafOf(Current, address);
        uint frame = (uint)(old >> PageSize.Shift);
        if ((old & PageEntry.Present) == 0)
        {
            frame = _frames.Take();
            Current.UserPages.Add(address);
        }
        else if (_frames.Uses(frame) > 1)
        {
            _frames.Drop(frame);
            frame = _frames.Take();
        }

        ulong flags = UserFlags | PageEntry.Accessed | (write ? PageEntry.Dirty : 0);
        Map(Current, address, ((ulong)frame << PageSize.Shift) | flags);
        Emit(new TraceOperation.Access(new Gva(address), access));
        Note(address, write);
    }

    /// <summary>The kernel itself uses one of its pages, which must be mapped.</summary>
    public void TouchKernel(uint address, bool write)
    {
        Emit(new TraceOperation.Access(new Gva(address), new PageAccess(write ? PageFaultCode.Write : PageFaultCode.None)));
        Note(address, write);
    }

    /// <summary>What the guest's leaf entry of an address is now.</summary>
    public ulong LeafOf(GuestSpace space, uint address) =>
        _tables.Place(space.Directory, address, 1) is ulong place ? _tables.Read(place) : 0;

    /// <summary>Writes a leaf entry, making tables on the way, and says so if asked.</summary>
    internal void WriteLeaf(GuestSpace space, uint address, ulong entry, bool announce)
    {
        ulong place = _tables.PlaceOrBuild(space.Directory, address, announce);
        _tables.Write(place, entry);
        if (announce)
        {
            Emit(new TraceOperation.SetPte(new Gpa(space.Directory), new Gva(address), entry));
        }
    }

    // What the access does to A and D, if the guest's tables allow it.
    private bool Note(uint address, bool write)
    {
        if (_tables.Place(Current.Directory, address, 1) is not ulong place)
        {
            return false;
        }

        ulong entry = _tables.Read(place);
        if ((entry & PageEntry.Present) == 0 || (write && (entry & PageEntry.Writable) == 0))
        {
            return false;
        }

        _tables.Note(place, entry | PageEntry.Accessed | (write ? PageEntry.Dirty : 0));
        return true;
    }
}
