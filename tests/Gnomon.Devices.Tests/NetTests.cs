using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>The network device.</summary>
public sealed class NetTests
{
    private static readonly byte[] Address = [2, 0, 0, 0x12, 0x34, 0x56];

    [Fact]
    public void Configuration_IsTheAddress()
    {
        using TestMachine machine = new(new VirtioNet(Address));
        VirtioDriver driver = new(machine, 1);
        Assert.Equal(0x5634_1200_0002ul, machine.ReadMmio(driver.Configuration, 8) & 0xFFFF_FFFF_FFFF);
        Assert.NotEqual(0ul, driver.OfferedFeatures() & (1 << 5));
    }

    [Fact]
    public void Features_WithoutABackend_HaveChecksumAndSegmentation()
    {
        using TestMachine machine = new(new VirtioNet(Address));
        Assert.Equal(1ul | (1 << 5) | (7 << 11), new VirtioDriver(machine, 1).OfferedFeatures() & 0xFFFFFF);
    }

    [Fact]
    public void Features_WithABackend_AreWhatItTakes()
    {
        using TestMachine machine = new(new VirtioNet(Address, new FrameRecord { Offloads = NetworkOffloads.Checksum }));
        Assert.Equal(1ul | (1 << 5), new VirtioDriver(machine, 1).OfferedFeatures() & 0xFFFFFF);
    }

    [Fact]
    public void Transmit_HandsHeaderAndFrameToTheBackend()
    {
        FrameRecord record = new();
        VirtioNet net = new(Address, record);
        using TestMachine machine = new(net);
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        machine.Poke(0x8000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        machine.Poke(0x9000, "frame"u8.ToArray());
        driver.Queues[1].Submit(0, new Part(0x8000, 12, false), new Part(0x9000, 5, false));
        (byte[] header, byte[] frame) = Assert.Single(record.Frames);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], header);
        Assert.Equal("frame"u8.ToArray(), frame);
        Assert.Equal((0u, 0u), driver.Queues[1].TakeUsed());
        Assert.Equal(1, net.FramesTransmitted);
    }

    [Fact]
    public void Transmit_WithoutABackend_IsCountedAndDropped()
    {
        VirtioNet net = new(Address);
        using TestMachine machine = new(net);
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        driver.Queues[1].Submit(0, new Part(0x8000, 60, false));
        Assert.Equal(1, net.FramesTransmitted);
        Assert.NotNull(driver.Queues[1].TakeUsed());
    }

    [Fact]
    public void Receive_GivesTheFrameBehindAHeaderOfOneBuffer()
    {
        VirtioNet net = new(Address);
        using TestMachine machine = new(net);
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        Assert.True(net.Receive("early"u8));
        driver.Queues[0].Submit(0, new Part(0x8000, 1526, true));
        Assert.Equal((0u, 17u), driver.Queues[0].TakeUsed());
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, .. "early"u8], machine.Peek(0x8000, 17));
        Assert.Equal(1, net.FramesReceived);
    }

    [Fact]
    public void Receive_WithoutADriver_IsDropped()
    {
        VirtioNet net = new(Address);
        using TestMachine machine = new(net);
        Assert.False(net.Receive("x"u8));
        Assert.Equal(1, net.FramesDropped);
    }

    [Fact]
    public void Receive_IntoABufferThatIsTooSmall_IsDropped()
    {
        VirtioNet net = new(Address);
        using TestMachine machine = new(net);
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        driver.Queues[0].Submit(0, new Part(0x8000, 13, true));
        net.Receive("xy"u8);
        Assert.Equal((0u, 0u), driver.Queues[0].TakeUsed());
        Assert.Equal(new byte[13], machine.Peek(0x8000, 13));
        Assert.Equal(1, net.FramesDropped);
    }

    [Fact]
    public void Transmit_WithoutAWholeHeader_BreaksTheRing()
    {
        using TestMachine machine = new(new VirtioNet(Address));
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        driver.Queues[1].Submit(0, new Part(0x8000, 11, false));
        Assert.Equal(15 | 64, driver.GetStatus());
    }
}
