namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>The bits of an entry by the names of the manuals.</summary>
internal static class EntryFlags
{
    public const ulong P = 1 << 0;
    public const ulong RW = 1 << 1;
    public const ulong US = 1 << 2;
    public const ulong PWT = 1 << 3;
    public const ulong PCD = 1 << 4;
    public const ulong A = 1 << 5;
    public const ulong D = 1 << 6;
    public const ulong PS = 1 << 7;
    public const ulong PAT = 1 << 7;
    public const ulong G = 1 << 8;
    public const ulong AVAIL = 7 << 9;
    public const ulong NX = 1UL << 63;

    /// <summary>A user page that may be written, fresh: neither A nor D.</summary>
    public const ulong UserPage = P | RW | US;

    /// <summary>A kernel page that may be written, fresh.</summary>
    public const ulong KernelPage = P | RW;
}

/// <summary>Addresses and pages that tests use, the same in both formats.</summary>
internal static class Places
{
    /// <summary>A user address; a leaf table of its own in both formats.</summary>
    public const uint User = 0x0040_0000;

    /// <summary>A user address under another leaf table than <see cref="User"/>.</summary>
    public const uint User2 = 0x0080_0000;

    /// <summary>A user address under another top-level entry than <see cref="User"/> in both formats.</summary>
    public const uint FarUser = 0x4040_0000;

    /// <summary>The first kernel address.</summary>
    public const uint Kernel = 0xC000_0000;

    /// <summary>A kernel address under another leaf table than <see cref="Kernel"/>.</summary>
    public const uint Kernel2 = 0xC080_0000;

    /// <summary>The end of the page that tests use as the guest kernel's stack; under the leaf table of <see cref="Kernel"/>.</summary>
    public const uint StackTop = 0xC001_0000;

    /// <summary>The guest page of the stack.</summary>
    public const uint StackPage = 0x30;
}
