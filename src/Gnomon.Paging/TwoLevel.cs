using System.Runtime.CompilerServices;

namespace Gnomon.Paging;

/// <summary>
/// 32-bit paging: a directory of 1024 entries, tables of 1024 entries, 4 bytes each; 4 MiB pages with CR4.PSE.
/// No no-execute bit (Intel SDM vol. 3, 4.3).
/// </summary>
public readonly struct TwoLevel : IPagingFormat
{
    // PSE-36 is not offered, so all of bits 21 to 13 of a 4 MiB entry are reserved.
    private const ulong LargeReserved = 0x3F_E000;

    /// <inheritdoc/>
    public static int Levels => 2;

    /// <inheritdoc/>
    public static int EntrySize => 4;

    /// <inheritdoc/>
    public static int IndexBits => 10;

    /// <inheritdoc/>
    public static int TopEntries => 1024;

    /// <inheritdoc/>
    public static uint TopAlignment => 4096;

    /// <inheritdoc/>
    public static ulong AddressMask => 0xFFFF_F000;

    /// <inheritdoc/>
    public static string Name => "two-level";

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasRights(int level) => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLarge(ulong entry, int level, PagingControls controls) =>
        level == 2 && (entry & PageEntry.LargePage) != 0 && (controls & PagingControls.LargePages) != 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ReservedBits(ulong entry, int level, PagingControls controls) =>
        IsLarge(entry, level, controls) ? LargeReserved : 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNoExecute(PagingControls controls) => false;

    /// <inheritdoc/>
    public static ulong StrictFlags(int level) => level == 2
        ? PageEntry.Present | PageEntry.Writable | PageEntry.User | PageEntry.Accessed | PageEntry.Dirty
        : 0xFFF & ~PageEntry.LargePage;
}
