using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// What there is: the shadow tables of one guest, what is known of its pages, the numbers that follow from the options, and how to
/// find and read any of it. Nothing here changes an entry; that is <see cref="ShadowTables{TFormat}"/>'s.
/// </summary>
/// <typeparam name="TFormat">The format of the guest's tables and of the shadows.</typeparam>
// SAFETY: Table has one element per table of the pool, Pages one per guest page; both live as long as this object. Table numbers
// come from the pool, page numbers are compared with the memory's size at full width before they are used as an index, and entry
// indices come from Paging<TFormat>.IndexOf or from loops over a table's lines.
internal abstract unsafe class TableStore<TFormat> : IDisposable
    where TFormat : struct, IPagingFormat
{
    public const int PositionShift = 10;
    private const int LineShift = 6;

    private int _outside;

    protected TableStore(GuestMemory memory, ShadowOptions options, ShadowStatistics statistics, GuestFate fate, ShadowCpu[] cpus, int budget)
    {
        Memory = memory;
        Host = memory.Host;
        Options = options;
        Statistics = statistics;
        Fate = fate;
        Cpus = cpus;
        Shootdown = new Shootdown(cpus, statistics);
        Pool = new TablePool(memory.Host, budget, Shootdown);
        Table = Pool.Tables;
        Pages = (ShadowPage*)NativeMemory.AllocZeroed(memory.PageCount, (nuint)sizeof(ShadowPage));
        Counts = new LinkCounts(TFormat.Levels, TFormat.IndexBits, TFormat.TopEntries);
        HasSwitcher = options.Guest == GuestKind.Paravirtual;
        HasPointerRegisters = !HasSwitcher && TFormat.Levels == 3;
        IsNotified = options.Coherence == Coherence.Notified;
        SwitcherAddress = HasSwitcher
            ? options.SwitcherAddress?.Value ?? (uint)((1UL << 32) - Paging<TFormat>.ReachOf(1))
            : Invalidation.WholeSpace;
        SwitcherTop = HasSwitcher ? Paging<TFormat>.IndexOf((uint)SwitcherAddress, TFormat.Levels) : -1;
        KernelAddress = HasSwitcher ? options.KernelAddress.Value : Invalidation.WholeSpace;
        SwitcherLeaf = new int[cpus.Length];
        NullMid = new int[cpus.Length];
    }

    public GuestMemory Memory { get; }

    public HostMemory Host { get; }

    public ShadowOptions Options { get; }

    public ShadowStatistics Statistics { get; }

    public GuestFate Fate { get; }

    public ShadowCpu[] Cpus { get; }

    public Shootdown Shootdown { get; }

    public TablePool Pool { get; }

    public LinkCounts Counts { get; }

    /// <summary>The descriptors, numbered from 1.</summary>
    public ShadowTable* Table { get; }

    /// <summary>What is known of each guest page.</summary>
    public ShadowPage* Pages { get; }

    /// <summary>From guest pages to their leaves.</summary>
    public ReverseMap Leaves { get; } = new();

    /// <summary>From tables to the entries that link them.</summary>
    public ReverseMap Parents { get; } = new();

    public bool HasSwitcher { get; }

    /// <summary>Whether the top entries are registers of the virtual CPU, taken at a load: unmodified PAE guests.</summary>
    public bool HasPointerRegisters { get; }

    public bool IsNotified { get; }

    /// <summary>From here on only the Switcher lives; 4 GiB where there is none.</summary>
    public ulong SwitcherAddress { get; }

    /// <summary>The top-level index of the Switcher; -1 where there is none.</summary>
    public int SwitcherTop { get; }

    /// <summary>From here on it is kernel, the same in every address space; 4 GiB where nobody says so.</summary>
    public ulong KernelAddress { get; set; }

    /// <summary>Each virtual CPU's leaf table of Switcher pages.</summary>
    public int[] SwitcherLeaf { get; }

    /// <summary>PAE: each virtual CPU's middle table with nothing but the Switcher, for address spaces without a table there.</summary>
    public int[] NullMid { get; }

    /// <summary>Who watches guest pages for stores; set once, by the maker.</summary>
    public TableWatch<TFormat> Watch { get; set; } = null!;

    /// <summary>Moves on when a stack is set and when a leaf of a pinned stack page goes or loses the right to write. A root whose own
    /// number is older may lack a stack: it is pinned again before the guest runs.</summary>
    public ulong StackVersion { get; set; } = 1;

    /// <summary>Whether the guest has said of any virtual CPU where its stack is.</summary>
    public bool HasStacks { get; set; }

    /// <summary>Reads a shadow entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong EntryOf(ref ShadowTable table, int index) => Entry<TFormat>.Read(table.Entries + (index * TFormat.EntrySize));

    /// <summary>Reads the guest entry that a shadow entry was made from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong RememberedOf(ref ShadowTable table, int index) => Entry<TFormat>.Read(table.Remembered + (index * TFormat.EntrySize));

    /// <summary>The table that a shadow entry links.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ChildOf(ulong entry) => Pool.OfFrame((uint)((entry & TFormat.AddressMask) >> PageSize.Shift));

    /// <summary>The guest page that a live leaf maps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PageOf(ref ShadowTable table, int index) => table.Key.HasGuestTable
        ? (uint)((RememberedOf(ref table, index) & TFormat.AddressMask) >> PageSize.Shift)
        : (uint)(table.Key.Address >> PageSize.Shift) + (uint)index;

    /// <summary>Finds the shadow with this key.</summary>
    /// <returns>Zero when there is none.</returns>
    public int Find(TableKey key)
    {
        int table = FirstOf(key);
        while (table != 0 && Table[table].Key != key)
        {
            table = Table[table].NextInPage;
        }

        return table;
    }

    /// <summary>The first of the shadows whose guest table lies in the same page as this key's.</summary>
    public ref int FirstOf(TableKey key)
    {
        ulong page = key.Address >> PageSize.Shift;
        return ref page < Memory.PageCount ? ref Pages[page].FirstTable : ref _outside;
    }

    /// <summary>Whether stores to the guest table behind a key must be seen.</summary>
    public bool IsWatchable(TableKey key) =>
        !IsNotified && key.HasGuestTable && !(HasPointerRegisters && key.Level == TFormat.Levels);

    /// <summary>Whether an address lies in a device window, inside memory or beyond it. A window covers the pages that it touches.</summary>
    public bool IsDevice(Gpa address)
    {
        foreach (DeviceWindow window in Options.Devices)
        {
            ulong first = window.Start.Value >> PageSize.Shift;
            ulong last = (window.Start.Value + window.Length - 1) >> PageSize.Shift;
            if (address.Page.Value >= first && address.Page.Value <= last)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether an entry is the link to the Switcher's leaf table, which is the host's own.</summary>
    public bool IsSwitcherLink(ref ShadowTable table, int index)
    {
        if (!HasSwitcher || table.Key.Level != 2)
        {
            return false;
        }

        // Two-level: the root's own entry. PAE: an entry of the middle tables that are private to a virtual CPU.
        return table.Key.Cpu >= 0 && index == Paging<TFormat>.IndexOf((uint)SwitcherAddress, 2);
    }

    /// <summary>Whether the shadows hold a leaf for an address.</summary>
    public bool IsMapped(int root, uint address) =>
        TryGetLeafTable(root, address, out int number) && EntryOf(ref Table[number], Paging<TFormat>.IndexOf(address, 1)) != 0;

    /// <summary>The leaf table on the shadow path of an address.</summary>
    /// <returns>False where the path ends above.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGetLeafTable(int root, uint address, out int number)
    {
        number = root;
        for (int level = TFormat.Levels; level > 1; level--)
        {
            ulong entry = EntryOf(ref Table[number], Paging<TFormat>.IndexOf(address, level));
            if (entry == 0)
            {
                return false;
            }

            number = ChildOf(entry);
        }

        return true;
    }

    /// <summary>The first address that an entry reaches, if there is one way to it only.</summary>
    public bool TryGetAddress(int number, int index, out uint address)
    {
        address = 0;
        while (true)
        {
            ref ShadowTable table = ref Table[number];
            address += (uint)index << Paging<TFormat>.ShiftOf(table.Key.Level);
            if (table.Is(TableFlags.Root))
            {
                return true;
            }

            if (!ReverseMap.IsSingle(table.Parents))
            {
                return false;
            }

            uint position = Parents.First(table.Parents);
            number = (int)(position >> PositionShift);
            index = (int)(position & ((1 << PositionShift) - 1));
        }
    }

    /// <summary>Entries in one line of a table.</summary>
    public static int EntriesPerLine => (1 << LineShift) / TFormat.EntrySize;

    /// <summary>The first entry of the lowest line in a set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FirstIndexOf(ulong lines) => System.Numerics.BitOperations.TrailingZeroCount(lines) * EntriesPerLine;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LineOf(int index) => 1UL << (index * TFormat.EntrySize >> LineShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PositionOf(int table, int index) => ((uint)table << PositionShift) | (uint)index;

    public void Dispose()
    {
        Pool.Dispose();
        NativeMemory.Free(Pages);
    }
}
