using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Workloads;

/// <summary>What a Unix kernel does with whole address spaces: fork with copy-on-write, and giving everything back.</summary>
internal static class GuestProcesses
{
    /// <summary>Forks the current address space: both lose the right to write, and the current one is flushed.</summary>
    public static GuestSpace Fork(this GuestKernel kernel)
    {
        GuestSpace parent = kernel.Current;
        GuestSpace child = kernel.NewSpace();
        foreach (uint address in parent.UserPages)
        {
            ulong entry = kernel.LeafOf(parent, address);
            if ((entry & PageEntry.Writable) != 0)
            {
                entry &= ~PageEntry.Writable;
                kernel.WriteLeaf(parent, address, entry, announce: false);
            }

            // The child's copy is young and was not written by the child.
            kernel.WriteLeaf(child, address, entry & ~(PageEntry.Accessed | PageEntry.Dirty), announce: false);
            kernel.Frames.Share((uint)(entry >> PageSize.Shift));
            child.UserPages.Add(address);
        }

        kernel.Emit(new TraceOperation.FlushUser());
        return child;
    }

    /// <summary>Takes every user page and table from an address space, and says so entry by entry as the tables go.</summary>
    public static void Empty(this GuestKernel kernel, GuestSpace space)
    {
        HashSet<uint> reaches = [];
        foreach (uint address in space.UserPages)
        {
            ulong entry = kernel.LeafOf(space, address);
            kernel.WriteLeaf(space, address, 0, announce: false);
            kernel.Frames.Drop((uint)(entry >> PageSize.Shift));
            reaches.Add(address & ~(kernel.Shape.LeafReach - 1));
        }

        space.UserPages.Clear();
        for (int level = 2; level <= kernel.Shape.Levels; level++)
        {
            HashSet<ulong> done = [];
            foreach (uint address in reaches.Order())
            {
                ulong place = kernel.Tables.Place(space.Directory, address, level)!.Value;
                if (done.Add(place))
                {
                    uint table = (uint)(kernel.Tables.Read(place) >> PageSize.Shift);
                    kernel.Tables.Link(space.Directory, address, level, 0, announce: true);
                    kernel.Frames.Drop(table);
                }
            }
        }
    }

    /// <summary>Ends an address space that is not loaded.</summary>
    public static void Destroy(this GuestKernel kernel, GuestSpace space)
    {
        kernel.Empty(space);
        kernel.Frames.Drop((uint)(space.Directory >> PageSize.Shift));
    }
}
