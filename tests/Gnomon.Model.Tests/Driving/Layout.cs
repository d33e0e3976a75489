using CsCheck;
using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Which pages of a small guest hold what, and which addresses it uses: few of each, so that everything collides.</summary>
public sealed class Layout
{
    private static readonly uint[] LowFlags =
    [
        0x67, 0x67, 0x67, 0x27, 0x65, 0x25, 0x07, 0x05, 0x63, 0x23, 0x61, 0x03, 0x01, 0x47, 0x66, 0x60, 0x00,
    ];

    private readonly ModelConfig _guest;

    /// <summary>The layout of a guest.</summary>
    public Layout(ModelConfig guest)
    {
        _guest = guest;
        if (guest.Pae)
        {
            // Several 32-byte pointer tables in one page; one in a page of its own.
            Tops = [0x1000, 0x1020, 0x1040, 0x2000, 0x1FE0];
            Middles = [3, 4, 5];
            Leaves = [6, 7, 8, 9];
            FirstData = 10;
            TopIndexes = [0, 0, 1, 3, 3];
            MiddleIndexes = [0, 0, 1, 2, 511, 510];
            LeafIndexes = [0, 0, 1, 2, 3, 15, 16, 0x80, 0x81, 511];
        }
        else
        {
            Tops = [0x1000, 0x2000, 0x3000];
            Middles = [];
            Leaves = [4, 5, 6, 7];
            FirstData = 8;
            TopIndexes = [0, 0, 1, 2, 0x300, 0x300, 0x301, 0x3FE, 0x3FF];
            MiddleIndexes = [];
            LeafIndexes = [0, 0, 1, 2, 3, 15, 16, 0x80, 0x81, 0x3FF];
        }

        Data = Gen.Int[(int)FirstData, (int)guest.Pages - 1].Select(page => (ulong)page);
        Top = Gen.OneOf(Tops);
        Leaf = Gen.OneOf(Leaves);
        Middle = guest.Pae ? Gen.OneOf(Middles) : Gen.Const(0UL);
        Table = Gen.OneOf<ulong>([.. Tops.Select(t => t >> 12), .. Middles, .. Leaves]);
        ulong limit = guest.Pages;
        Page = Gen.Frequency(
            (70, Data),
            (22, Table),
            (3, Gen.OneOf(limit - 1, limit, limit + 1)),
            (1, Gen.OneOf<ulong>(0xFFFFF, 0x80000, 0x100000, 0xFFFFFF, 0x100004)),
            (2, Gen.OneOf<ulong>([0, .. guest.Devices.Select(d => (ulong)d.First)])),
            (2, Gen.OneOf<ulong>([FirstData, .. guest.Holes.Select(p => (ulong)p), .. guest.ReadOnly.Select(p => (ulong)p)])));
    }

    /// <summary>Addresses of top-level tables.</summary>
    public ulong[] Tops { get; }

    /// <summary>Pages of mid-level tables.</summary>
    public ulong[] Middles { get; }

    /// <summary>Pages of leaf tables.</summary>
    public ulong[] Leaves { get; }

    /// <summary>The first page that is not meant for tables.</summary>
    public uint FirstData { get; }

    /// <summary>Indexes in use.</summary>
    public uint[] TopIndexes { get; }

    /// <summary>Indexes in use.</summary>
    public uint[] MiddleIndexes { get; }

    /// <summary>Indexes in use.</summary>
    public uint[] LeafIndexes { get; }

    /// <summary>A page for data.</summary>
    public Gen<ulong> Data { get; }

    /// <summary>A top-level table.</summary>
    public Gen<ulong> Top { get; }

    /// <summary>A mid-level table's page.</summary>
    public Gen<ulong> Middle { get; }

    /// <summary>A leaf table's page.</summary>
    public Gen<ulong> Leaf { get; }

    /// <summary>The page of any table.</summary>
    public Gen<ulong> Table { get; }

    /// <summary>Any page that an entry may name.</summary>
    public Gen<ulong> Page { get; }

    /// <summary>An address that the guest uses, byte granular.</summary>
    public Gen<uint> Address => _guest.Pae
        ? Gen.Select(Gen.OneOf(TopIndexes), Gen.OneOf(MiddleIndexes), Gen.OneOf(LeafIndexes), Gen.Int[0, 0xFFF],
            (top, middle, leaf, offset) => (top << 30) | (middle << 21) | (leaf << 12) | (uint)offset)
        : Gen.Select(Gen.OneOf(TopIndexes), Gen.OneOf(LeafIndexes), Gen.Int[0, 0xFFF],
            (top, leaf, offset) => (top << 22) | (leaf << 12) | (uint)offset);

    /// <summary>An entry of a level: mostly sensible, sometimes hostile.</summary>
    public Gen<ulong> Entry(int level)
    {
        Gen<ulong> page = level switch
        {
            3 => Gen.Frequency((12, Middle), (1, Table), (1, Page)),
            2 => Gen.Frequency((12, Leaf), (2, Table), (1, Page)),
            _ => Page,
        };
        return Gen.Select(page, Flags(level), High, (p, flags, high) => Compose(p, flags, high, level));
    }

    private Gen<uint> Flags(int level) => level switch
    {
        3 => Gen.Frequency((20, Gen.Const(1u)), (2, Gen.Const(0u)), (1, Gen.OneOf(0xE19u, 0x67u, 0x21u, 0xE00u))),
        2 => Gen.Frequency((20, Gen.OneOf(0x67u, 0x67u, 0x63u, 0x27u, 0x07u)), (4, Gen.OneOf(LowFlags)), (3, Gen.OneOf(0xE7u, 0xA7u, 0xE3u, 0x87u, 0x1E7u)), (1, Gen.UInt[0, 0xFFF])),
        _ => Gen.Frequency((20, Gen.OneOf(LowFlags)), (2, Gen.OneOf(0xE7u, 0x167u, 0x7Fu, 0xE67u)), (1, Gen.UInt[0, 0xFFF])),
    };

    // Bits 62 … 36 are reserved, 63 is no-execute.
    private Gen<ulong> High => _guest.Pae
        ? Gen.Frequency((30, Gen.Const(0UL)), (8, Gen.Const(1UL << 63)), (1, Gen.OneOf(1UL << 36, 1UL << 62, 1UL << 52, 1UL << 40)))
        : Gen.Const(0UL);

    private ulong Compose(ulong page, uint flags, ulong high, int level)
    {
        if (level == 3 && high != 1UL << 63)
        {
            return (page << 12) | flags | high;
        }

        bool large = level == 2 && (flags & 0x81) == 0x81;
        if (large)
        {
            // A large page must be aligned; one in eight is not, and so has reserved bits set.
            ulong inside = _guest.Pae ? 0x1FFUL : 0x3FFUL;
            page = (page & 7) == 0 ? page : page & ~inside;
        }

        return level == 3 ? (page << 12) | flags : ((page << 12) & (_guest.Pae ? ulong.MaxValue : 0xFFFF_F000)) | flags | high;
    }
}
