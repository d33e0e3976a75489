using Gnomon.Devices.Tests.Fixture;
using Gnomon.Memory;

namespace Gnomon.Devices.Tests;

/// <summary>The configuration mechanism and configuration space, sentence by sentence of the guest's interface.</summary>
public sealed class PciTests : IDisposable
{
    private readonly TestMachine _machine = new(
        new VirtioConsole(new ConsoleRecord()),
        new VirtioNet(new byte[6]),
        new VirtioBlock(new MemoryImage(new byte[512])),
        new VirtioEntropy(new SeededEntropy(1)));

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Address_AfterADwordWrite_ReadsBack()
    {
        _machine.Out(0xCF8, 4, 0x8000_1234);
        Assert.Equal(0x8000_1234u, _machine.In(0xCF8, 4));
        _machine.Out(0xCF8, 4, 0x0102_0304);
        Assert.Equal(0x0102_0304u, _machine.In(0xCF8, 4));
    }

    [Theory]
    [InlineData(0xCFB, 1)]
    [InlineData(0xCF8, 1)]
    [InlineData(0xCF8, 2)]
    [InlineData(0xCFA, 2)]
    public void Address_AfterANarrowWrite_IsLeft(int port, int size)
    {
        _machine.Out(0xCF8, 4, 0x8000_0800);
        _machine.Out(port, size, 0xFFFF);
        Assert.Equal(0x8000_0800u, _machine.In(0xCF8, 4));
    }

    [Fact]
    public void Probe_AsLinuxDoesIt_FindsMechanism1()
    {
        _machine.Out(0xCFB, 1, 1);
        uint before = _machine.In(0xCF8, 4);
        _machine.Out(0xCF8, 4, 0x8000_0000);
        Assert.Equal(0x8000_0000u, _machine.In(0xCF8, 4));
        _machine.Out(0xCF8, 4, before);
        Assert.Equal(0x0600u, _machine.ReadConfig(0, 0x0A, 2));
    }

    [Fact]
    public void Data_InBytesAndWords_IsThePartOfTheDword()
    {
        uint whole = _machine.ReadConfig(1, 0x00);
        for (int n = 0; n < 4; n++)
        {
            Assert.Equal((whole >> (8 * n)) & 0xFF, _machine.ReadConfig(1, n, 1));
        }

        Assert.Equal(whole & 0xFFFF, _machine.ReadConfig(1, 0, 2));
        Assert.Equal((whole >> 8) & 0xFFFF, _machine.ReadConfig(1, 1, 2));
        Assert.Equal(whole >> 16, _machine.ReadConfig(1, 2, 2));
    }

    [Fact]
    public void Data_WrittenInBytesAndWords_ChangesOnlyThose()
    {
        _machine.WriteConfig(1, 0x8C, 4, 0x1122_3344);
        _machine.WriteConfig(1, 0x8D, 1, 0xAA);
        _machine.WriteConfig(1, 0x8E, 2, 0xBBCC);
        Assert.Equal(0xBBCC_AA44u, _machine.ReadConfig(1, 0x8C));
    }

    [Fact]
    public void Data_WithoutTheEnableBit_ReadsOnesAndIgnoresWrites()
    {
        _machine.Out(0xCF8, 4, 0x0000_083C);
        Assert.Equal(uint.MaxValue, _machine.In(0xCFC, 4));
        _machine.Out(0xCFC, 1, 0x77);
        Assert.Equal(1u, _machine.ReadConfig(1, 0x3C, 1));
    }

    [Theory]
    [InlineData(5, 0, 0)]
    [InlineData(31, 0, 0)]
    [InlineData(1, 1, 0)]
    [InlineData(1, 7, 0)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 0, 255)]
    public void FunctionThatIsNotThere_ReadsOnes(int device, int function, int bus)
    {
        Assert.Equal(uint.MaxValue, _machine.ReadConfig(device, 0, 4, function, bus));
        _machine.WriteConfig(device, 0x3C, 1, 0x77, function, bus);
        Assert.Equal(1u, _machine.ReadConfig(1, 0x3C, 1));
    }

    [Fact]
    public void Access_AcrossAddressAndData_GivesEachItsPart()
    {
        _machine.Out(0xCF8, 4, 0x8000_0800);
        Assert.Equal(0x1AF4_8000u, _machine.In(0xCFA, 4));
    }

    [Fact]
    public void Device0_IsAHostBridgeOfVendor0()
    {
        Assert.Equal(0u, _machine.ReadConfig(0, 0));
        Assert.Equal(0x0600_0000u, _machine.ReadConfig(0, 8));
        Assert.Equal(0u, _machine.ReadConfig(0, 0x10));
        Assert.Equal(0u, _machine.ReadConfig(0, 0x0E, 1));
    }

    [Theory]
    [InlineData(1, 0x1043)]
    [InlineData(2, 0x1041)]
    [InlineData(3, 0x1042)]
    [InlineData(4, 0x1044)]
    public void VirtioFunction_ShowsVendorDeviceRevisionPinAndLine(int device, int number)
    {
        Assert.Equal(0x1AF4u, _machine.ReadConfig(device, 0, 2));
        Assert.Equal((uint)number, _machine.ReadConfig(device, 2, 2));
        Assert.Equal(1u, _machine.ReadConfig(device, 8, 1));
        Assert.Equal(0x10u, _machine.ReadConfig(device, 6, 1) & 0x10);
        Assert.Equal(0u, _machine.ReadConfig(device, 0x3D, 1));
        Assert.Equal((uint)device, _machine.ReadConfig(device, 0x3C, 1));
        Assert.Equal(0u, _machine.ReadConfig(device, 0x0E, 1));
    }

    [Fact]
    public void Command_Writes_AreTaken()
    {
        _machine.WriteConfig(1, 4, 2, 0x0407);
        Assert.Equal(0x0407u, _machine.ReadConfig(1, 4, 2));
        _machine.WriteConfig(1, 4, 2, 0);
        Assert.Equal(0u, _machine.ReadConfig(1, 4, 2));
    }

    [Fact]
    public void ReadOnlyRegisters_IgnoreWrites()
    {
        byte[] writable = [4, 5, 0x10, 0x11, 0x12, 0x13, 0x3C, 0x88, .. Enumerable.Range(0x8C, 12).Select(register => (byte)register)];
        for (int register = 0; register < 256; register++)
        {
            if (!writable.Contains((byte)register))
            {
                uint before = _machine.ReadConfig(2, register, 1);
                _machine.WriteConfig(2, register, 1, before ^ 0xFF);
                Assert.Equal(before, _machine.ReadConfig(2, register, 1));
            }
        }
    }

    [Fact]
    public void Bar0_IsMemoryOfASizeThatIsAPowerOfTwo()
    {
        _machine.WriteConfig(1, 0x10, 4, uint.MaxValue);
        uint sized = _machine.ReadConfig(1, 0x10);
        Assert.Equal(0u, sized & 0xF);
        uint size = ~sized + 1;
        Assert.Equal(0u, size & (size - 1));
        Assert.True(size >= 60 + 12);
    }

    [Theory]
    [InlineData(0x14)]
    [InlineData(0x18)]
    [InlineData(0x1C)]
    [InlineData(0x20)]
    [InlineData(0x24)]
    [InlineData(0x30)]
    public void OtherBarsAndRom_Read0(int register)
    {
        _machine.WriteConfig(1, register, 4, uint.MaxValue);
        Assert.Equal(0u, _machine.ReadConfig(1, register));
    }

    [Fact]
    public void Bars_StartAtMemorysEndAnd1MiB()
    {
        Assert.Equal(TestMachine.Bytes + 0x10_0000u, _machine.ReadConfig(1, 0x10));
        Assert.Equal(2ul, _machine.ReadMmio(TestMachine.FirstWindow + 18, 2));
    }

    [Fact]
    public void Bar_ThatTheGuestMoves_AnswersThere()
    {
        _machine.WriteConfig(1, 0x10, 4, 0xE000_0000);
        Assert.Equal(0xFFFFul, _machine.ReadMmio(TestMachine.FirstWindow + 18, 2));
        Assert.Equal(2ul, _machine.ReadMmio(0xE000_0000 + 18, 2));
    }

    [Fact]
    public void Bar_WithoutMemoryDecoding_DoesNotAnswer()
    {
        _machine.WriteConfig(1, 4, 2, 0);
        Assert.False(_machine.Mmio.Covers(new Gpa(TestMachine.FirstWindow)));
        _machine.WriteConfig(1, 4, 2, 2);
        Assert.True(_machine.Mmio.Covers(new Gpa(TestMachine.FirstWindow)));
    }

    [Fact]
    public void PlaceWindow_Unaligned_Throws() =>
        Assert.Throws<ArgumentException>(() => _machine.Pci[1]!.PlaceWindow(0, new Gpa(0x1001_0800)));

    [Fact]
    public void Add_ToATakenSlot_Throws() => Assert.Throws<ArgumentException>(() => _machine.Pci.Add(1, new HostBridge()));

    [Fact]
    public void Capabilities_LieWhereTheInterfaceSays()
    {
        //                id    type  bar  offset  length
        Check(0x40, 0x50, 16, 1, 0, 56);
        Check(0x50, 0x64, 20, 2, 56, 2);
        Check(0x64, 0x74, 16, 3, 58, 1);
        Check(0x74, 0x84, 16, 4, 60, 12);
        Check(0x84, 0x00, 20, 5, 0, 0);
        Assert.Equal(0x40u, _machine.ReadConfig(1, 0x34, 1));
        Assert.Equal(0u, _machine.ReadConfig(1, 0x60)); // the multiplier

        void Check(int at, uint next, uint length, uint type, uint offset, uint bytes)
        {
            Assert.Equal(9u | (next << 8) | (length << 16) | (type << 24), _machine.ReadConfig(1, at));
            Assert.Equal(0u, _machine.ReadConfig(1, at + 4));
            Assert.Equal(offset, _machine.ReadConfig(1, at + 8));
            Assert.Equal(bytes, _machine.ReadConfig(1, at + 12));
        }
    }
}
