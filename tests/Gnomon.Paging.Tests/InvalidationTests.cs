using Gnomon.Memory;

namespace Gnomon.Paging.Tests;

public sealed class InvalidationTests
{
    [Theory]
    [InlineData(0x4000u, 0x1000UL, 0x3FFFu, false)]
    [InlineData(0x4000u, 0x1000UL, 0x4000u, true)]
    [InlineData(0x4000u, 0x1000UL, 0x4FFFu, true)]
    [InlineData(0x4000u, 0x1000UL, 0x5000u, false)]
    [InlineData(0xFFFFF000u, 0x1000UL, 0xFFFFFFFFu, true)]
    [InlineData(0xFFFFF000u, 0x2000UL, 0x0u, false)]
    [InlineData(0xFFFFF000u, 0x1000UL, 0x0u, false)]
    [InlineData(0x0u, 0x1_0000_0000UL, 0xFFFFFFFFu, true)]
    [InlineData(0x0u, 0xFFFF_F000UL, 0xFFFFFFFFu, false)]
    [InlineData(0x4000u, 0UL, 0x4000u, false)]
    public void Covers_Edges_AsTheRangeSays(uint start, ulong length, uint address, bool covered) =>
        Assert.Equal(covered, new Invalidation(Pfn.None, new Gva(start), length, InvalidationKind.Translations).Covers(new Gva(address)));

    [Theory]
    [InlineData(0u)]
    [InlineData(0x8000_0000u)]
    [InlineData(uint.MaxValue)]
    public void Everything_CoversEverything(uint address) => Assert.True(Invalidation.Everything.Covers(new Gva(address)));

    [Fact]
    public void OfPage_AnyAddressInIt_NamesThePage()
    {
        Invalidation what = Invalidation.OfPage(new Gva(0x1234_5678), InvalidationKind.WriteAccess);
        Assert.Equal(new Invalidation(Pfn.None, new Gva(0x1234_5000), 0x1000, InvalidationKind.WriteAccess), what);
    }
}
