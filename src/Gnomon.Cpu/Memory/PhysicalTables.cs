using System.Runtime.InteropServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Memory;

/// <summary>
/// Page tables in the processor's physical memory. Where no memory is, nothing is present. The pages of tables that walks have used last
/// are kept at hand, as the processor keeps its translations, until <see cref="Forget"/>.
/// </summary>
// SAFETY: PhysicalMemory answers for the 4096 bytes of a page until translations are dropped; then Forget is called. The entries are
// native, allocated and freed by this object; an index is masked to their number.
internal sealed unsafe class TablePages(PhysicalMemory memory) : IDisposable
{
    private const int Count = 32;

    private readonly Entry* _entries = (Entry*)NativeMemory.AllocZeroed(Count, (nuint)sizeof(Entry));
    private bool _any;

    /// <summary>Finds a table's bytes; see <see cref="ITableMemory.TryFind"/>.</summary>
    public bool TryFind(ulong address, bool write, out byte* place, out PageFaultCode refusal)
    {
        ulong page = address >> PageSize.Shift;
        Entry* entry = _entries + (page & (Count - 1));
        if (entry->Host != null && entry->Page == page && (entry->MayWrite || !write))
        {
            place = entry->Host + (address & PageSize.OffsetMask);
            refusal = PageFaultCode.None;
            return true;
        }

        PhysicalPage found = memory.Find(page, write);
        refusal = (PageFaultCode)found.Code;
        if (found.Kind != PhysicalPageKind.Memory)
        {
            place = null;
            return found.Kind != PhysicalPageKind.Refused;
        }

        *entry = new Entry { Page = page, Host = (byte*)found.Address, MayWrite = write };
        _any = true;
        place = entry->Host + (address & PageSize.OffsetMask);
        return true;
    }

    /// <summary>Translations are dropped.</summary>
    public void Forget()
    {
        if (_any)
        {
            _any = false;
            new Span<Entry>(_entries, Count).Clear();
        }
    }

    public void Dispose() => NativeMemory.Free(_entries);

    // SAFETY: see TablePages.
    private struct Entry
    {
        public ulong Page;
        public byte* Host;
        public bool MayWrite;
    }
}

/// <summary>The same, as walks want it.</summary>
// SAFETY: as TablePages.
internal readonly unsafe struct PhysicalTables(TablePages pages) : ITableMemory
{
    public bool TryFind(ulong address, bool write, out byte* place, out PageFaultCode refusal) => pages.TryFind(address, write, out place, out refusal);
}
