using System.Runtime.CompilerServices;

namespace Gnomon.Paging;

/// <summary>
/// PAE paging: a pointer table of 4 entries, directories and tables of 512, 8 bytes each; 2 MiB pages always; no-execute with
/// EFER.NXE (Intel SDM vol. 3, 4.4).
/// </summary>
public readonly struct Pae : IPagingFormat
{
    private const ulong HighReserved = ~PageEntry.NoExecute & ~((1UL << PageEntry.PhysicalWidth) - 1);
    private const ulong LargeReserved = 0x1F_E000;

    /// <summary>The bits of a pointer-table entry that a load of CR3 refuses: 1, 2, 5 to 8, and all above the physical width (4.4.1).</summary>
    public const ulong PointerReserved = 0x1E6 | PageEntry.NoExecute | HighReserved;

    /// <inheritdoc/>
    public static int Levels => 3;

    /// <inheritdoc/>
    public static int EntrySize => 8;

    /// <inheritdoc/>
    public static int IndexBits => 9;

    /// <inheritdoc/>
    public static int TopEntries => 4;

    /// <inheritdoc/>
    public static uint TopAlignment => 32;

    /// <inheritdoc/>
    public static ulong AddressMask => PageEntry.AddressMask;

    /// <inheritdoc/>
    public static string Name => "pae";

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasRights(int level) => level != 3;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLarge(ulong entry, int level, PagingControls controls) =>
        level == 2 && (entry & PageEntry.LargePage) != 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReservedBits(ulong entry, int level, PagingControls controls)
    {
        ulong reserved = HighReserved;
        if (level == 3 || (controls & PagingControls.NoExecute) == 0)
        {
            reserved |= PageEntry.NoExecute;
        }

        return IsLarge(entry, level, controls) ? reserved | LargeReserved : reserved;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNoExecute(PagingControls controls) => (controls & PagingControls.NoExecute) != 0;

    /// <inheritdoc/>
    public static ulong StrictFlags(int level) => level switch
    {
        3 => PageEntry.Present,
        2 => PageEntry.Present | PageEntry.Writable | PageEntry.User | PageEntry.Accessed | PageEntry.Dirty,
        _ => PageEntry.NoExecute | (0xFFF & ~PageEntry.LargePage),
    };
}
