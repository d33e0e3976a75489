using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// From a guest entry to the rights of a shadow leaf, in one place: built from a whitelist of bits, writable only when the guest
/// allows it, has its D set, and the frame is this guest's alone and not watched.
/// </summary>
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
        ulong rights = key.HasGuestTable
            ? guestEntry & (PageEntry.Writable | PageEntry.User | (TFormat.HasNoExecute(key.Controls) ? PageEntry.NoExecute : 0))
            : InventedRights(key);
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

    /// <summary>
    /// Makes a leaf from an entry without a fault, if that needs nothing but looking: early conversion and prefault never kill,
    /// allocate, read the store, break sharing or touch a device. Where they would, the entry stays empty.
    /// </summary>
    /// <returns>Whether a leaf was made.</returns>
    public bool Convert(int number, int index, ulong guestEntry)
    {
        if (!TryMake(number, index, guestEntry))
        {
            return false;
        }

        tables.Statistics.LeavesConverted++;
        return true;
    }

    /// <summary>The entry behind a live leaf has changed, but not the page: the leaf keeps its frame, its reference and its place in
    /// the reverse map, and only its rights change.</summary>
    /// <returns>False when it is not so; nothing has changed then.</returns>
    public bool TryChange(int number, int index, ulong guestEntry)
    {
        const ulong used = PageEntry.Present | PageEntry.Accessed;
        TableKey key = tables.Table[number].Key;
        ulong page = (guestEntry & TFormat.AddressMask) >> PageSize.Shift;
        if ((guestEntry & used) != used
            || page != ShadowTables<TFormat>.PageOf(ref tables.Table[number], index)
            || IsRefused(guestEntry, key)
            || !tables.Memory.TryGetFrame(new Gfn(page), out GuestPage state))
        {
            return false;
        }

        tables.ChangeLeaf(number, index, guestEntry, RightsOf(key, guestEntry, state));
        tables.Statistics.LeavesConverted++;
        return true;
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

    // What a fault would answer with the guest's own fault or a kill.
    private bool IsRefused(ulong guestEntry, TableKey key) =>
        (guestEntry & TFormat.ReservedBits(guestEntry, 1, key.Controls)) != 0
        || (tables.Options.Strict && (guestEntry & ~TFormat.StrictFlags(1) & ~TFormat.AddressMask) != 0);

    private ulong InventedRights(TableKey key) => key.IsLinear && tables.HasSwitcher
        ? PageEntry.Writable
        : PageEntry.Writable | PageEntry.User;
}
