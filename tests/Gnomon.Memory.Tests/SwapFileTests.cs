using Gnomon.Memory.Tests.Fixture;

namespace Gnomon.Memory.Tests;

public sealed class SwapFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"gnomon-swap-{Guid.NewGuid():n}");

    public void Dispose() => Assert.False(File.Exists(_path), "the swap file was left behind");

    [Fact]
    public void Guest_ReclaimedToTheFile_ComesBackBitForBit()
    {
        using HostMemory host = new(1);
        using SwapFile swap = new(_path, 1);
        using GuestMemory memory = new(host, 64) { Store = swap };
        byte[] content = new byte[64 * 4096];
        new Random(3).NextBytes(content);
        memory.Write(0, content);
        for (ulong page = 0; page < 64; page++)
        {
            Assert.Equal(PageStatus.Ok, memory.Reclaim(new Gfn(page)));
        }

        Assert.Equal(0, host.FramesInUse);
        Assert.Equal(64, swap.PagesStored);
        Assert.Equal(content, memory.Read(0, content.Length));
        Assert.Equal(0, swap.PagesStored);
    }

    [Fact]
    public void TryStore_Full_FailsUntilOneIsFreed()
    {
        using SwapFile swap = new(_path, 1);
        byte[] page = new byte[4096];
        uint slot = 0;
        for (int i = 0; i < 256; i++)
        {
            page[0] = (byte)i;
            Assert.True(swap.TryStore(page, out slot));
        }

        Assert.False(swap.TryStore(page, out _));
        Assert.Equal(256, swap.PagesStored);
        swap.Free(slot);
        Assert.True(swap.TryStore(page, out uint again));
        Assert.Equal(slot, again);
    }

    [Fact]
    public void TryLoad_ReusedSlot_HasTheNewContent()
    {
        using SwapFile swap = new(_path, 1);
        byte[] page = new byte[4096];
        page.AsSpan().Fill(1);
        swap.TryStore(page, out uint first);
        swap.TryStore(page, out uint other);
        swap.Free(first);
        page.AsSpan().Fill(2);
        swap.TryStore(page, out uint second);
        Assert.Equal(first, second);
        byte[] loaded = new byte[4096];
        Assert.True(swap.TryLoad(second, loaded));
        Assert.Equal(page, loaded);
        Assert.True(swap.TryLoad(other, loaded));
        Assert.Equal(1, loaded[4095]);
    }

    [Fact]
    public void TryStore_NotAPage_Throws()
    {
        using SwapFile swap = new(_path, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => swap.TryStore(new byte[100], out _));
    }

    [Fact]
    public void Constructor_FileExists_Throws()
    {
        File.WriteAllText(_path, "mine");
        try
        {
            Assert.Throws<IOException>(() => new SwapFile(_path, 1));
            Assert.Equal("mine", File.ReadAllText(_path));
        }
        finally
        {
            File.Delete(_path);
        }
    }

    [Fact]
    public void Constructor_NoRoom_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => new SwapFile(_path, 0));
}
