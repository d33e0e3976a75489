namespace Gnomon.Memory;

// One type per address space, without implicit conversions: the four spaces of a shadow-paging host are never mixed up.
//
//   guest-virtual   Gva   what guest code uses                          32 bits
//   guest-physical  Gpa   what the guest's page tables hold             up to 36 bits (64 kept: a hostile guest names anything)
//   its page        Gfn   Gpa >> 12
//   host-physical   Pfn   a frame of HostMemory; what shadow tables hold

/// <summary>A guest-virtual address: what guest code uses. 32 bits, byte granular.</summary>
/// <param name="Value">The address.</param>
public readonly record struct Gva(uint Value)
{
    /// <summary>The offset inside the 4 KiB page, 0 … 4095.</summary>
    public uint PageOffset => Value & PageSize.OffsetMask;

    /// <summary>The address of the 4 KiB page that holds this address.</summary>
    public Gva Page => new(Value & ~PageSize.OffsetMask);

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}

/// <summary>A guest-physical address: what the guest's page tables hold. Byte granular; any 64-bit value can be named, few are valid.</summary>
/// <param name="Value">The address.</param>
public readonly record struct Gpa(ulong Value)
{
    /// <summary>The guest page that holds this address.</summary>
    public Gfn Page => new(Value >> PageSize.Shift);

    /// <summary>The offset inside the 4 KiB page, 0 … 4095.</summary>
    public uint PageOffset => (uint)Value & PageSize.OffsetMask;

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}

/// <summary>A guest page number. Kept as wide as the guest can name it, so that it is compared before it is narrowed.</summary>
/// <param name="Value">The guest-physical address divided by 4096.</param>
public readonly record struct Gfn(ulong Value)
{
    /// <summary>The guest-physical address of the page's first byte.</summary>
    public Gpa Address => new(Value << PageSize.Shift);

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}

/// <summary>A host frame number: an index into the region of one <see cref="HostMemory"/>. Frame 0 is never handed out.</summary>
/// <param name="Value">The frame number.</param>
public readonly record struct Pfn(uint Value)
{
    /// <summary>The number that names no frame.</summary>
    public static Pfn None => default;

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}

/// <summary>The size of a page and of a frame: 4 KiB, on every x86 paging format (Intel SDM vol. 3, 4.1).</summary>
public static class PageSize
{
    /// <summary>log2 of the page size.</summary>
    public const int Shift = 12;

    /// <summary>Bytes in a page.</summary>
    public const int Bytes = 1 << Shift;

    /// <summary>The bits of an address that are the offset inside its page.</summary>
    public const uint OffsetMask = Bytes - 1;
}
