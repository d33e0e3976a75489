using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// The physical memory that an unmodified guest's processor sees. Under shadow tables it is the host's frames. While the guest's paging is
/// off, or under nested paging, it is the guest's memory behind a second translation: the shadow tables of linear mode.
/// </summary>
internal sealed class TranslatedMemory(HostMemory host) : PhysicalMemory
{
    private readonly HostFrames _frames = new(host);
    private readonly NestedMemory<TwoLevel> _nested = new(host, Pfn.None);
    private DeviceWindow[] _holes = [];
    private ulong _pages;

    /// <summary>Whether addresses are the guest's, and are translated once more.</summary>
    public bool IsNested { get; set; }

    /// <summary>The root of the second translation.</summary>
    public Pfn Root
    {
        get => _nested.Root;
        set => _nested.Root = value;
    }

    /// <summary>A guest begins.</summary>
    public void Attach(GuestMemory memory, IReadOnlyList<DeviceWindow> holes)
    {
        _pages = memory.PageCount;
        _holes = [.. holes];
    }

    /// <summary>The first byte of a frame, as the processor's code cache knows it.</summary>
    public nint AddressOf(Pfn frame) => _frames.AddressOf(frame);

    /// <inheritdoc/>
    public override PhysicalPage Find(ulong page, bool write)
    {
        if (!IsNested)
        {
            return _frames.Find(page, write);
        }

        return page >= _pages || IsHole(page << PageSize.Shift) ? PhysicalPage.Device : _nested.Find(page, write);
    }

    private bool IsHole(ulong address)
    {
        foreach (DeviceWindow hole in _holes)
        {
            ulong first = hole.Start.Value & ~(ulong)PageSize.OffsetMask;
            if (address >= first && address < hole.Start.Value + hole.Length)
            {
                return true;
            }
        }

        return false;
    }
}
