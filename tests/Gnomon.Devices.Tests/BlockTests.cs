using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>The disk: requests, their errors, their time.</summary>
public sealed class BlockTests : IDisposable
{
    private const uint Read = 0;
    private const uint Write = 1;
    private const uint Flush = 4;
    private const uint GetIdentity = 8;
    private const ulong Header = 0x8000;
    private const ulong Data = 0x9000;
    private const ulong Status = 0x8100;

    private readonly TestImage _image = new([.. Enumerable.Range(0, 16 * 512).Select(i => (byte)(i / 512 * 16 + i % 13))]);
    private TestMachine? _machine;

    private TestMachine Machine => _machine!;

    private VirtioDriver Driver { get; set; } = null!;

    private DriverQueue Queue => Driver.Queues[0];

    public void Dispose() => _machine?.Dispose();

    [Fact]
    public void Configuration_SaysCapacitySegmentsAndSectorSize()
    {
        Start(_image);
        Assert.Equal(16ul, Machine.ReadMmio(Driver.Configuration, 8));
        Assert.Equal(254ul, Machine.ReadMmio(Driver.Configuration + 12, 4));
        Assert.Equal(512ul, Machine.ReadMmio(Driver.Configuration + 20, 4));
    }

    [Theory]
    [InlineData(false, (1u << 2) | (1u << 9))]
    [InlineData(true, (1u << 2) | (1u << 9) | (1u << 5))]
    public void Features_AreSegmentsFlushAndReadOnly(bool readOnly, uint features)
    {
        Start(new TestImage(new byte[512], readOnly));
        Assert.Equal(features, (uint)Driver.OfferedFeatures() & 0xFFFFFF);
    }

    [Fact]
    public void ReadRequest_GivesTheSectors()
    {
        Start(_image);
        Assert.Equal((0, 1025u), Do(Read, 3, 1024, true));
        Assert.Equal(_image.Content[(3 * 512)..(5 * 512)], Machine.Peek(Data, 1024));
        Assert.Equal(0, Machine.Peek(Data + 1024, 1)[0]);
    }

    [Fact]
    public void WriteRequest_ChangesTheSectors()
    {
        Start(_image);
        byte[] expected = [.. _image.Content];
        byte[] data = [.. Enumerable.Range(0, 512).Select(i => (byte)(i * 7))];
        data.CopyTo(expected, 15 * 512);
        Machine.Poke(Data, data);
        Assert.Equal((0, 1u), Do(Write, 15, 512, false));
        Assert.Equal(expected, _image.Content);
    }

    [Fact]
    public void ReadRequest_InOddPieces_IsTheSame()
    {
        Start(_image);
        Header16(Read, 1);
        Queue.Submit(0, new Part(Header, 5, false), new Part(Header + 5, 11, false), new Part(Data, 500, true), new Part(Data + 500, 13, true));
        Machine.RunTimers();
        Assert.Equal((0u, 513u), Queue.TakeUsed());
        Assert.Equal(_image.Content[512..1024], Machine.Peek(Data, 512));
        Assert.Equal(0, Machine.Peek(Data + 512, 1)[0]);
    }

    [Fact]
    public void FlushRequest_FlushesTheImage()
    {
        Start(_image);
        Assert.Equal((0, 1u), Do(Flush, 0, 0, false));
        Assert.Equal(1, _image.Flushes);
    }

    [Fact]
    public void GetIdentity_Gives20BytesPaddedWithZeros()
    {
        Start(_image);
        Machine.Poke(Data, [.. Enumerable.Repeat((byte)0xEE, 21)]);
        Assert.Equal((0, 21u), Do(GetIdentity, 0, 20, true));
        Assert.Equal("disk-7\0\0\0\0\0\0\0\0\0\0\0\0\0\0"u8.ToArray(), Machine.Peek(Data, 20));
        Assert.Equal(0xEE, Machine.Peek(Data + 20, 1)[0]);
        Assert.Equal((1, 0u), Do(GetIdentity, 0, 19, true));
    }

    [Theory]
    [InlineData(2u)]
    [InlineData(5u)]
    [InlineData(11u)]
    [InlineData(0xFFFF_FFFFu)]
    public void UnknownRequest_IsUnsupported(uint type)
    {
        Start(_image);
        Assert.Equal((2, 0u), Do(type, 0, 512, true));
    }

    [Theory]
    [InlineData(Read, 16ul, 512u)]
    [InlineData(Read, 15ul, 1024u)]
    [InlineData(Read, 0ul, 511u)]
    [InlineData(Read, 0x0080_0000_0000_0000ul, 512u)]
    [InlineData(Read, ulong.MaxValue, 512u)]
    [InlineData(Write, 16ul, 512u)]
    [InlineData(Write, 15ul, 1024u)]
    [InlineData(Write, 0ul, 100u)]
    public void Request_OfSectorsThatAreNotThere_IsAnError(uint type, ulong sector, uint length)
    {
        Start(_image);
        byte[] before = [.. _image.Content];
        Assert.Equal(1, Do(type, sector, length, type == Read).Status);
        Assert.Equal(before, _image.Content);
        Assert.Empty(Machine.Notes);
    }

    [Fact]
    public void WriteRequest_ToAReadOnlyDisk_IsAnError()
    {
        Start(new TestImage(new byte[512], readOnly: true));
        Assert.Equal((1, 1u), Do(Write, 0, 512, false));
    }

    [Theory]
    [InlineData(Read, 512u)]
    [InlineData(Write, 512u)]
    [InlineData(Flush, 0u)]
    public void HostFileError_IsAnErrorAndANote(uint type, uint length)
    {
        Start(_image);
        _image.Fails = true;
        Assert.Equal(1, Do(type, 0, length, type == Read).Status);
        Assert.Equal(1, Machine.HostFailures);
        Assert.Contains("the disk is on fire", Machine.Notes[0], StringComparison.Ordinal);
        Assert.Equal(15, Driver.GetStatus());
        _image.Fails = false;
        Assert.Equal(0, Do(type, 0, length, type == Read).Status);
    }

    [Theory]
    [InlineData(15u, 1u)]
    [InlineData(16u, 0u)]
    public void Request_WithoutHeaderOrStatus_BreaksTheRing(uint readable, uint writable)
    {
        Start(_image);
        Queue.Submit(0, new Part(Header, readable, false), new Part(Status, writable, true));
        Assert.Equal(15 | 64, Driver.GetStatus());
    }

    [Fact]
    public void Completion_ComesAfterTheDelayOfTheMachinesClock()
    {
        Start(_image, delay: 5000);
        Machine.Clock.Nanoseconds = 100;
        Request(0, Read, 0, 512, true);
        Machine.Clock.Nanoseconds = 2000;
        Request(4, Read, 1, 512, true);
        Assert.Equal(5100u, Machine.Scheduler.NextDeadline);
        Machine.Clock.Nanoseconds = 5099;
        Machine.Scheduler.RunDue();
        Assert.Null(Queue.TakeUsed());
        Assert.False(Machine.Lines[0].Level);
        Machine.Clock.Nanoseconds = 5100;
        Machine.Scheduler.RunDue();
        Assert.Equal((0u, 513u), Queue.TakeUsed());
        Assert.Null(Queue.TakeUsed());
        Assert.True(Machine.Lines[0].Level);
        Assert.Equal(7000u, Machine.Scheduler.NextDeadline);
    }

    [Fact]
    public void Completion_WithoutDelay_ComesAtOnce()
    {
        Start(_image, delay: 0);
        Request(0, Read, 0, 512, true);
        Assert.Equal((0u, 513u), Queue.TakeUsed());
    }

    [Fact]
    public void Reset_WithRequestsInFlight_ForgetsThem()
    {
        Start(_image);
        Request(0, Read, 0, 512, true);
        Driver.SetStatus(0);
        Assert.Equal(DeviceScheduler.Never, Machine.Scheduler.NextDeadline);
        Machine.Poke(Queue.Available, new byte[4]);
        Driver.Start();
        Machine.RunTimers();
        Assert.Equal(0, Queue.UsedIndex);
    }

    [Fact]
    public void Requests_MoreThanDescriptorsInFlight_BreakTheRing()
    {
        Start(_image);
        Header16(Flush, 0);
        Queue.WriteChain(0, new Part(Header, 16, false), new Part(Status, 1, true));
        for (int i = 0; i < 256; i++)
        {
            Queue.Submit([0]);
        }

        Assert.Equal(15, Driver.GetStatus());
        Queue.Submit([0]);
        Assert.Equal(15 | 64, Driver.GetStatus());
    }

    [Fact]
    public void Work_OfOneNotification_IsBoundedAndGoesOnLater()
    {
        const int requests = 256;
        Start(new TestImage(new byte[TestMachine.Bytes - 0x10000]), delay: 0);
        Header16(Read, 0);
        Part[] parts = [new Part(Header, 16, false), new Part(0x30000, 0x10000, true), new Part(Status, 1, true)];
        Queue.WriteChain(0, parts);
        for (int i = 0; i < requests; i++)
        {
            Queue.MakeAvailable(0);
        }

        Driver.Notify(0);
        Assert.InRange(Queue.UsedIndex, 1, 200);
        Machine.RunTimers();
        Assert.Equal(requests, Queue.UsedIndex);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(513)]
    public void Image_OfNoNumberOfSectors_IsRefused(int bytes)
    {
        Assert.Throws<ArgumentException>(() => new VirtioBlock(new TestImage(new byte[bytes])));
        Assert.Throws<ArgumentException>(() => new MemoryImage(new byte[bytes]));
    }

    [Fact]
    public void Device_InTwoMachines_IsRefused()
    {
        VirtioBlock block = new(_image);
        using TestMachine first = new(block);
        Assert.Throws<InvalidOperationException>(() => new TestMachine(block));
    }

    private void Start(IDiskImage image, ulong delay = 1000)
    {
        _machine = new TestMachine(new VirtioBlock(image, "disk-7", delay));
        Driver = new VirtioDriver(_machine, 1).Start();
    }

    private void Header16(uint type, ulong sector) => Machine.Poke(Header, [.. BitConverter.GetBytes((ulong)type), .. BitConverter.GetBytes(sector)]);

    private void Request(int head, uint type, ulong sector, uint length, bool reads)
    {
        Header16(type, sector);
        Machine.Poke(Status, 0xEE);
        Queue.Submit(head, new Part(Header, 16, false), new Part(Data, length, reads), new Part(Status, 1, true));
    }

    private (int Status, uint Written) Do(uint type, ulong sector, uint length, bool reads)
    {
        Request(0, type, sector, length, reads);
        Machine.RunTimers();
        (uint head, uint written) = Queue.TakeUsed()!.Value;
        Assert.Equal(0u, head);
        return (Machine.Peek(Status, 1)[0], written);
    }
}
