using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Memory;

/// <summary>Page tables in the processor's physical memory. Where no memory is, nothing is present.</summary>
// SAFETY: PhysicalMemory answers for the 4096 bytes of a page.
internal readonly unsafe struct PhysicalTables(PhysicalMemory memory) : ITableMemory
{
    public bool TryFind(ulong address, bool write, out byte* place, out PageFaultCode refusal)
    {
        PhysicalPage page = memory.Find(address >> PageSize.Shift, write);
        place = page.Kind == PhysicalPageKind.Memory ? (byte*)page.Address + (address & PageSize.OffsetMask) : null;
        refusal = (PageFaultCode)page.Code;
        return page.Kind != PhysicalPageKind.Refused;
    }
}
