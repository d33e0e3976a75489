using Gnomon.Memory.Tests.Fixture;

namespace Gnomon.Memory.Tests;

public sealed class GuestMemoryTests : IDisposable
{
    private readonly HostMemory _host = new(1);
    private readonly GuestMemory _memory;

    public GuestMemoryTests() => _memory = new GuestMemory(_host, 16);

    public void Dispose()
    {
        _memory.Dispose();
        Assert.Equal(0, _host.FramesInUse);
        _host.Dispose();
    }

    [Fact]
    public void Read_NeverWritten_IsZeroAndTakesNoFrame()
    {
        Assert.Equal(new byte[5000], _memory.Read(0x2F00, 5000));
        Assert.Equal(0, _host.FramesInUse);
        Assert.Equal(0, _memory.PagesBacked);
    }

    [Fact]
    public void Write_AcrossPages_ReadsBackAndBacksBoth()
    {
        byte[] bytes = [.. Enumerable.Range(1, 8).Select(i => (byte)i)];
        Assert.Equal(PageStatus.Ok, _memory.Write(0x1FFD, bytes));
        Assert.Equal(bytes, _memory.Read(0x1FFD, 8));
        Assert.Equal([0, 1, 2, 3], _memory.Read(0x1FFC, 4));
        Assert.Equal(2, _memory.PagesBacked);
        Assert.Equal(2, _host.FramesInUse);
    }

    [Fact]
    public void Write_PastTheEnd_StopsThere()
    {
        Assert.Equal(PageStatus.OutsideMemory, _memory.Write(0xFFFE, 1, 2, 3, 4));
        Assert.Equal([1, 2], _memory.Read(0xFFFE, 2));
        Assert.Equal(PageStatus.OutsideMemory, _memory.Write(0x10000, 1));
    }

    [Theory]
    [InlineData(0x10000)]
    [InlineData(0x1_0000_0000)]
    [InlineData(0x1_0000_0000_0000)]
    [InlineData(ulong.MaxValue)]
    public void AnyAccess_OutsideMemory_IsSaidAtFullWidth(ulong address)
    {
        Assert.Equal(PageStatus.OutsideMemory, _memory.Read(new Gpa(address), new byte[1]));
        Assert.Equal(PageStatus.OutsideMemory, _memory.Write(address, 1));
        Assert.Equal(PageStatus.OutsideMemory, _memory.Bring(new Gpa(address).Page, true, out Pfn frame));
        Assert.Equal(Pfn.None, frame);
        Assert.Equal(PageStatus.OutsideMemory, _memory.Reclaim(new Gpa(address).Page));
        Assert.Equal(PageStatus.OutsideMemory, _memory.CompareExchange(new Gpa(address & ~7UL), 8, 0, 1));
        Assert.Equal(PageStatus.OutsideMemory, _memory.Pin(new Gpa(address).Page, false, out _));
        Assert.False(_memory.TryGetFrame(new Gpa(address).Page, out _));
        Assert.Equal(0, _host.FramesInUse);
    }

    [Fact]
    public void Page_OutsideMemory_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _memory.Page(new Gfn(16)).Flags);
        Assert.Throws<ArgumentOutOfRangeException>(() => _memory.Page(new Gfn(1UL << 32)).Flags);
        Assert.Throws<ArgumentOutOfRangeException>(() => _memory.Watch(new Gfn(16), true));
        Assert.Throws<ArgumentOutOfRangeException>(() => _memory.Unpin(new Gfn(16)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData((1 << 20) + 1)]
    public void Constructor_PageCountOutOfRange_Throws(int pages) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new GuestMemory(_host, pages));

    [Fact]
    public void Hole_NeitherReadNorWritten()
    {
        _memory.Declare(new Gfn(3), 1, GuestPageState.Hole);
        Assert.Equal(PageStatus.Hole, _memory.Read(new Gpa(0x3000), new byte[1]));
        Assert.Equal(PageStatus.Hole, _memory.Write(0x3000, 1));
        Assert.Equal(PageStatus.Hole, _memory.Bring(new Gfn(3), false, out _));
        Assert.Equal(PageStatus.Hole, _memory.CompareExchange(new Gpa(0x3000), 4, 0, 1));
        Assert.Equal(0, _host.FramesInUse);
    }

    [Fact]
    public void ReadOnly_ReadButNotWritten()
    {
        _memory.Write(0x3000, 42);
        _memory.Declare(new Gfn(3), 1, GuestPageState.ReadOnly);
        Assert.Equal([42], _memory.Read(0x3000, 1));
        Assert.Equal(PageStatus.ReadOnly, _memory.Write(0x3000, 1));
        Assert.Equal(PageStatus.ReadOnly, _memory.CompareExchange(new Gpa(0x3000), 4, 42, 1));
        Assert.Equal(PageStatus.ReadOnly, _memory.Bring(new Gfn(3), true, out _));
        Assert.Equal(PageStatus.Ok, _memory.Bring(new Gfn(3), false, out Pfn frame));
        Assert.Equal(_memory.FrameOf(3), frame);
        Assert.Equal([42], _memory.Read(0x3000, 1));
    }

    [Fact]
    public void Device_IsNoFrameForMappings()
    {
        _memory.Write(0x3000, 42);
        _memory.Declare(new Gfn(3), 1, GuestPageState.Device);
        Assert.False(_memory.TryGetFrame(new Gfn(3), out _));
    }

    [Theory]
    [InlineData(15UL, 2)]
    [InlineData(17UL, 0)]
    [InlineData(0UL, -1)]
    [InlineData(0xFFFFFFFFFFFFFFFFUL, 2)]
    public void Declare_NotAllInMemory_Throws(ulong first, int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _memory.Declare(new Gfn(first), count, GuestPageState.Hole));

    [Fact]
    public void Declare_AnotherState_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _memory.Declare(new Gfn(0), 1, GuestPageState.Present));

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void CompareExchange_ExpectedValue_Replaces(int width)
    {
        _memory.Write(0x2000, 1, 2, 3, 4, 5, 6, 7, 8);
        ulong old = width == 4 ? 0x04030201UL : 0x0807060504030201UL;
        Assert.Equal(PageStatus.Ok, _memory.CompareExchange(new Gpa(0x2000), width, old, old | 0x60));
        Assert.Equal([0x61, 2, 3, 4, 5, 6, 7, 8], _memory.Read(0x2000, 8));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void CompareExchange_AnotherValue_ChangesNothing(int width)
    {
        _memory.Write(0x2000, 1, 2, 3, 4, 5, 6, 7, 8);
        Assert.Equal(PageStatus.Changed, _memory.CompareExchange(new Gpa(0x2000), width, 0xFF, 0));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], _memory.Read(0x2000, 8));
    }

    [Fact]
    public unsafe void Peek_OnlyWhatIsThere()
    {
        _memory.Write(0x2010, 7);
        Assert.Equal(7, *_memory.Peek(new Gpa(0x2010)));
        Assert.True(_memory.Peek(new Gpa(0x3000)) == null);
        Assert.True(_memory.Peek(new Gpa(0x10000)) == null);
        Assert.Equal(1, _host.FramesInUse);
    }

    [Fact]
    public void Bring_NoFrameLeft_SaysSoAndChangesNothing()
    {
        _host.FailNextAllocations(1);
        Assert.Equal(PageStatus.OutOfMemory, _memory.Write(0x1000, 1));
        Assert.Equal(GuestPageState.None, _memory.Flags(1));
        Assert.Equal(PageStatus.Ok, _memory.Write(0x1000, 1));
    }

    [Fact]
    public void Mapping_AddAndDrop_CountsOneReference()
    {
        _memory.Write(0x1000, 1);
        _memory.AddMapping(new Gfn(1));
        Assert.Equal(2, _host.References(_memory.FrameOf(1)));
        _memory.DropMapping(new Gfn(1));
        Assert.Equal(1, _host.References(_memory.FrameOf(1)));
    }

    [Fact]
    public void Pin_Twice_CountsTwiceAndEnds()
    {
        Assert.Equal(PageStatus.Ok, _memory.Pin(new Gfn(1), true, out Pfn frame));
        Assert.Equal(PageStatus.Ok, _memory.Pin(new Gfn(1), false, out _));
        Assert.Equal(2, _memory.PinsOf(new Gfn(1)));
        Assert.Equal(3, _host.References(frame));
        _memory.Unpin(new Gfn(1));
        _memory.Unpin(new Gfn(1));
        Assert.Equal(1, _host.References(frame));
        Assert.Throws<InvalidOperationException>(() => _memory.Unpin(new Gfn(1)));
    }

    [Fact]
    public void Pin_TooOften_IsBusyAndCountsNoMore()
    {
        for (int i = 0; i < ushort.MaxValue; i++)
        {
            Assert.Equal(PageStatus.Ok, _memory.Pin(new Gfn(1), false, out _));
        }

        int references = _host.References(_memory.FrameOf(1));
        Assert.Equal(PageStatus.Busy, _memory.Pin(new Gfn(1), false, out _));
        Assert.Equal(references, _host.References(_memory.FrameOf(1)));
        for (int i = 0; i < ushort.MaxValue; i++)
        {
            _memory.Unpin(new Gfn(1));
        }
    }

    [Fact]
    public void Dispose_Twice_ReturnsEverythingOnce()
    {
        GuestMemory other = new(_host, 4);
        other.Write(0x1000, 1);
        other.Dispose();
        other.Dispose();
        Assert.Equal(0, _host.FramesInUse);
        Assert.Equal(PageStatus.OutsideMemory, other.Write(0x1000, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => other.Page(new Gfn(0)).Flags);
    }
}
