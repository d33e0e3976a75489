using Gnomon.Memory.Tests.Fixture;

namespace Gnomon.Memory.Tests;

public sealed class SharingTests : IDisposable
{
    private readonly HostMemory _host = new(1);
    private readonly GuestMemory _memory;
    private readonly RecordingWatcher _watcher = new();

    public SharingTests()
    {
        _memory = new GuestMemory(_host, 16);
        _memory.SetWatcher(_watcher);
        _memory.Write(0x1000, 11);
        _memory.Write(0x2000, 22);
    }

    public void Dispose()
    {
        _memory.Dispose();
        Assert.Equal(0, _host.FramesInUse);
        _host.Dispose();
    }

    [Fact]
    public void Share_NoWrites_TakesNoFrame()
    {
        using GuestMemory copy = _memory.Clone();
        Assert.Equal(2, _host.FramesInUse);
        Assert.Equal([11], copy.Read(0x1000, 1));
        Assert.Equal(_memory.FrameOf(1), copy.FrameOf(1));
        Assert.Equal(2, copy.PagesBacked);
        Assert.Equal(0, _memory.SharingBreaks + copy.SharingBreaks);
    }

    [Fact]
    public void Share_TakesTheRightToWriteFirst()
    {
        bool sharedAlready = true;
        _watcher.Hearing = _ => sharedAlready = (_memory.Flags(1) & GuestPageState.Shared) != 0;
        using GuestMemory copy = _memory.Clone();
        Assert.Equal(["protect"], _watcher.Heard);
        Assert.False(sharedAlready);
    }

    [Fact]
    public void Read_SharedPage_NeverCopies()
    {
        using GuestMemory copy = _memory.Clone();
        copy.Read(0x1000, 4096);
        copy.Bring(new Gfn(1), false, out Pfn frame);
        Assert.Equal(_memory.FrameOf(1), frame);
        Assert.Equal(2, _host.FramesInUse);
    }

    [Fact]
    public void Write_SharedPage_CopiesAndLeavesTheOtherAlone()
    {
        using GuestMemory copy = _memory.Clone();
        _watcher.Heard.Clear();
        Pfn shared = _memory.FrameOf(1);
        _memory.Write(0x1001, 99);
        Assert.Equal(["drop 0x1"], _watcher.Heard);
        Assert.Equal([11, 99], _memory.Read(0x1000, 2));
        Assert.Equal([11, 0], copy.Read(0x1000, 2));
        Assert.Equal(shared, copy.FrameOf(1));
        Assert.Equal(1, _memory.SharingBreaks);
        Assert.Equal(0, (int)(_memory.Flags(1) & GuestPageState.Shared));
        Assert.Equal(3, _host.FramesInUse);
    }

    [Fact]
    public void Write_SharedPage_DropsMappingsWhileTheOldFrameIsThere()
    {
        using GuestMemory copy = _memory.Clone();
        _memory.AddMapping(new Gfn(1));
        Pfn old = _memory.FrameOf(1);
        _watcher.Hearing = _ =>
        {
            Assert.Equal(old, _memory.FrameOf(1));
            _memory.DropMapping(new Gfn(1));
        };
        _memory.Write(0x1000, 5);
        Assert.Equal(1, _host.References(old));
        Assert.Equal(1, _host.References(_memory.FrameOf(1)));
    }

    [Fact]
    public void Write_LastSharerLeft_RegainsWithoutACopy()
    {
        GuestMemory copy = _memory.Clone();
        Pfn frame = _memory.FrameOf(1);
        copy.Write(0x1000, 1);
        _watcher.Heard.Clear();
        _memory.Write(0x1000, 2);
        Assert.Equal(frame, _memory.FrameOf(1));
        Assert.Empty(_watcher.Heard);
        Assert.Equal(0, _memory.SharingBreaks);
        copy.Dispose();
        _memory.Write(0x2000, 3);
        Assert.Equal(0, _memory.SharingBreaks);
        Assert.Equal(2, _host.FramesInUse);
    }

    [Fact]
    public void Write_AmongThree_EachHasItsOwn()
    {
        using GuestMemory one = _memory.Clone();
        using GuestMemory two = one.Clone();
        one.Write(0x1000, 1);
        two.Write(0x1000, 2);
        Assert.Equal([11], _memory.Read(0x1000, 1));
        Assert.Equal([1], one.Read(0x1000, 1));
        Assert.Equal([2], two.Read(0x1000, 1));
        Pfn frame = _memory.FrameOf(1);
        _memory.Write(0x1000, 3);
        Assert.Equal(frame, _memory.FrameOf(1));
    }

    [Fact]
    public void CompareExchange_SharedPage_BreaksSharing()
    {
        using GuestMemory copy = _memory.Clone();
        Assert.Equal(PageStatus.Ok, copy.CompareExchange(new Gpa(0x1000), 4, 11, 11 | 0x20));
        Assert.Equal([11], _memory.Read(0x1000, 1));
        Assert.Equal([11 | 0x20], copy.Read(0x1000, 1));
    }

    [Fact]
    public void Write_NoFrameForTheCopy_LeavesBothAsTheyWere()
    {
        using GuestMemory copy = _memory.Clone();
        _host.FailNextAllocations(1);
        Assert.Equal(PageStatus.OutOfMemory, copy.Write(0x1000, 9));
        Assert.Equal([11], copy.Read(0x1000, 1));
        Assert.Equal(_memory.FrameOf(1), copy.FrameOf(1));
        Assert.Equal(2, _host.FramesInUse);
    }

    [Fact]
    public void Share_PinnedPage_IsBusyAndSharesNothing()
    {
        _memory.Pin(new Gfn(2), true, out _);
        Assert.Equal(PageStatus.Busy, _memory.Share(out GuestMemory? copy));
        Assert.Null(copy);
        Assert.Equal(0, (int)(_memory.Flags(1) & GuestPageState.Shared));
        Assert.Empty(_watcher.Heard);
        _memory.Unpin(new Gfn(2));
    }

    [Fact]
    public void Pin_SharedPage_BreaksSharingEvenForReading()
    {
        using GuestMemory copy = _memory.Clone();
        Assert.Equal(PageStatus.Ok, _memory.Pin(new Gfn(1), false, out Pfn frame));
        Assert.NotEqual(copy.FrameOf(1), frame);
        _memory.Unpin(new Gfn(1));
    }

    [Fact]
    public void Share_StoredPage_IsBroughtBackFirst()
    {
        ListStore store = new();
        _memory.Store = store;
        Assert.Equal(PageStatus.Ok, _memory.Reclaim(new Gfn(1)));
        using GuestMemory copy = _memory.Clone();
        Assert.Equal(0, store.Count);
        Assert.Equal([11], copy.Read(0x1000, 1));
    }

    [Fact]
    public void Share_StoreBroken_IsSaidAndSharesNothing()
    {
        ListStore store = new();
        _memory.Store = store;
        _memory.Reclaim(new Gfn(2));
        store.IsBroken = true;
        Assert.Equal(PageStatus.StoreFailed, _memory.Share(out GuestMemory? copy));
        Assert.Null(copy);
        Assert.Equal(0, (int)(_memory.Flags(1) & GuestPageState.Shared));
        store.IsBroken = false;
    }

    [Fact]
    public void Share_KindsOfPagesAreKept_WatchesAreNot()
    {
        _memory.Declare(new Gfn(3), 1, GuestPageState.Hole);
        _memory.Declare(new Gfn(4), 1, GuestPageState.ReadOnly);
        _memory.Declare(new Gfn(5), 1, GuestPageState.Device);
        _memory.Watch(new Gfn(1), true);
        using GuestMemory copy = _memory.Clone();
        Assert.Equal(GuestPageState.Hole, copy.Flags(3));
        Assert.Equal(GuestPageState.ReadOnly, copy.Flags(4));
        Assert.Equal(GuestPageState.Device, copy.Flags(5));
        Assert.Equal(GuestPageState.Present | GuestPageState.Shared, copy.Flags(1));
        Assert.Equal(GuestPageState.Present | GuestPageState.Shared | GuestPageState.Watched, _memory.Flags(1));
    }

    [Fact]
    public void Write_ManyGuestsAtOnce_NothingIsLostAndAllComesBack()
    {
        for (int round = 0; round < 30; round++)
        {
            GuestMemory[] guests = [.. Enumerable.Range(0, 4).Select(_ => _memory.Clone())];
            Parallel.For(0, guests.Length, who =>
            {
                lock (guests[who].Gate)
                {
                    for (ulong page = 1; page <= 2; page++)
                    {
                        Assert.Equal(PageStatus.Ok, guests[who].Write((page << 12) + 1, (byte)who));
                    }
                }
            });
            for (int who = 0; who < guests.Length; who++)
            {
                Assert.Equal([11, (byte)who], guests[who].Read(0x1000, 2));
                Assert.Equal([22, (byte)who], guests[who].Read(0x2000, 2));
            }

            Parallel.ForEach(guests, guest => guest.Dispose());
            Assert.Equal(2, _host.FramesInUse);
        }
    }
}
