namespace Gnomon.Paging;

//  A paging entry. The low twelve bits mean the same in every x86 format (Intel SDM vol. 3, tables 4-5 to 4-19):
//
//  63  62         36 35                    12 11   9  8   7    6   5   4    3    2   1   0
//  +---+------------+------------------------+------+---+----+---+---+----+----+----+---+---+
//  | NX|  reserved  |      page frame        | avail| G |PS/ | D | A |PCD |PWT | US |RW | P |
//  |   |            | (two-level: 31 … 12)   |      |   |PAT |   |   |    |    |    |   |   |
//  +---+------------+------------------------+------+---+----+---+---+----+----+----+---+---+
//
//  D and G mean something only in an entry that maps a page; PS is the page-size bit of a directory entry, PAT of a leaf.

/// <summary>The bits of a paging entry.</summary>
public static class PageEntry
{
    /// <summary>P: the entry maps something.</summary>
    public const ulong Present = 1 << 0;

    /// <summary>RW: writes are allowed.</summary>
    public const ulong Writable = 1 << 1;

    /// <summary>US: user code may come here.</summary>
    public const ulong User = 1 << 2;

    /// <summary>PWT: write-through.</summary>
    public const ulong WriteThrough = 1 << 3;

    /// <summary>PCD: cache disabled.</summary>
    public const ulong CacheDisable = 1 << 4;

    /// <summary>A: the entry was used by a translation.</summary>
    public const ulong Accessed = 1 << 5;

    /// <summary>D: the page was written to.</summary>
    public const ulong Dirty = 1 << 6;

    /// <summary>PS: a directory entry that maps a large page. (In a 4 KiB leaf the same bit is PAT.)</summary>
    public const ulong LargePage = 1 << 7;

    /// <summary>G: the translation survives a load of CR3.</summary>
    public const ulong Global = 1 << 8;

    /// <summary>NX: no instruction may be fetched from here (64-bit entries only).</summary>
    public const ulong NoExecute = 1UL << 63;

    /// <summary>The physical width in bits (MAXPHYADDR): for walks, reserved bits, and CPUID leaf 0x80000008.</summary>
    public const int PhysicalWidth = 36;

    /// <summary>The bits of a 64-bit entry that hold a physical address.</summary>
    public const ulong AddressMask = ((1UL << PhysicalWidth) - 1) & ~0xFFFUL;
}
