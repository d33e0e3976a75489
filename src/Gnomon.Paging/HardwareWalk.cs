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
/// The walk that a processor does: over tables in host frames, whatever they are, with accessed and dirty bits set by interlocked
/// operations (Intel SDM vol. 3, 4.3, 4.4, 4.8). It takes no lock: an entry is read whole, and one that changed meanwhile is read again.
/// </summary>
/// <typeparam name="TFormat">The format of the tables.</typeparam>
// SAFETY: the caller's root and every entry reached from it name frames of the same memory (that is the keeper's invariant);
// indices are below the size of a table.
public static unsafe class HardwareWalk<TFormat>
    where TFormat : struct, IPagingFormat
{
    /// <summary>Translates one access.</summary>
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
    again:
        translation = default;
        fault = access.Code;
        if (!TFormat.HasNoExecute(controls))
        {
            fault &= ~PageFaultCode.Fetch;
        }

        bool writable = true, user = true, executable = true;
        uint table = root.Value;
        for (int level = TFormat.Levels; ; level--)
        {
            // SAFETY: the caller's root and every entry reached from it name frames of this memory (that is the keeper's
            // invariant); the index is below the table's size.
            byte* place = memory.Address(new Pfn(table)) + (Paging<TFormat>.IndexOf(address.Value, level) * TFormat.EntrySize);
            ulong entry = Entry<TFormat>.Read(place);
            if ((entry & PageEntry.Present) == 0)
            {
                return false;
            }

            if ((entry & TFormat.ReservedBits(entry, level, controls)) != 0)
            {
                fault |= PageFaultCode.Present | PageFaultCode.Reserved;
                return false;
            }

            bool large = TFormat.IsLarge(entry, level, controls);
            if (TFormat.HasRights(level))
            {
                writable &= (entry & PageEntry.Writable) != 0;
                user &= (entry & PageEntry.User) != 0;
            }

            executable &= !TFormat.HasNoExecute(controls) || (entry & PageEntry.NoExecute) == 0;
            if (level > 1 && !large)
            {
                if (TFormat.HasRights(level) && (entry & PageEntry.Accessed) == 0
                    && !Entry<TFormat>.Replace(place, entry, entry | PageEntry.Accessed))
                {
                    goto again;
                }

                table = (uint)((entry & TFormat.AddressMask) >> PageSize.Shift);
                continue;
            }

            bool mayWrite = writable || (!access.IsUser && (controls & PagingControls.WriteProtect) == 0);
            if ((access.IsWrite && !mayWrite) || (access.IsUser && !user) || (access.IsFetch && !executable))
            {
                fault |= PageFaultCode.Present;
                return false;
            }

            ulong used = entry | PageEntry.Accessed | (access.IsWrite ? PageEntry.Dirty : 0);
            if (used != entry && !Entry<TFormat>.Replace(place, entry, used))
            {
                goto again;
            }

            uint frame = (uint)((entry & TFormat.AddressMask) >> PageSize.Shift);
            if (large)
            {
                uint inside = (uint)((Paging<TFormat>.ReachOf(1) - 1) >> PageSize.Shift);
                frame = (frame & ~inside) | ((address.Value >> PageSize.Shift) & inside);
            }

            translation = new HardwareTranslation(new Pfn(frame), writable, user, executable, (used & PageEntry.Dirty) != 0);
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
