namespace Gnomon.Memory.Tests;

public sealed class HostMemoryTests
{
    [Fact]
    public void TryAllocate_Fresh_FrameIsZeroWithOneReference()
    {
        using HostMemory host = new(1);
        Assert.True(host.TryAllocate(out Pfn frame));
        Assert.NotEqual(Pfn.None, frame);
        Assert.Equal(1, host.References(frame));
        Assert.False(host.Bytes(frame).ContainsAnyExcept((byte)0));
        Assert.Equal(1, host.FramesInUse);
    }

    [Fact]
    public void TryAllocate_FrameUsedBefore_IsZeroAgain()
    {
        using HostMemory host = new(1);
        host.TryAllocate(out Pfn first);
        host.Bytes(first).Fill(0xAB);
        host.DropReference(first);
        host.TryAllocate(out Pfn second);
        Assert.Equal(first, second);
        Assert.False(host.Bytes(second).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void TryAllocate_LimitReached_FailsAndTakesNothing()
    {
        using HostMemory host = new(1);
        Assert.Equal(255, host.FrameLimit);
        HashSet<Pfn> frames = [];
        for (int i = 0; i < host.FrameLimit; i++)
        {
            Assert.True(host.TryAllocate(out Pfn frame));
            Assert.True(frames.Add(frame), "a frame was handed out twice");
        }

        Assert.False(host.TryAllocate(out Pfn none));
        Assert.Equal(Pfn.None, none);
        Assert.Equal(host.FrameLimit, host.FramesInUse);
        host.DropReference(frames.First());
        Assert.True(host.TryAllocate(out Pfn again));
        Assert.Equal(frames.First(), again);
    }

    [Fact]
    public void DropReference_NotTheLast_KeepsTheFrame()
    {
        using HostMemory host = new(1);
        host.TryAllocate(out Pfn frame);
        host.AddReference(frame);
        host.AddSharedReference(frame);
        Assert.Equal(3, host.References(frame));
        host.DropSharedReference(frame);
        host.DropReference(frame);
        Assert.Equal(1, host.FramesInUse);
        host.DropReference(frame);
        Assert.Equal(0, host.FramesInUse);
        Assert.Equal(0, host.References(frame));
    }

    [Fact]
    public void DropReference_OnceTooOften_Throws()
    {
        using HostMemory host = new(1);
        host.TryAllocate(out Pfn frame);
        host.DropReference(frame);
        Assert.Throws<InvalidOperationException>(() => host.DropReference(frame));
        Assert.Throws<InvalidOperationException>(() => host.DropSharedReference(frame));
    }

    [Fact]
    public void FailNextAllocations_ThatMany_ThenSucceeds()
    {
        using HostMemory host = new(1);
        host.FailNextAllocations(2);
        Assert.False(host.TryAllocate(out _));
        Assert.False(host.TryAllocate(out _));
        Assert.True(host.TryAllocate(out _));
        Assert.Equal(3, host.Allocations);
        Assert.Equal(1, host.FramesInUse);
        host.FailNextAllocations(5);
        host.FailNextAllocations(0);
        Assert.True(host.TryAllocate(out _));
    }

    [Fact]
    public void FailAfter_N_FailsTheNthAlone()
    {
        using HostMemory host = new(1) { FailAfter = 3 };
        bool[] got = [.. Enumerable.Range(0, 5).Select(_ => host.TryAllocate(out Pfn _))];
        Assert.Equal([true, true, false, true, true], got);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(4097)]
    public void Constructor_LimitOutOfRange_Throws(int limit) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new HostMemory(limit));

    [Fact]
    public void Constructor_LargestLimit_FramesNeedTwentyBits()
    {
        using HostMemory host = new(HostMemory.MaxLimitMiB);
        Assert.Equal((1 << 20) - 1, host.FrameLimit);
    }

    [Fact]
    public void Bytes_NoSuchFrame_Throws()
    {
        using HostMemory host = new(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => host.Bytes(new Pfn(256)).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => host.References(new Pfn(uint.MaxValue)));
    }

    [Fact]
    public void FailNextAllocations_Negative_Throws()
    {
        using HostMemory host = new(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => host.FailNextAllocations(-1));
    }

    [Fact]
    public void TryAllocate_AfterDispose_Throws()
    {
        HostMemory host = new(1);
        host.Dispose();
        host.Dispose();
        Assert.Throws<ObjectDisposedException>(() => host.TryAllocate(out _));
    }

    [Fact]
    public void Dispose_FrameStillHeld_StaysReadableUntilDropped()
    {
        HostMemory host = new(1);
        host.TryAllocate(out Pfn frame);
        host.Bytes(frame)[7] = 9;
        host.Dispose();
        Assert.Equal(9, host.Bytes(frame)[7]);
        host.DropReference(frame);
        Assert.Equal(0, host.FramesInUse);
    }

    [Fact]
    public void TwoObjects_ShareNothing()
    {
        using HostMemory one = new(1);
        using HostMemory two = new(1);
        one.TryAllocate(out Pfn a);
        two.TryAllocate(out Pfn b);
        Assert.Equal(a, b);
        one.Bytes(a).Fill(1);
        Assert.False(two.Bytes(b).ContainsAnyExcept((byte)0));
        one.FailNextAllocations(1);
        Assert.True(two.TryAllocate(out _));
    }

    [Fact]
    public void References_ManyThreads_AddUp()
    {
        using HostMemory host = new(1);
        host.TryAllocate(out Pfn frame);
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                host.AddSharedReference(frame);
                host.DropSharedReference(frame);
            }
        });
        Assert.Equal(1, host.References(frame));
    }

    [Fact]
    public void TryAllocate_ManyThreads_NoFrameTwice()
    {
        using HostMemory host = new(1);
        int[] owners = new int[host.FrameLimit + 1];
        Parallel.For(0, 8, thread =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                if (host.TryAllocate(out Pfn frame))
                {
                    Assert.Equal(0, Interlocked.Exchange(ref owners[frame.Value], thread + 1));
                    Interlocked.Exchange(ref owners[frame.Value], 0);
                    host.DropReference(frame);
                }
            }
        });
        Assert.Equal(0, host.FramesInUse);
    }
}
