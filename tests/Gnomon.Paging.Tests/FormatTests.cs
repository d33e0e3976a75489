using Gnomon.Model.Tests.Model;

namespace Gnomon.Paging.Tests;

public sealed class FormatTests
{
    [Fact]
    public void Sizes_AreTheManuals()
    {
        Assert.Equal((2, 4, 10, 1024, 4096u), (TwoLevel.Levels, TwoLevel.EntrySize, TwoLevel.IndexBits, TwoLevel.TopEntries, TwoLevel.TopAlignment));
        Assert.Equal((3, 8, 9, 4, 32u), (Pae.Levels, Pae.EntrySize, Pae.IndexBits, Pae.TopEntries, Pae.TopAlignment));
        Assert.Equal((1024, 1024, 1024), (Paging<TwoLevel>.TableEntries, Paging<TwoLevel>.EntriesOf(1), Paging<TwoLevel>.EntriesOf(2)));
        Assert.Equal((512, 512, 512, 4), (Paging<Pae>.TableEntries, Paging<Pae>.EntriesOf(1), Paging<Pae>.EntriesOf(2), Paging<Pae>.EntriesOf(3)));
        Assert.Equal((4UL << 20, 1UL << 32), (Paging<TwoLevel>.ReachOf(1), Paging<TwoLevel>.ReachOf(2)));
        Assert.Equal((2UL << 20, 1UL << 30), (Paging<Pae>.ReachOf(1), Paging<Pae>.ReachOf(2)));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0x0000_1FFFu)]
    [InlineData(0x1234_5678u)]
    [InlineData(0xC008_0000u)]
    [InlineData(0xFFFF_FFFFu)]
    public void IndexOf_EveryLevel_AsTheModel(uint address)
    {
        for (int level = 1; level <= 2; level++)
        {
            Assert.Equal((int)new ModelConfig().IndexOf(address, level), Paging<TwoLevel>.IndexOf(address, level));
        }

        for (int level = 1; level <= 3; level++)
        {
            Assert.Equal((int)new ModelConfig { Pae = true }.IndexOf(address, level), Paging<Pae>.IndexOf(address, level));
        }
    }

    [Fact]
    public void StrictFlags_AreTheOriginals()
    {
        Assert.Equal(0x67UL, TwoLevel.StrictFlags(2));
        Assert.Equal(0xF7FUL, TwoLevel.StrictFlags(1));
        Assert.Equal(0x1UL, Pae.StrictFlags(3));
        Assert.Equal(0x67UL, Pae.StrictFlags(2));
        Assert.Equal((1UL << 63) | 0xF7F, Pae.StrictFlags(1));
    }

    [Fact]
    public void PointerReserved_WhatALoadRefuses() =>
        Assert.Equal(0xFFFF_FFF0_0000_01E6UL, Pae.PointerReserved);

    [Fact]
    public void PageAccess_KeepsOnlyTheKind()
    {
        PageAccess access = new((PageFaultCode)0xFFFF_FFFF);
        Assert.Equal(PageFaultCode.Write | PageFaultCode.User | PageFaultCode.Fetch, access.Code);
        Assert.True(access.IsWrite && access.IsUser && access.IsFetch);
        Assert.False(new PageAccess(PageFaultCode.Present | PageFaultCode.Reserved) is { IsWrite: true } or { IsUser: true } or { IsFetch: true });
    }

    [Fact]
    public void Entry_ReplaceWithAnotherExpectation_ChangesNothing()
    {
        Replaces<TwoLevel>(0x0000_0000_1234_5067);
        Replaces<Pae>(0x8000_0001_1234_5067);
    }

    private static unsafe void Replaces<TFormat>(ulong value)
        where TFormat : struct, IPagingFormat
    {
        ulong* place = stackalloc ulong[2];
        place[1] = 0xAAAA;
        Entry<TFormat>.Write((byte*)place, value);
        Assert.Equal(value, Entry<TFormat>.Read((byte*)place));
        Assert.False(Entry<TFormat>.Replace((byte*)place, value ^ 0x20, 0));
        Assert.Equal(value, Entry<TFormat>.Read((byte*)place));
        Assert.True(Entry<TFormat>.Replace((byte*)place, value, value | 0x20));
        Assert.Equal(value | 0x20, Entry<TFormat>.Read((byte*)place));
        Assert.Equal(0xAAAAUL, place[1]);
    }
}
