using System.Runtime.CompilerServices;
using Gnomon.Paging;

namespace Gnomon.Shadow;

//  TableKey: what a shadow table stands for, in one word, so that comparing keys is comparing numbers
//
//  63        57 56      50 49  48   47  46  45   44   43   42 40 39          31 30                    0
//  +-----------+----------+----+----+---+----+----+----+----+-----+-------------+----------------------+
//  |   zero    |  cpu + 1 |null|pUS |pRW| NX |PSE |!WP |lin | lvl |  dir  zero  | guest table >> 5     |
//  +-----------+----------+----+----+---+----+----+----+----+-----+-------------+----------------------+
//
//  The address in units of 32 bytes, because PAE pointer tables are that small and Linux packs many into one page;
//  31 bits of it reach all of the 36-bit physical width. dir is bit 31: a splintered large page, keyed by its first page.

/// <summary>The key of a shadow table: (guest table's address, level, role).</summary>
internal readonly record struct TableKey(ulong Bits)
{
    private const int AddressUnit = 5;
    private const ulong AddressBits = (1UL << (PageEntry.PhysicalWidth - AddressUnit)) - 1;
    private const ulong DirectBit = 1UL << 31;
    private const int LevelShift = 40;
    private const ulong LinearBit = 1UL << 43;
    private const ulong WriteProtectOffBit = 1UL << 44;
    private const ulong LargePagesBit = 1UL << 45;
    private const ulong NoExecuteBit = 1UL << 46;
    private const ulong PathWritableBit = 1UL << 47;
    private const ulong PathUserBit = 1UL << 48;
    private const ulong NullBit = 1UL << 49;
    private const int CpuShift = 50;

    /// <summary>The guest table's address, or the first address of what a direct or linear table maps.</summary>
    public ulong Address
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & AddressBits) << AddressUnit;
    }

    public int Level
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (int)(Bits >> LevelShift) & 7;
    }

    /// <summary>A splintered large page: its leaves come from the page's address, not from a table.</summary>
    public bool IsDirect
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & DirectBit) != 0;
    }

    /// <summary>Linear mode: its entries are invented.</summary>
    public bool IsLinear
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & LinearBit) != 0;
    }

    /// <summary>Stands for no guest table at all: a Switcher's table, or a table outside guest memory, which reads as zero.</summary>
    public bool IsNull => (Bits & NullBit) != 0;

    /// <summary>Whether there is a table in guest memory behind it.</summary>
    public bool HasGuestTable
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & (DirectBit | LinearBit | NullBit)) == 0;
    }

    public bool IsWriteProtectOff
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & WriteProtectOffBit) != 0;
    }

    public bool PathWritable
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & PathWritableBit) != 0;
    }

    public bool PathUser
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & PathUserBit) != 0;
    }

    /// <summary>The virtual CPU that it is private to, or -1.</summary>
    public int Cpu => (int)(Bits >> CpuShift) - 1;

    public PagingControls Controls =>
        ((Bits & WriteProtectOffBit) == 0 ? PagingControls.WriteProtect : 0)
        | ((Bits & LargePagesBit) != 0 ? PagingControls.LargePages : 0)
        | ((Bits & NoExecuteBit) != 0 ? PagingControls.NoExecute : 0);

    /// <summary>Whether bit 63 of the entries forbids fetching.</summary>
    public bool HonoursNoExecute
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & NoExecuteBit) != 0;
    }

    /// <summary>The role that every table of a virtual CPU with these controls has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TableKey Role(PagingControls controls) => new(
        ((controls & PagingControls.WriteProtect) == 0 ? WriteProtectOffBit : 0)
        | ((controls & PagingControls.LargePages) != 0 ? LargePagesBit : 0)
        | ((controls & PagingControls.NoExecute) != 0 ? NoExecuteBit : 0));

    public static TableKey Linear => new(LinearBit);

    public static TableKey Null => new(NullBit);

    /// <summary>This role, for a table at an address on a level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TableKey At(ulong address, int level) => new(Bits | ((address >> AddressUnit) & AddressBits) | ((ulong)level << LevelShift));

    public TableKey Direct() => new(Bits | DirectBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TableKey PrivateTo(int cpu) => new(Bits | ((ulong)(cpu + 1) << CpuShift));

    public TableKey WithPath(bool writable, bool user) => new(Bits | (writable ? PathWritableBit : 0) | (user ? PathUserBit : 0));

    /// <summary>The same role, whatever the address, the level and the virtual CPU.</summary>
    public bool SameRole(TableKey other)
    {
        const ulong role = DirectBit | LinearBit | WriteProtectOffBit | LargePagesBit | NoExecuteBit | PathWritableBit | PathUserBit | NullBit;
        return ((Bits ^ other.Bits) & role) == 0;
    }

    public override string ToString() =>
        $"level {Level} of 0x{Address:x}{(IsDirect ? " direct" : "")}{(IsLinear ? " linear" : "")}{(IsNull ? " null" : "")}"
        + (Cpu >= 0 ? $" cpu {Cpu}" : "");
}
