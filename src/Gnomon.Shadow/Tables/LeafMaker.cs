using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// From a guest entry to the rights of a shadow leaf, in one place: built from a whitelist of bits, writable only when the guest
/// allows it, has its D set, and the frame is this guest's alone and not watched.
/// </summary>
// SAFETY: the caller's table number and index name an entry of a live leaf table; a guest table lies whole in its page.
internal sealed unsafe class LeafMaker<TFormat>(ShadowTables<TFormat> tables)
    where TFormat : struct, IPagingFormat
{
    /// <summary>A splintered large page needs no guest entries for its neighbours: its window is so many times as wide.</summary>
    public const int DirectPrefaultFactor = 16;

    private const GuestPageState NotWritable = GuestPageState.Shared | GuestPageState.Watched | GuestPageState.ReadOnly;

    /// <summary>What a leaf of a table may let through.</summary>
    /// <param name="key">The table's key: with WP off the rights of the whole path are in the leaf, else each level has its own.</param>
    /// <param name="guestEntry">The guest's leaf, A and D as they are now; not looked at in direct tables.</param>
    /// <param name="page">The state of the page behind it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong RightsOf(TableKey key, ulong guestEntry, GuestPage page)
    {
        if (!key.HasGuestTable || key.IsWriteProtectOff)
        {
            return RightsOfRole(key, guestEntry, page);
        }

        ulong rights = guestEntry & RightsBits(key);
        return (guestEntry & PageEntry.Dirty) == 0 || (page.Flags & NotWritable) != 0 ? rights & ~PageEntry.Writable : rights;
    }

    /// <summary>
    /// The guest has another entry now: its leaf, if there was one, becomes what can be made of the new one without a fault. Early
    /// conversion and prefault never kill, allocate, read the store, break sharing or touch a device: where they would, the entry
    /// stays empty. A leaf whose page is the same keeps its frame, its reference and its place in the reverse map.
    /// </summary>
    public void Replace(int number, int index, ulong guestEntry)
    {
        const ulong used = PageEntry.Present | PageEntry.Accessed;
        ref ShadowTable table = ref tables.Table[number];
        Gfn page = new((guestEntry & TFormat.AddressMask) >> PageSize.Shift);
        if ((guestEntry & used) != used || IsRefused(guestEntry, table.Key) || !tables.Memory.TryGetFrame(page, out GuestPage state))
        {
            tables.ReleaseLeaf(number, index);
            return;
        }

        ulong rights = RightsOf(table.Key, guestEntry, state);
        tables.Statistics.LeavesConverted++;
        if (ShadowTables<TFormat>.EntryOf(ref table, index) != 0)
        {
            if (ShadowTables<TFormat>.PageOf(ref table, index) == page.Value)
            {
                tables.ChangeLeaf(number, index, guestEntry, rights);
                return;
            }

            tables.ReleaseLeaf(number, index);
        }

        tables.SetLeaf(number, index, page, state.Frame, guestEntry, rights);
    }

    /// <summary>Fills the neighbours of an entry that the guest has used already.</summary>
    public void Prefault(int number, int index, int window)
    {
        ref ShadowTable table = ref tables.Table[number];
        bool hasGuestTable = table.Key.HasGuestTable;
        window = Math.Min(hasGuestTable ? window : window * DirectPrefaultFactor, Paging<TFormat>.TableEntries);
        int first = index - (index % window);
        int end = Math.Min(first + window, Paging<TFormat>.TableEntries);
        byte* guest = hasGuestTable ? tables.Memory.Peek(new Gpa(table.Key.Address)) : null;
        if (hasGuestTable && guest == null)
        {
            return;
        }

        for (int i = first; i < end; i++)
        {
            // SAFETY: the guest table lies whole in its page, and i is below its size.
            ulong guestEntry = hasGuestTable ? Entry<TFormat>.Read(guest + (i * TFormat.EntrySize)) : 0;
            if (i != index && ShadowTables<TFormat>.EntryOf(ref table, i) == 0 && TryMake(number, i, guestEntry))
            {
                tables.Statistics.LeavesPrefaulted++;
            }
        }
    }

    private bool TryMake(int number, int index, ulong guestEntry)
    {
        const ulong used = PageEntry.Present | PageEntry.Accessed;
        TableKey key = tables.Table[number].Key;
        ulong page = (key.Address >> PageSize.Shift) + (ulong)index;
        if (key.HasGuestTable)
        {
            if ((guestEntry & used) != used || IsRefused(guestEntry, key))
            {
                return false;
            }

            page = (guestEntry & TFormat.AddressMask) >> PageSize.Shift;
        }

        if (!tables.Memory.TryGetFrame(new Gfn(page), out GuestPage state))
        {
            return false;
        }

        tables.SetLeaf(number, index, new Gfn(page), state.Frame, guestEntry, RightsOf(key, guestEntry, state));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong RightsBits(TableKey key) => PageEntry.Writable | PageEntry.User
        | (TFormat.HasNoExecute(PagingControls.NoExecute) && key.HonoursNoExecute ? PageEntry.NoExecute : 0);

    // Direct and linear tables, and those that hold the rights of the whole path because WP is off.
    private ulong RightsOfRole(TableKey key, ulong guestEntry, GuestPage page)
    {
        ulong rights = key.HasGuestTable ? guestEntry & RightsBits(key) : InventedRights(key);
        if ((key.HasGuestTable && (guestEntry & PageEntry.Dirty) == 0) || (page.Flags & NotWritable) != 0)
        {
            rights &= ~PageEntry.Writable;
        }

        if (key.IsWriteProtectOff && !key.IsLinear)
        {
            rights &= ~((key.PathWritable ? 0 : PageEntry.Writable) | (key.PathUser ? 0 : PageEntry.User));
        }

        return rights;
    }

    // What a fault would answer with the guest's own fault or a kill.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsRefused(ulong guestEntry, TableKey key) =>
        (guestEntry & TFormat.ReservedBits(guestEntry, 1, key.HonoursNoExecute ? PagingControls.NoExecute : PagingControls.None)) != 0
        || (tables.Options.Strict && (guestEntry & ~TFormat.StrictFlags(1) & ~TFormat.AddressMask) != 0);

    private ulong InventedRights(TableKey key) => key.IsLinear && tables.HasSwitcher
        ? PageEntry.Writable
        : PageEntry.Writable | PageEntry.User;
}
