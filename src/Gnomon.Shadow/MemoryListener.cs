using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>What the shadow tables do when guest memory tells of a store, of a frame that changes, of sharing.</summary>
// SAFETY: page numbers come from the memory itself and are below its size; table numbers come from the lists of those pages.
internal sealed unsafe class MemoryListener<TFormat>(ShadowTables<TFormat> tables, IDisposable owner) : IGuestMemoryWatcher
    where TFormat : struct, IPagingFormat
{
    /// <inheritdoc/>
    public void Stored(Gpa address, int length) => tables.Watch.Stored(address, length);

    /// <inheritdoc/>
    public void DropMappings(Gfn page)
    {
        tables.ReleaseLeavesOf(page);
        tables.Shootdown.Complete();
    }

    /// <inheritdoc/>
    public bool PrepareReclaim(Gfn page)
    {
        ref ShadowPage state = ref tables.Pages[page.Value];
        if (state.Stacks > 0)
        {
            return false;
        }

        for (int number = state.FirstTable; number != 0; number = tables.Table[number].NextInPage)
        {
            if (tables.Table[number].Key.HasGuestTable && tables.Table[number].Is(TableFlags.Root) && tables.Table[number].InUse > 0)
            {
                return false;
            }
        }

        tables.Watch.ForgetAll(page);
        tables.ReleaseLeavesOf(page);
        tables.Shootdown.Complete();
        return true;
    }

    /// <inheritdoc/>
    public void Ending() => owner.Dispose();

    /// <inheritdoc/>
    public void ProtectAll()
    {
        for (uint page = 0; page < tables.Memory.PageCount; page++)
        {
            if (tables.Pages[page].Leaves != 0)
            {
                tables.RevokeWrite(new Gfn(page));
            }
        }

        tables.Shootdown.Complete();
    }
}
