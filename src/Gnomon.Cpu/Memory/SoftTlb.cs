using System.Runtime.InteropServices;
using Gnomon.Memory;

namespace Gnomon.Cpu.Memory;

/// <summary>
/// One entry of a software TLB. A tag is the linear address of a page, or <see cref="Invalid"/>. Accesses compare the page of their
/// <em>last</em> byte with the tag that the page of their <em>first</em> byte selects, so that one that crosses a page always misses.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    /// <summary>No page: page addresses end in twelve zero bits.</summary>
    public const uint Invalid = 1;

    /// <summary>The page that may be read, or <see cref="Invalid"/>.</summary>
    public uint ReadTag;

    /// <summary>The page that may be written without more ado (its D bit is set, no code was decoded from it), or <see cref="Invalid"/>.</summary>
    public uint WriteTag;

    /// <summary>What turns a linear address into a host address.</summary>
    public nint Delta;
}

/// <summary>The TLBs of one privilege: data and fetches. Direct mapped by page number.</summary>
// SAFETY: the arrays are native, allocated and freed by this object; indices are masked to their length.
internal sealed unsafe class SoftTlb : IDisposable
{
    /// <summary>Entries; a power of two.</summary>
    public const int Entries = 1024;

    /// <summary>Entries for fetches.</summary>
    public const int FetchEntries = 256;

    private readonly TlbEntry* _data;
    private readonly FetchEntry* _fetch;
    private readonly byte* _global;
    private readonly ushort[] _filled = new ushort[256];
    private int _filledCount;
    private bool _hasLarge;

    public SoftTlb()
    {
        _data = (TlbEntry*)NativeMemory.AlignedAlloc((nuint)(Entries * sizeof(TlbEntry)), 64);
        _fetch = (FetchEntry*)NativeMemory.AllocZeroed((nuint)FetchEntries, (nuint)sizeof(FetchEntry));
        _global = (byte*)NativeMemory.AllocZeroed(Entries);
        Flush(keepGlobal: false);
    }

    /// <summary>The data entries.</summary>
    public TlbEntry* Data => _data;

    /// <summary>Enters a translation.</summary>
    /// <param name="address">Any linear address in the page.</param>
    /// <param name="host">The page's first byte.</param>
    /// <param name="write">Whether stores may go there straight away.</param>
    /// <param name="global">Whether it survives a load of CR3.</param>
    /// <param name="large">Whether it is part of a large page.</param>
    public void Fill(uint address, byte* host, bool write, bool global, bool large)
    {
        _hasLarge |= large;
        uint page = address & ~PageSize.OffsetMask;
        int index = (int)(address >> PageSize.Shift) & (Entries - 1);
        TlbEntry* entry = _data + index;
        if (entry->ReadTag == TlbEntry.Invalid)
        {
            if (_filledCount < _filled.Length)
            {
                _filled[_filledCount] = (ushort)index;
            }

            _filledCount++;
        }

        entry->ReadTag = page;
        entry->WriteTag = write ? page : TlbEntry.Invalid;
        entry->Delta = (nint)host - (nint)page;
        _global[index] = global ? (byte)1 : (byte)0;
    }

    /// <summary>Enters a translation for fetches.</summary>
    /// <returns>The page whose translation had to go for it, or null.</returns>
    public uint? FillFetch(uint address, byte* host, uint version, bool global)
    {
        FetchEntry* entry = _fetch + ((address >> PageSize.Shift) & (FetchEntries - 1));
        uint? gone = entry->Host != null ? entry->Tag : null;
        entry->Tag = address & ~PageSize.OffsetMask;
        entry->Host = host;
        entry->Version = version;
        entry->Global = global;
        entry->Code = null;
        return gone;
    }

    /// <summary>The translation for a fetch, or null.</summary>
    public FetchEntry* FindFetch(uint address)
    {
        FetchEntry* entry = _fetch + ((address >> PageSize.Shift) & (FetchEntries - 1));
        return entry->Host != null && entry->Tag == (address & ~PageSize.OffsetMask) ? entry : null;
    }

    /// <summary>Drops everything, or all but global translations.</summary>
    public void Flush(bool keepGlobal)
    {
        if (keepGlobal)
        {
            FlushLocal();
            return;
        }

        if (_filledCount <= _filled.Length && _filledCount > 0)
        {
            for (int i = 0; i < _filledCount; i++)
            {
                Drop(_filled[i]);
            }
        }
        else
        {
            for (int i = 0; i < Entries; i++)
            {
                Drop(i);
            }
        }

        _filledCount = 0;
        _hasLarge = false;
        new Span<FetchEntry>(_fetch, FetchEntries).Clear();
    }

    /// <summary>Drops one page; of a large page all parts, wherever they were entered (Intel SDM vol. 3, 4.10.2.3).</summary>
    public FetchesGone FlushPage(uint address)
    {
        if (_hasLarge)
        {
            FlushLarge(address);
            return FetchesGone.Several;
        }

        int index = (int)(address >> PageSize.Shift) & (Entries - 1);
        uint page = address & ~PageSize.OffsetMask;
        if (_data[index].ReadTag == page)
        {
            // Stays in the list of filled ones: dropping it twice does no harm.
            Drop(index);
        }

        FetchEntry* entry = _fetch + ((address >> PageSize.Shift) & (FetchEntries - 1));
        if (entry->Host == null || entry->Tag != page)
        {
            return FetchesGone.None;
        }

        entry->Host = null;
        return FetchesGone.One;
    }

    /// <summary>Takes the right to write from every translation of a host page, or from all when it is null.</summary>
    public void ProtectPage(byte* host)
    {
        for (int i = 0; i < Entries; i++)
        {
            if (_data[i].WriteTag != TlbEntry.Invalid && (host == null || _data[i].Delta + (nint)_data[i].WriteTag == (nint)host))
            {
                _data[i].WriteTag = TlbEntry.Invalid;
            }
        }
    }

    /// <summary>Takes the right to write from one linear page.</summary>
    public void ProtectLinear(uint address)
    {
        int index = (int)(address >> PageSize.Shift) & (Entries - 1);
        if (_data[index].WriteTag == (address & ~PageSize.OffsetMask))
        {
            _data[index].WriteTag = TlbEntry.Invalid;
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        NativeMemory.Free(_fetch);
        NativeMemory.Free(_global);
    }

    // Without knowing which are parts of one: all of the 4 MiB around the address.
    private void FlushLarge(uint address)
    {
        const uint mask = 0xFFC0_0000;
        for (int i = 0; i < Entries; i++)
        {
            if (((_data[i].ReadTag ^ address) & mask) == 0)
            {
                Drop(i);
            }
        }

        for (int i = 0; i < FetchEntries; i++)
        {
            if (((_fetch[i].Tag ^ address) & mask) == 0)
            {
                _fetch[i].Host = null;
            }
        }
    }

    private void FlushLocal()
    {
        int kept = 0;
        int known = Math.Min(_filledCount, _filled.Length);
        bool all = _filledCount > _filled.Length;
        int end = all ? Entries : known;
        for (int i = 0; i < end; i++)
        {
            int index = all ? i : _filled[i];
            if (_data[index].ReadTag == TlbEntry.Invalid)
            {
                continue;
            }

            if (_global[index] == 0)
            {
                Drop(index);
            }
            else
            {
                if (kept < _filled.Length)
                {
                    _filled[kept] = (ushort)index;
                }

                kept++;
            }
        }

        _filledCount = kept;
        for (int i = 0; i < FetchEntries; i++)
        {
            if (!_fetch[i].Global)
            {
                _fetch[i].Host = null;
            }
        }
    }

    private void Drop(int index)
    {
        _data[index].ReadTag = TlbEntry.Invalid;
        _data[index].WriteTag = TlbEntry.Invalid;
    }
}

/// <summary>Which translations for fetches a flush has dropped.</summary>
[Flags]
internal enum FetchesGone
{
    None = 0,

    /// <summary>That of the page itself.</summary>
    One = 1,

    /// <summary>Perhaps those of other pages too.</summary>
    Several = 2,
}

/// <summary>A translation for fetches.</summary>
// SAFETY: lies in a SoftTlb's array; the host page is dropped from it before it can go.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FetchEntry
{
    /// <summary>The page's first byte, or null.</summary>
    public byte* Host;

    /// <summary>The linear address of the page.</summary>
    public uint Tag;

    /// <summary>The content's version (<see cref="PhysicalPage.Version"/>).</summary>
    public uint Version;

    /// <summary>Whether it survives a load of CR3.</summary>
    public bool Global;

    /// <summary>The page's blocks, once there are any.</summary>
    public Execution.CodePage* Code;
}
