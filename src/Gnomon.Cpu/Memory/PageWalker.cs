using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Memory;

/// <summary>What a walk ended with.</summary>
internal enum WalkStatus
{
    /// <summary>The access is allowed; the page is known.</summary>
    Ok,

    /// <summary>A page fault, with its error code.</summary>
    Fault,

    /// <summary>The second translation refused a table; <see cref="WalkResult.Physical"/> is where.</summary>
    Refused,
}

/// <summary>What a walk found.</summary>
internal struct WalkResult
{
    /// <summary>The 4 KiB page's physical address (inside a large page too), or where the second translation refused.</summary>
    public ulong Physical;

    /// <summary>The page fault's error code, or the second translation's.</summary>
    public PageFaultCode Code;

    /// <summary>Whether every level allows writing.</summary>
    public bool Writable;

    /// <summary>Whether every level lets user code in.</summary>
    public bool User;

    /// <summary>Whether no level forbids fetching.</summary>
    public bool Executable;

    /// <summary>Whether D is set in the leaf.</summary>
    public bool Dirty;

    /// <summary>Whether a large page maps it.</summary>
    public bool Large;

    /// <summary>Whether the leaf is global and CR4.PGE on.</summary>
    public bool Global;

    /// <summary>Whether the second translation refused a write of a table (A or D) and not a read.</summary>
    public bool RefusedWrite;
}

/// <summary>
/// The processor's walk of page tables in physical memory (Intel SDM vol. 3, 4.3, 4.4, 4.7, 4.8): every level's rights, reserved bits,
/// large pages, no-execute, A and D by interlocked operations. A table that is not memory reads as zero: nothing is present there.
/// </summary>
/// <typeparam name="TFormat">The format of the tables.</typeparam>
// SAFETY: a table's page is found by PhysicalMemory, which answers for its 4096 bytes; indices are below a table's length, and PAE's
// pointer registers are not read here.
internal static unsafe class PageWalker<TFormat>
    where TFormat : struct, IPagingFormat
{
    /// <summary>Translates one access.</summary>
    /// <param name="memory">Where the tables lie.</param>
    /// <param name="root">The physical address of the first table walked.</param>
    /// <param name="level">Its level: the format's top one; in PAE 2, since the top entries are registers.</param>
    /// <param name="address">The linear address.</param>
    /// <param name="access">What is wanted.</param>
    /// <param name="controls">What the control registers say.</param>
    /// <param name="result">What was found.</param>
    [SkipLocalsInit]
    public static WalkStatus Walk(
        PhysicalMemory memory, ulong root, int level, uint address, PageAccess access, PagingControls controls, ref WalkResult result)
    {
    again:
        PageFaultCode fault = access.Code;
        if (!TFormat.HasNoExecute(controls))
        {
            fault &= ~PageFaultCode.Fetch;
        }

        bool writable = true, user = true, executable = true;
        ulong table = root;
        for (int at = level; ; at--)
        {
            ulong placeAddress = table + (ulong)(Paging<TFormat>.IndexOf(address, at) * TFormat.EntrySize);
            PhysicalPage page = memory.Find(placeAddress >> PageSize.Shift, write: false);
            if (page.Kind == PhysicalPageKind.Refused)
            {
                return Refuse(ref result, placeAddress, page.Code, write: false);
            }

            byte* place = (byte*)page.Address + (placeAddress & PageSize.OffsetMask);
            ulong entry = page.Kind == PhysicalPageKind.Memory ? Entry<TFormat>.Read(place) : 0;
            if ((entry & PageEntry.Present) == 0)
            {
                result.Code = fault;
                return WalkStatus.Fault;
            }

            if ((entry & TFormat.ReservedBits(entry, at, controls)) != 0)
            {
                result.Code = fault | PageFaultCode.Present | PageFaultCode.Reserved;
                return WalkStatus.Fault;
            }

            bool large = TFormat.IsLarge(entry, at, controls);
            writable &= (entry & PageEntry.Writable) != 0;
            user &= (entry & PageEntry.User) != 0;
            executable &= !TFormat.HasNoExecute(controls) || (entry & PageEntry.NoExecute) == 0;
            if (at > 1 && !large)
            {
                if ((entry & PageEntry.Accessed) == 0)
                {
                    PhysicalPage stored = memory.Find(placeAddress >> PageSize.Shift, write: true);
                    if (stored.Kind == PhysicalPageKind.Refused)
                    {
                        return Refuse(ref result, placeAddress, stored.Code, write: true);
                    }

                    if (stored.Kind == PhysicalPageKind.Memory
                        && !Entry<TFormat>.Replace((byte*)stored.Address + (placeAddress & PageSize.OffsetMask), entry, entry | PageEntry.Accessed))
                    {
                        goto again;
                    }
                }

                table = entry & TFormat.AddressMask;
                continue;
            }

            bool mayWrite = writable || (!access.IsUser && (controls & PagingControls.WriteProtect) == 0);
            if ((access.IsWrite && !mayWrite) || (access.IsUser && !user) || (access.IsFetch && !executable))
            {
                result.Code = fault | PageFaultCode.Present;
                return WalkStatus.Fault;
            }

            ulong used = entry | PageEntry.Accessed | (access.IsWrite ? PageEntry.Dirty : 0);
            if (used != entry)
            {
                PhysicalPage stored = memory.Find(placeAddress >> PageSize.Shift, write: true);
                if (stored.Kind == PhysicalPageKind.Refused)
                {
                    return Refuse(ref result, placeAddress, stored.Code, write: true);
                }

                if (stored.Kind == PhysicalPageKind.Memory
                    && !Entry<TFormat>.Replace((byte*)stored.Address + (placeAddress & PageSize.OffsetMask), entry, used))
                {
                    goto again;
                }
            }

            ulong physical = entry & TFormat.AddressMask;
            if (large)
            {
                ulong inside = Paging<TFormat>.ReachOf(1) - 1;
                physical = (physical & ~inside) | (address & inside & ~(ulong)PageSize.OffsetMask);
            }

            result.Physical = physical;
            result.Large = large;
            result.Writable = writable;
            result.User = user;
            result.Executable = executable;
            result.Dirty = (used & PageEntry.Dirty) != 0;
            result.Global = (entry & PageEntry.Global) != 0;
            return WalkStatus.Ok;
        }
    }

    private static WalkStatus Refuse(ref WalkResult result, ulong physical, uint code, bool write)
    {
        result.Physical = physical;
        result.Code = (PageFaultCode)code;
        result.RefusedWrite = write;
        return WalkStatus.Refused;
    }
}
