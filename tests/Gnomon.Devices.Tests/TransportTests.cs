using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>The registers of a virtio PCI device, its status and its features.</summary>
public sealed class TransportTests : IDisposable
{
    private readonly ConsoleRecord _output = new();
    private readonly VirtioConsole _console;
    private readonly TestMachine _machine;
    private readonly VirtioDriver _driver;

    public TransportTests()
    {
        _console = new VirtioConsole(_output, 80, 25);
        _machine = new TestMachine(_console);
        _driver = new VirtioDriver(_machine, 1);
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Registers_LieAtTheOffsetsOfTheInterface()
    {
        Assert.Equal(TestMachine.FirstWindow, _driver.Common);
        Assert.Equal(TestMachine.FirstWindow + 56, _driver.Notification);
        Assert.Equal(TestMachine.FirstWindow + 58, _driver.Interrupt);
        Assert.Equal(TestMachine.FirstWindow + 60, _driver.Configuration);
    }

    [Fact]
    public void Features_AlwaysHaveVersion1AndIndirect_NeverEventIndex()
    {
        ulong features = _driver.OfferedFeatures();
        Assert.NotEqual(0ul, features & VirtioDriver.Version1);
        Assert.NotEqual(0ul, features & VirtioDriver.Indirect);
        Assert.Equal(0ul, features & (1ul << 29));
        _driver.Write(VirtioDriver.FeatureSelect, 4, 2);
        Assert.Equal(0u, _driver.Read(VirtioDriver.Feature, 4));
    }

    [Fact]
    public void Vectors_ReadAsNone()
    {
        _driver.Write(VirtioDriver.Vector, 2, 0);
        _driver.Write(VirtioDriver.QueueVector, 2, 0);
        Assert.Equal(0xFFFFu, _driver.Read(VirtioDriver.Vector, 2));
        Assert.Equal(0xFFFFu, _driver.Read(VirtioDriver.QueueVector, 2));
    }

    [Fact]
    public void Queues_Have256EntriesAndAreOff()
    {
        Assert.Equal(2u, _driver.Read(VirtioDriver.QueueCount, 2));
        for (uint queue = 0; queue < 2; queue++)
        {
            _driver.Write(VirtioDriver.QueueSelect, 2, queue);
            Assert.Equal(256u, _driver.Read(VirtioDriver.QueueSize, 2));
            Assert.Equal(0u, _driver.Read(VirtioDriver.QueueEnable, 2));
            Assert.Equal(0u, _driver.Read(VirtioDriver.QueueNotifyOffset, 2));
        }
    }

    [Fact]
    public void Queue_ThatIsNotThere_HasSize0()
    {
        _driver.Write(VirtioDriver.QueueSelect, 2, 2);
        Assert.Equal(0u, _driver.Read(VirtioDriver.QueueSize, 2));
        _driver.Write(VirtioDriver.QueueSize, 2, 16);
        _driver.Write(VirtioDriver.QueueEnable, 2, 1);
        Assert.Equal(0u, _driver.Read(VirtioDriver.QueueEnable, 2));
    }

    [Theory]
    [InlineData(128u, 128u)]
    [InlineData(1u, 1u)]
    [InlineData(0u, 256u)]
    [InlineData(100u, 256u)]
    [InlineData(512u, 256u)]
    public void QueueSize_TakesPowersOfTwoUpTo256(uint written, uint read)
    {
        _driver.Write(VirtioDriver.QueueSize, 2, written);
        Assert.Equal(read, _driver.Read(VirtioDriver.QueueSize, 2));
    }

    [Fact]
    public void QueueAddresses_InHalvesOrWhole_ReadBack()
    {
        _driver.WriteAddress(VirtioDriver.QueueDescriptors, 0x1_2345_6780);
        Assert.Equal(0x1_2345_6780ul, _machine.ReadMmio(_driver.Common + 32, 8));
        _machine.WriteMmio(_driver.Common + 40, 8, 0xA_BCDE_F012);
        Assert.Equal(0xBCDE_F012u, _driver.Read(VirtioDriver.QueueAvailable, 4));
        Assert.Equal(0xAu, _driver.Read(VirtioDriver.QueueAvailable + 4, 4));
        _machine.WriteMmio(_driver.Common + 49, 1, 0x77);
        Assert.Equal(0x7700ul, _machine.ReadMmio(_driver.Common + 48, 8));
    }

    [Fact]
    public void Queue_ThatIsOn_DoesNotChange()
    {
        _driver.Start();
        _driver.Write(VirtioDriver.QueueSelect, 2, 1);
        uint before = _driver.Read(VirtioDriver.QueueUsed, 4);
        _driver.Write(VirtioDriver.QueueUsed, 4, 0x8000);
        _driver.Write(VirtioDriver.QueueSize, 2, 16);
        _driver.Write(VirtioDriver.QueueEnable, 2, 0);
        Assert.Equal(before, _driver.Read(VirtioDriver.QueueUsed, 4));
        Assert.Equal(256u, _driver.Read(VirtioDriver.QueueSize, 2));
        Assert.Equal(1u, _driver.Read(VirtioDriver.QueueEnable, 2));
    }

    [Theory]
    [InlineData(0x10008ul, 0x11000ul, 0x12000ul)]
    [InlineData(0x10000ul, 0x11001ul, 0x12000ul)]
    [InlineData(0x10000ul, 0x11000ul, 0x12002ul)]
    [InlineData(TestMachine.Bytes - 4080ul, 0x11000ul, 0x12000ul)]
    [InlineData(0x10000ul, TestMachine.Bytes - 514ul, 0x12000ul)]
    [InlineData(0x10000ul, 0x11000ul, TestMachine.Bytes - 2048ul)]
    [InlineData(0xFFFF_FFFF_FFFF_FFF0ul, 0x11000ul, 0x12000ul)]
    public void Queue_WhoseRingsCannotBeUsed_BreaksTheDevice(ulong descriptors, ulong available, ulong used)
    {
        _driver.WriteAddress(VirtioDriver.QueueDescriptors, descriptors);
        _driver.WriteAddress(VirtioDriver.QueueAvailable, available);
        _driver.WriteAddress(VirtioDriver.QueueUsed, used);
        _driver.Write(VirtioDriver.QueueEnable, 2, 1);
        Assert.Equal(0u, _driver.Read(VirtioDriver.QueueEnable, 2));
        Assert.Equal(64, _driver.GetStatus());
        Assert.Single(_machine.Notes);
    }

    [Fact]
    public void Status_InOrder_IsTaken() => Assert.Equal(15, Started().GetStatus());

    [Fact]
    public void Status_Failed_IsTakenAtAnyTime() => Assert.Equal(128, _driver.SetStatus(128));

    [Theory]
    [InlineData(0, 2, 0)]
    [InlineData(1, 1 | 8, 1)]
    [InlineData(1, 1 | 4, 1)]
    [InlineData(3, 3 | 4, 3)]
    [InlineData(3, 1, 3)]
    [InlineData(3, 3 | 64, 3)]
    public void Status_OutOfOrder_IsRefused(byte first, byte then, byte result)
    {
        if (first != 0)
        {
            _driver.SetStatus(1);
            _driver.SetStatus(first);
        }

        _driver.TakeFeatures(VirtioDriver.Version1);
        Assert.Equal(result, _driver.SetStatus(then));
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(VirtioDriver.Indirect)]
    [InlineData(VirtioDriver.Version1 | (1ul << 29))]
    [InlineData(VirtioDriver.Version1 | (1ul << 50))]
    public void FeaturesOk_WithFeaturesThatCannotBeHad_IsRefused(ulong features)
    {
        _driver.SetStatus(1);
        _driver.SetStatus(3);
        _driver.TakeFeatures(features);
        Assert.Equal(3, _driver.SetStatus(11));
        _driver.TakeFeatures(VirtioDriver.Version1);
        Assert.Equal(11, _driver.SetStatus(11));
    }

    [Fact]
    public void DriverFeatures_AfterFeaturesOk_StayAsAgreed()
    {
        Started();
        _driver.TakeFeatures(0);
        Assert.Equal(1u, _driver.Read(VirtioDriver.DriverFeature, 4));
        _driver.Write(VirtioDriver.DriverFeatureSelect, 4, 7);
        Assert.Equal(0u, _driver.Read(VirtioDriver.DriverFeature, 4));
    }

    [Fact]
    public void Reset_ForgetsEverythingTheDriverSaid()
    {
        Started().Queues[0].Submit(0, new Part(0x8000, 16, true));
        _console.Receive("x"u8);
        Assert.True(_machine.Lines[0].Level);
        Assert.Equal(0, _driver.SetStatus(0));
        Assert.False(_machine.Lines[0].Level);
        Assert.Equal(0, _driver.AcknowledgeInterrupt());
        _driver.Write(VirtioDriver.QueueSelect, 2, 0);
        Assert.Equal(0u, _driver.Read(VirtioDriver.QueueEnable, 2));
        Assert.Equal(0u, _driver.Read(VirtioDriver.QueueDescriptors, 4));
        _driver.Write(VirtioDriver.DriverFeatureSelect, 4, 1);
        Assert.Equal(0u, _driver.Read(VirtioDriver.DriverFeature, 4));
        Started().Queues[1].Submit(0, new Part(0x8000, 1, false));
        Assert.Single(_output.Bytes);
    }

    [Fact]
    public void InterruptReasons_WhenRead_AreClearedAndTheLineFalls()
    {
        Started().Queues[1].Submit(0, new Part(0x8000, 1, false));
        Assert.True(_machine.Lines[0].Level);
        Assert.Equal(8u, _machine.ReadConfig(1, 6, 1) & 8);
        Assert.Equal(1, _driver.AcknowledgeInterrupt());
        Assert.False(_machine.Lines[0].Level);
        Assert.Equal(0u, _machine.ReadConfig(1, 6, 1) & 8);
        Assert.Equal(0, _driver.AcknowledgeInterrupt());
    }

    [Fact]
    public void InterruptDisable_InTheCommandRegister_HoldsTheLineDown()
    {
        Started();
        _machine.WriteConfig(1, 4, 2, 0x0402);
        _driver.Queues[1].Submit(0, new Part(0x8000, 1, false));
        Assert.False(_machine.Lines[0].Level);
        _machine.WriteConfig(1, 4, 2, 0x0002);
        Assert.True(_machine.Lines[0].Level);
        _machine.WriteConfig(1, 4, 2, 0x0402);
        Assert.False(_machine.Lines[0].Level);
    }

    [Fact]
    public void Configuration_ThatChanges_HasANewGenerationAndInterrupts()
    {
        Started();
        uint generation = _driver.Read(VirtioDriver.Generation, 1);
        _console.Resize(100, 30);
        Assert.NotEqual(generation, _driver.Read(VirtioDriver.Generation, 1));
        Assert.Equal(2, _driver.AcknowledgeInterrupt());
        Assert.Equal(100ul, _machine.ReadMmio(_driver.Configuration, 2));
        Assert.Equal(30ul, _machine.ReadMmio(_driver.Configuration + 2, 2));
        _console.Resize(100, 30);
        Assert.False(_machine.Lines[0].Level);
    }

    [Fact]
    public void Notification_OfAQueueThatIsNotThere_IsIgnored()
    {
        Started().Notify(2);
        _driver.Notify(0xFFFF);
        Assert.Equal(15, _driver.GetStatus());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Notification_OfAnotherWidth_IsIgnored(int size)
    {
        Started().Queues[1].WriteChain(0, new Part(0x8000, 1, false));
        _driver.Queues[1].MakeAvailable(0);
        _machine.WriteMmio(_driver.Notification, size, 1);
        Assert.Empty(_output.Bytes);
    }

    [Fact]
    public void Notification_BeforeDriverOk_IsServedAtDriverOk()
    {
        _driver.SetStatus(1);
        _driver.SetStatus(3);
        _driver.TakeFeatures(VirtioDriver.Version1);
        _driver.SetStatus(11);
        _driver.SetUpQueue(1, 256).Submit(0, new Part(0x8000, 1, false));
        Assert.Empty(_output.Bytes);
        _driver.SetStatus(15);
        Assert.Single(_output.Bytes);
    }

    [Fact]
    public void Window_ReadsAndWritesRegistersOfEachWidth()
    {
        Assert.Equal(2u, _driver.ReadWindow(0, 18, 2, 2));
        _driver.WriteWindow(0, 20, 1, 1, 1);
        Assert.Equal(1, _driver.GetStatus());
        _driver.WriteWindow(0, 8, 4, 4, 1);
        Assert.Equal(1u, _driver.Read(VirtioDriver.DriverFeatureSelect, 4));
        Assert.Equal(80u | (25 << 16), _driver.ReadWindow(0, 60, 4, 4));
    }

    [Fact]
    public void Window_NotifiesAndAcknowledges()
    {
        Started().Queues[1].WriteChain(0, new Part(0x8000, 1, false));
        _driver.Queues[1].MakeAvailable(0);
        _driver.WriteWindow(0, 56, 2, 2, 1);
        Assert.Single(_output.Bytes);
        Assert.Equal(1u, _driver.ReadWindow(0, 58, 1, 1));
        Assert.False(_machine.Lines[0].Level);
    }

    [Theory]
    [InlineData(1u, 20u, 1u)] // another base address
    [InlineData(0u, 20u, 3u)] // no such width
    [InlineData(0u, 20u, 0u)]
    [InlineData(0u, 19u, 2u)] // not aligned
    [InlineData(0u, 72u, 4u)] // past the registers
    [InlineData(0u, 0xFFFF_FFFCu, 4u)]
    public void Window_ThatNamesNoRegister_DoesNothing(uint bar, uint offset, uint length)
    {
        _driver.WriteWindow(bar, offset, length, 4, 0x0101_0101);
        Assert.Equal(0x0101_0101u, _driver.ReadWindow(bar, offset, length, 4));
        Assert.Equal(0, _driver.GetStatus());
        Assert.Empty(_output.Bytes);
    }

    [Fact]
    public void Window_WorksWithoutMemoryDecoding()
    {
        _machine.WriteConfig(1, 4, 2, 0);
        _driver.WriteWindow(0, 68, 4, 4, 'A');
        Assert.Equal("A", _output.Text);
    }

    private VirtioDriver Started() => _driver.Start(VirtioDriver.Version1 | VirtioDriver.Indirect | 1);
}
