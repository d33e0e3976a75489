using Gnomon.Devices.Tests.Fixture;
using Gnomon.Memory;

namespace Gnomon.Devices.Tests;

/// <summary>Who answers at which port and address.</summary>
public sealed class BusTests
{
    [Theory]
    [InlineData(1, 0xFFu)]
    [InlineData(2, 0xFFFFu)]
    [InlineData(4, 0xFFFF_FFFFu)]
    public void UnknownPort_ReadsAllOnes(int size, uint ones)
    {
        using TestMachine machine = new();
        Assert.Equal(ones, machine.In(0x3F8, size));
    }

    [Fact]
    public void UnknownPort_IgnoresWrites()
    {
        using TestMachine machine = new();
        machine.Out(0x3F8, 1, 0x55);
        machine.Out(0xFFFF, 4, 0x55);
        Assert.Equal(0xFFu, machine.In(0x3F8, 1));
    }

    [Fact]
    public void Port64_Gives1()
    {
        using TestMachine machine = new();
        Assert.Equal(1u, machine.In(0x64, 1));
        machine.Out(0x64, 1, 0xFE);
        Assert.Equal(1u, machine.In(0x64, 1));
    }

    [Fact]
    public void PortAccess_AcrossTheBorderOfRanges_GoesToEachByItsOwnOffset()
    {
        PortBus bus = new();
        Recorder low = new(1);
        Recorder high = new(100);
        bus.Map(0x40, 4, low);
        bus.Map(0x44, 1, high);
        byte[] data = new byte[4];
        bus.Read(0x42, data);
        Assert.Equal([3, 4, 100, 0xFF], data);
        bus.Write(0x43, [10, 20, 30, 40]);
        Assert.Equal([(3, 10)], low.Written);
        Assert.Equal([(0, 20)], high.Written);
    }

    [Fact]
    public void PortAccess_PastTheLastPort_ReadsOnes()
    {
        PortBus bus = new();
        bus.Map(0xFFFF, 1, new Recorder(7));
        byte[] data = new byte[4];
        bus.Read(0xFFFF, data);
        Assert.Equal([7, 0xFF, 0xFF, 0xFF], data);
    }

    [Theory]
    [InlineData(0x3F, 1, true)]
    [InlineData(0x3F, 2, false)]
    [InlineData(0x40, 1, false)]
    [InlineData(0x43, 1, false)]
    [InlineData(0x44, 1, true)]
    [InlineData(0x00, 0x100, false)]
    public void PortMap_OverATakenPort_Throws(int first, int count, bool allowed)
    {
        PortBus bus = new();
        bus.Map(0x40, 4, new Recorder(0));
        if (allowed)
        {
            bus.Map((ushort)first, count, new Recorder(0));
        }
        else
        {
            Assert.Throws<ArgumentException>(() => bus.Map((ushort)first, count, new Recorder(0)));
        }
    }

    [Fact]
    public void PortMap_PastTheLastPort_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new PortBus().Map(0xFFFF, 2, new Recorder(0)));

    [Fact]
    public void Window_ThatMoves_AnswersOnlyAtItsNewPlace()
    {
        MmioBus bus = new();
        MmioWindow window = bus.Map(new Gpa(0x1000), 0x10, new Recorder(1));
        byte[] data = new byte[1];
        Assert.True(bus.Read(new Gpa(0x100F), data));
        Assert.Equal(16, data[0]);
        window.First = new Gpa(0xF_FFFF_FFF0);
        Assert.False(bus.Read(new Gpa(0x100F), data));
        Assert.Equal(0xFF, data[0]);
        Assert.True(bus.Covers(new Gpa(0xF_FFFF_FFFF)));
        Assert.False(bus.Covers(new Gpa(0x10_0000_0000)));
        window.IsEnabled = false;
        Assert.False(bus.Covers(new Gpa(0xF_FFFF_FFFF)));
    }

    [Fact]
    public void WindowAccess_PastTheEnd_IsSplit()
    {
        MmioBus bus = new();
        Recorder device = new(1);
        bus.Map(new Gpa(0x1000), 0x10, device);
        byte[] data = new byte[8];
        Assert.True(bus.Read(new Gpa(0x100E), data));
        Assert.Equal([15, 16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], data);
        Assert.False(bus.Read(new Gpa(0xFFE), data));
        Assert.Equal([0xFF, 0xFF, 1, 2, 3, 4, 5, 6], data);
        Assert.True(bus.Write(new Gpa(0x100F), [1, 2]));
        Assert.Equal([(15, 1)], device.Written);
    }

    [Fact]
    public void Windows_ThatOverlap_TheFirstMappedAnswers()
    {
        MmioBus bus = new();
        bus.Map(new Gpa(0x1000), 0x10, new Recorder(1));
        MmioWindow second = bus.Map(new Gpa(0x2000), 0x10, new Recorder(100));
        second.First = new Gpa(0x1008);
        byte[] data = new byte[1];
        bus.Read(new Gpa(0x1008), data);
        Assert.Equal(9, data[0]);
        bus.Read(new Gpa(0x1010), data);
        Assert.Equal(108, data[0]);
    }

    [Fact]
    public void Window_AtTheEndOfTheAddressSpace_DoesNotWrapAround()
    {
        MmioBus bus = new();
        bus.Map(new Gpa(ulong.MaxValue - 3), 4, new Recorder(1));
        byte[] data = new byte[8];
        Assert.True(bus.Read(new Gpa(ulong.MaxValue - 3), data));
        Assert.Equal([1, 2, 3, 4, 0xFF, 0xFF, 0xFF, 0xFF], data);
    }

    /// <summary>Reads as its offset and a number; keeps what is written.</summary>
    private sealed class Recorder(byte first) : IPortDevice, IMmioDevice
    {
        public List<(int Offset, byte Value)> Written { get; } = [];

        public void Read(int offset, Span<byte> data)
        {
            for (int i = 0; i < data.Length; i++)
            {
                data[i] = (byte)(first + offset + i);
            }
        }

        public void Write(int offset, ReadOnlySpan<byte> data)
        {
            for (int i = 0; i < data.Length; i++)
            {
                Written.Add((offset + i, data[i]));
            }
        }
    }
}
