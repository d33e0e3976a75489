using Gnomon.Memory.Tests.Fixture;

namespace Gnomon.Memory.Tests;

public sealed class ReclaimTests : IDisposable
{
    private readonly HostMemory _host = new(1);
    private readonly GuestMemory _memory;
    private readonly ListStore _store = new(2);
    private readonly RecordingWatcher _watcher = new();

    public ReclaimTests()
    {
        _memory = new GuestMemory(_host, 16) { Store = _store };
        _memory.SetWatcher(_watcher);
    }

    public void Dispose()
    {
        _memory.Dispose();
        Assert.Equal(0, _host.FramesInUse);
        Assert.Equal(0, _store.Count);
        _host.Dispose();
    }

    [Fact]
    public void Reclaim_ThenRead_BringsItBackBitForBit()
    {
        byte[] content = new byte[4096];
        new Random(5).NextBytes(content);
        _memory.Write(0x1000, content);
        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(1)));
        Assert.Equal(["reclaim 0x1"], _watcher.Heard);
        Assert.Equal(0, _host.FramesInUse);
        Assert.Equal((0, 1, 1), (_memory.PagesBacked, _memory.PagesStored, _store.Count));
        Assert.Equal(GuestPageState.Stored, _memory.Flags(1));
        Assert.Equal(content, _memory.Read(0x1000, 4096));
        Assert.Equal((1, 0, 0), (_memory.PagesBacked, _memory.PagesStored, _store.Count));
    }

    [Fact]
    public void Reclaim_ThenWrite_KeepsTheRest()
    {
        _memory.Write(0x1000, 1, 2, 3, 4);
        _memory.Reclaim(new Gfn(1));
        _memory.Write(0x1001, 9);
        Assert.Equal([1, 9, 3, 4], _memory.Read(0x1000, 4));
    }

    [Fact]
    public unsafe void Reclaim_ThenPeek_SeesNothing()
    {
        _memory.Write(0x1000, 1);
        _memory.Reclaim(new Gfn(1));
        Assert.True(_memory.Peek(new Gpa(0x1000)) == null);
        Assert.False(_memory.TryGetFrame(new Gfn(1), out _));
    }

    [Fact]
    public void TryLookAtStored_LeavesThePageThere()
    {
        _memory.Write(0x1000, 1, 2);
        byte[] page = new byte[4096];
        Assert.False(_memory.TryLookAtStored(new Gfn(1), page));
        _memory.Reclaim(new Gfn(1));
        Assert.True(_memory.TryLookAtStored(new Gfn(1), page));
        Assert.Equal([1, 2, 0], page[..3]);
        Assert.Equal(1, _store.Count);
        Assert.Equal(0, _host.FramesInUse);
    }

    [Fact]
    public void Reclaim_ZeroPage_NeedsNoStore()
    {
        _memory.Store = null;
        _memory.Write(0x1000, 0);
        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(1)));
        Assert.Equal(0, _host.FramesInUse);
        Assert.Equal([0], _memory.Read(0x1000, 1));
        _memory.Store = _store;
    }

    [Fact]
    public void Reclaim_StoreFullOrMissing_KeepsThePage()
    {
        for (byte page = 1; page <= 3; page++)
        {
            _memory.Write((ulong)page << 12, page);
        }

        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(1)));
        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(2)));
        Assert.Equal(PageStatus.StoreFailed, _memory.Reclaim(new Gfn(3)));
        Assert.Equal([3], _memory.Read(0x3000, 1));
        Assert.Equal(GuestPageState.Present, _memory.Flags(3));
    }

    [Fact]
    public void Reclaim_WatcherRefuses_IsBusy()
    {
        _memory.Write(0x1000, 1);
        _watcher.LetsGo = false;
        Assert.Equal(PageStatus.Busy, _memory.Reclaim(new Gfn(1)));
        Assert.Equal(1, _host.FramesInUse);
    }

    [Fact]
    public void Reclaim_Pinned_IsBusyAndTheWatcherIsNotAsked()
    {
        _memory.Pin(new Gfn(1), true, out _);
        Assert.Equal(PageStatus.Busy, _memory.Reclaim(new Gfn(1)));
        Assert.Empty(_watcher.Heard);
        _memory.Unpin(new Gfn(1));
    }

    [Fact]
    public void Reclaim_NotBacked_IsDone()
    {
        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(1)));
        Assert.Empty(_watcher.Heard);
    }

    [Fact]
    public void Bring_StoreBroken_IsSaidAndTheFrameGoesBack()
    {
        _memory.Write(0x1000, 1);
        _memory.Reclaim(new Gfn(1));
        _store.IsBroken = true;
        Assert.Equal(PageStatus.StoreFailed, _memory.Read(new Gpa(0x1000), new byte[1]));
        Assert.Equal(0, _host.FramesInUse);
        _store.IsBroken = false;
        Assert.Equal([1], _memory.Read(0x1000, 1));
    }

    [Fact]
    public void Reclaim_SharedPage_TheOtherKeepsIt()
    {
        _memory.Write(0x1000, 1);
        using GuestMemory copy = _memory.Clone();
        Pfn frame = _memory.FrameOf(1);
        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(1)));
        Assert.Equal(1, _host.References(frame));
        Assert.Equal([1], copy.Read(0x1000, 1));
        copy.Write(0x1000, 2);
        Assert.Equal(frame, copy.FrameOf(1));
        Assert.Equal([1], _memory.Read(0x1000, 1));
        Assert.Equal(0, (int)(_memory.Flags(1) & GuestPageState.Shared));
    }

    [Fact]
    public void Reclaim_WatchedPage_StaysWatched()
    {
        _memory.Write(0x1000, 1);
        _memory.Watch(new Gfn(1), true);
        _memory.Reclaim(new Gfn(1));
        _memory.Read(0x1000, 1);
        Assert.Equal(GuestPageState.Present | GuestPageState.Watched, _memory.Flags(1));
    }

    [Fact]
    public void Dispose_StoredPages_AreFreedInTheStore()
    {
        GuestMemory other = new(_host, 4) { Store = _store };
        other.Write(0x1000, 1);
        other.Reclaim(new Gfn(1));
        Assert.Equal(1, _store.Count);
        other.Dispose();
        Assert.Equal(0, _store.Count);
    }
}
