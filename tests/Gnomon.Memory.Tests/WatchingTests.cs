using Gnomon.Memory.Tests.Fixture;

namespace Gnomon.Memory.Tests;

public sealed class WatchingTests : IDisposable
{
    private readonly HostMemory _host = new(1);
    private readonly GuestMemory _memory;
    private readonly RecordingWatcher _watcher = new();

    public WatchingTests()
    {
        _memory = new GuestMemory(_host, 16);
        _memory.SetWatcher(_watcher);
    }

    public void Dispose()
    {
        _memory.Dispose();
        _host.Dispose();
    }

    [Fact]
    public void Write_WatchedPage_ReportsAfterTheBytesAreThere()
    {
        _memory.Watch(new Gfn(2), true);
        byte[] seen = [];
        _watcher.Hearing = _ => seen = _memory.Read(0x2010, 4);
        _memory.Write(0x2010, 1, 2, 3, 4);
        Assert.Equal(["stored 0x2010 4"], _watcher.Heard);
        Assert.Equal([1, 2, 3, 4], seen);
    }

    [Fact]
    public void Write_AcrossWatchedPages_ReportsEachPartOnce()
    {
        _memory.Watch(new Gfn(1), true);
        _memory.Watch(new Gfn(3), true);
        _memory.Write(0x1FFE, new byte[2 + 4096 + 3]);
        Assert.Equal(["stored 0x1ffe 2", "stored 0x3000 3"], _watcher.Heard);
    }

    [Fact]
    public void Write_PageNotWatchedOrNoLonger_IsSilent()
    {
        _memory.Write(0x2010, 1);
        _memory.Watch(new Gfn(2), true);
        _memory.Watch(new Gfn(2), false);
        _memory.Write(0x2010, 1);
        Assert.Empty(_watcher.Heard);
    }

    [Fact]
    public void Write_SameBytes_IsReported()
    {
        _memory.Watch(new Gfn(2), true);
        _memory.Write(0x2000, 0);
        Assert.Single(_watcher.Heard);
    }

    [Fact]
    public void Write_ThatFails_IsNotReported()
    {
        _memory.Declare(new Gfn(2), 1, GuestPageState.ReadOnly);
        _memory.Watch(new Gfn(2), true);
        _memory.Write(0x2000, 1);
        Assert.Empty(_watcher.Heard);
    }

    [Fact]
    public void CompareExchange_WatchedPage_WakesNobody()
    {
        _memory.Watch(new Gfn(2), true);
        Assert.Equal(PageStatus.Ok, _memory.CompareExchange(new Gpa(0x2000), 4, 0, 0x60));
        Assert.Empty(_watcher.Heard);
    }

    [Fact]
    public void ReportStore_WatchedPage_IsHeard()
    {
        _memory.ReportStore(new Gpa(0x2004), 4);
        _memory.Watch(new Gfn(2), true);
        _memory.ReportStore(new Gpa(0x2004), 4);
        _memory.ReportStore(new Gpa(0x99999000), 4);
        Assert.Equal(["stored 0x2004 4"], _watcher.Heard);
    }

    [Fact]
    public void SetWatcher_Null_IsSilent()
    {
        _memory.Watch(new Gfn(2), true);
        _memory.SetWatcher(null);
        _memory.Write(0x2000, 1);
        Assert.Empty(_watcher.Heard);
    }

    [Fact]
    public void Watch_KeepsTheOtherFlags()
    {
        _memory.Write(0x2000, 1);
        _memory.Declare(new Gfn(2), 1, GuestPageState.ReadOnly);
        _memory.Watch(new Gfn(2), true);
        Assert.Equal(GuestPageState.Present | GuestPageState.ReadOnly | GuestPageState.Watched, _memory.Flags(2));
        _memory.Watch(new Gfn(2), false);
        Assert.Equal(GuestPageState.Present | GuestPageState.ReadOnly, _memory.Flags(2));
    }
}
