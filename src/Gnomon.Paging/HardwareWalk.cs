using System.Runtime.CompilerServices;
using Gnomon.Memory;

namespace Gnomon.Paging;

/// <summary>What a walk of real tables found.</summary>
/// <param name="Frame">The 4 KiB frame (inside a large page too).</param>
/// <param name="Writable">Whether every level allows writing.</param>
/// <param name="User">Whether every level lets user code in.</param>
/// <param name="Executable">Whether no level forbids fetching.</param>
/// <param name="Dirty">Whether the leaf's D bit is set.</param>
public readonly record struct HardwareTranslation(Pfn Frame, bool Writable, bool User, bool Executable, bool Dirty);

/// <summary>
/// The walk that a processor does: over tables in physical memory, whatever they are, with every level's rights, reserved bits, large
/// pages, no-execute, and accessed and dirty bits set by interlocked operations (Intel SDM vol. 3, 4.3, 4.4, 4.7, 4.8). It takes no lock:
/// an entry is read whole, and one that changed meanwhile is read again.
/// </summary>
/// <typeparam name="TFormat">The format of the tables.</typeparam>
// SAFETY: a table's entry is where ITableMemory says it is, which answers for the whole aligned entry; indices are below a table's length.
public static unsafe class HardwareWalk<TFormat>
    where TFormat : struct, IPagingFormat
{
    /// <summary>Translates one access over tables in host frames.</summary>
    /// <param name="memory">Where the tables lie.</param>
    /// <param name="root">The frame of the top-level table; it starts at the frame's first byte.</param>
    /// <param name="address">The linear address.</param>
    /// <param name="access">What the access wants.</param>
    /// <param name="controls">What the control registers say.</param>
    /// <param name="translation">The page, where the walk succeeds.</param>
    /// <param name="fault">The error code, where it does not.</param>
    /// <returns>Whether the access is allowed.</returns>
    public static bool TryTranslate(
        HostMemory memory,
        Pfn root,
        Gva address,
        PageAccess access,
        PagingControls controls,
        out HardwareTranslation translation,
        out PageFaultCode fault)
    {
        HostTables tables = new(memory);
        WalkResult result = default;
        bool allowed = Walk(ref tables, (ulong)root.Value << PageSize.Shift, TFormat.Levels, address.Value, access, controls, ref result) == WalkStatus.Ok;
        translation = allowed
            ? new HardwareTranslation(new Pfn((uint)(result.Physical >> PageSize.Shift)), result.Writable, result.User, result.Executable, result.Dirty)
            : default;
        fault = allowed ? access.Code : result.Code;
        return allowed;
    }

    /// <summary>Translates one access over tables in any memory.</summary>
    /// <typeparam name="TTables">The memory.</typeparam>
    /// <param name="tables">Where the tables lie.</param>
    /// <param name="root">The physical address of the first table walked.</param>
    /// <param name="level">Its level: the format's top one; in PAE 2, where the top entries are registers.</param>
    /// <param name="address">The linear address.</param>
    /// <param name="access">What the access wants.</param>
    /// <param name="controls">What the control registers say.</param>
    /// <param name="result">What was found. Fields that the status does not speak of are left alone.</param>
    [SkipLocalsInit]
    public static WalkStatus Walk<TTables>(
        ref TTables tables, ulong root, int level, uint address, PageAccess access, PagingControls controls, ref WalkResult result)
        where TTables : struct, ITableMemory, allows ref struct
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
            if (!tables.TryFind(placeAddress, write: false, out byte* place, out PageFaultCode refusal))
            {
                return Refuse(ref result, placeAddress, refusal, write: false);
            }

            ulong entry = place == null ? 0 : Entry<TFormat>.Read(place);
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
            if (TFormat.HasRights(at))
            {
                writable &= (entry & PageEntry.Writable) != 0;
                user &= (entry & PageEntry.User) != 0;
            }

            executable &= !TFormat.HasNoExecute(controls) || (entry & PageEntry.NoExecute) == 0;
            bool leaf = at == 1 || large;
            if (leaf)
            {
                bool mayWrite = writable || (!access.IsUser && (controls & PagingControls.WriteProtect) == 0);
                if ((access.IsWrite && !mayWrite) || (access.IsUser && !user) || (access.IsFetch && !executable))
                {
                    result.Code = fault | PageFaultCode.Present;
                    return WalkStatus.Fault;
                }
            }

            ulong used = !TFormat.HasRights(at) ? entry : entry | PageEntry.Accessed | (leaf && access.IsWrite ? PageEntry.Dirty : 0);
            if (used != entry)
            {
                if (!tables.TryFind(placeAddress, write: true, out place, out refusal))
                {
                    return Refuse(ref result, placeAddress, refusal, write: true);
                }

                if (place != null && !Entry<TFormat>.Replace(place, entry, used))
                {
                    goto again;
                }
            }

            ulong physical = entry & TFormat.AddressMask;
            if (!leaf)
            {
                table = physical;
                continue;
            }

            if (large)
            {
                ulong inside = Paging<TFormat>.ReachOf(1) - 1;
                physical = (physical & ~inside) | (address & inside & ~(ulong)PageSize.OffsetMask);
            }

            result.Physical = physical;
            result.Writable = writable;
            result.User = user;
            result.Executable = executable;
            result.Large = large;
            result.Dirty = (used & PageEntry.Dirty) != 0;
            result.Global = (entry & PageEntry.Global) != 0;
            return WalkStatus.Ok;
        }
    }

    private static WalkStatus Refuse(ref WalkResult result, ulong physical, PageFaultCode refusal, bool write)
    {
        result.Physical = physical;
        result.Code = refusal;
        result.RefusedWrite = write;
        return WalkStatus.Refused;
    }

    // Tables that the host itself keeps: every address in them is one of its frames.
    private readonly struct HostTables(HostMemory memory) : ITableMemory
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryFind(ulong address, bool write, out byte* place, out PageFaultCode refusal)
        {
            place = memory.Address(new Pfn((uint)(address >> PageSize.Shift))) + (address & PageSize.OffsetMask);
            refusal = default;
            return true;
        }
    }
}

/// <summary>Reading and writing one entry of a format in memory: whole, in one access.</summary>
/// <typeparam name="TFormat">The format.</typeparam>
// SAFETY: the caller's pointers name aligned entries inside a frame or an array that it keeps.
public static unsafe class Entry<TFormat>
    where TFormat : struct, IPagingFormat
{
    /// <summary>Reads an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Read(byte* place) => TFormat.EntrySize == 4 ? Volatile.Read(ref *(uint*)place) : Volatile.Read(ref *(ulong*)place);

    /// <summary>Writes an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* place, ulong entry)
    {
        if (TFormat.EntrySize == 4)
        {
            Volatile.Write(ref *(uint*)place, (uint)entry);
        }
        else
        {
            Volatile.Write(ref *(ulong*)place, entry);
        }
    }

    /// <summary>Replaces an entry if it is still the expected one.</summary>
    /// <returns>Whether it was.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Replace(byte* place, ulong expected, ulong desired) => TFormat.EntrySize == 4
        ? Interlocked.CompareExchange(ref *(uint*)place, (uint)desired, (uint)expected) == (uint)expected
        : Interlocked.CompareExchange(ref *(ulong*)place, desired, expected) == expected;
}
