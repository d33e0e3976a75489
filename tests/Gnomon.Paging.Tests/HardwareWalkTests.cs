using CsCheck;

namespace Gnomon.Paging.Tests;

/// <summary>The hardware walk against the model's walk, over every combination of rights and every reserved bit.</summary>
public sealed class HardwareWalkTests
{
    private const uint Address = 0xC034_5678;

    private static readonly PageFaultCode[] Accesses = [.. from bits in Enumerable.Range(0, 8)
                                                           select (PageFaultCode)(((bits & 1) * 2) | ((bits & 2) * 2) | ((bits & 4) * 4))];

    private static IEnumerable<PagingControls> AllControls => Enumerable.Range(0, 8).Select(bits => (PagingControls)bits);

    [Fact]
    public void TwoLevel_EveryCombinationOfRights_AsTheModel()
    {
        using WalkBench<TwoLevel> bench = new();
        foreach (ulong upper in Flags(0x01, 0x02, 0x04, 0x20, 0x80))
        {
            foreach (ulong leaf in Flags(0x01, 0x02, 0x04, 0x20, 0x40))
            {
                foreach (PagingControls controls in AllControls)
                {
                    foreach (PageFaultCode access in Accesses)
                    {
                        // Without CR4.PSE the page-size bit means nothing.
                        bool large = (upper & 0x80) != 0 && controls.HasFlag(PagingControls.LargePages);
                        bench.Put(2, Address, upper | (large ? 0x0080_0000 : bench.TableAddress(1)));
                        bench.Put(1, Address, leaf | 0x7000);
                        bench.Compare(Address, access, controls);
                    }
                }
            }
        }
    }

    [Fact]
    public void Pae_EveryCombinationOfRights_AsTheModel()
    {
        using WalkBench<Pae> bench = new();
        foreach (ulong upper in Flags(0x01, 0x02, 0x04, 0x20, 0x80, 1UL << 63))
        {
            foreach (ulong leaf in Flags(0x01, 0x02, 0x04, 0x20, 0x40, 1UL << 63))
            {
                foreach (PagingControls controls in AllControls)
                {
                    foreach (PageFaultCode access in Accesses)
                    {
                        bench.Put(3, Address, bench.TableAddress(2) | 1);
                        bench.Put(2, Address, upper | ((upper & 0x80) != 0 ? 0x0080_0000 : bench.TableAddress(1)));
                        bench.Put(1, Address, leaf | 0x7000);
                        bench.Compare(Address, access, controls);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void TwoLevel_EachBitOfAnEntry_AsTheModel(int level, bool large) => EachBit<TwoLevel>(level, large, 32);

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void Pae_EachBitOfAnEntry_AsTheModel(int level, bool large) => EachBit<Pae>(level, large, 64);

    [Fact]
    public void TwoLevel_RandomEntries_AsTheModel() => RandomEntries<TwoLevel>();

    [Fact]
    public void Pae_RandomEntries_AsTheModel() => RandomEntries<Pae>();

    private static IEnumerable<ulong> Flags(params ulong[] bits) =>
        Enumerable.Range(0, 1 << bits.Length).Select(set => bits.Where((_, i) => (set & (1 << i)) != 0).Aggregate(0UL, (a, b) => a | b));

    // Address bits below the frame's must not lead out of the tables: at upper levels only bits that are no address are tried.
    private static void EachBit<TFormat>(int level, bool large, int width)
        where TFormat : struct, IPagingFormat
    {
        using WalkBench<TFormat> bench = new();
        for (int bit = 0; bit < width; bit++)
        {
            ulong flipped = 1UL << bit;
            if (level > 1 && !large && ((TFormat.AddressMask & flipped) != 0 || flipped == 0x80))
            {
                continue;
            }

            foreach (PagingControls controls in AllControls)
            {
                // A page-size bit that is not honoured would make a table of a large page's address.
                if (large && TFormat.Levels == 2 && (controls & PagingControls.LargePages) == 0)
                {
                    continue;
                }

                foreach (PageFaultCode access in Accesses)
                {
                    for (int at = TFormat.Levels; at >= 1; at--)
                    {
                        ulong entry = at == 1 ? 0x7067 : at == 3 ? bench.TableAddress(2) | 1 : large ? 0x00C0_00E7 : bench.TableAddress(1) | 0x67;
                        bench.Put(at, Address, at == level && !(large && flipped == 0x80) ? entry ^ flipped : entry);
                    }

                    bench.Compare(Address, access, controls);
                }
            }
        }
    }

    private static void RandomEntries<TFormat>()
        where TFormat : struct, IPagingFormat =>
        Gen.Select(Gen.UInt, Gen.ULong, Gen.ULong, Gen.UInt[0, 31], Gen.UInt[0, 7]).Sample((address, upper, leaf, code, controls) =>
        {
            using WalkBench<TFormat> bench = new();
            if (TFormat.Levels == 3)
            {
                bench.Put(3, address, bench.TableAddress(2) | 1);
            }

            ulong kept = upper & ~TFormat.AddressMask & (TFormat.EntrySize == 4 ? 0xF7F : 0x8000_0000_0000_0F7F);
            bench.Put(2, address, bench.TableAddress(1) | kept | 1);
            bench.Put(1, address, TFormat.EntrySize == 4 ? (uint)leaf : leaf & 0x8000_000F_FFFF_FFFF);
            bench.Compare(address, (PageFaultCode)code, (PagingControls)controls);
        }, iter: TestSettings.Steps(5000));
}
