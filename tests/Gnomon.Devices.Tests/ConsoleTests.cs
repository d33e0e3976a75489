using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>The console: output, input, size, emergency write.</summary>
public sealed class ConsoleTests : IDisposable
{
    private readonly ConsoleRecord _output = new();
    private readonly VirtioConsole _console;
    private readonly TestMachine _machine;
    private readonly VirtioDriver _driver;

    public ConsoleTests()
    {
        _console = new VirtioConsole(_output, 80, 25);
        _machine = new TestMachine(_console);
        _driver = new VirtioDriver(_machine, 1);
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Features_OfferEmergencyWriteAndSize() => Assert.Equal(0b101ul, _driver.OfferedFeatures() & 0xFFFF);

    [Fact]
    public void Configuration_Is12Bytes()
    {
        Assert.Equal(12u, _machine.ReadConfig(1, _driver.Capabilities[4] + 12));
        Assert.Equal(80ul, _machine.ReadMmio(_driver.Configuration, 2));
        Assert.Equal(25ul, _machine.ReadMmio(_driver.Configuration + 2, 2));
        Assert.Equal(0ul, _machine.ReadMmio(_driver.Configuration + 4, 8));
    }

    [Fact]
    public void EmergencyWrite_BeforeInitThroughTheWindow_PutsOutACharacter()
    {
        foreach (char character in "boot\n")
        {
            _driver.WriteWindow(0, 60 + 8, 4, 4, character);
        }

        Assert.Equal("boot\n", _output.Text);
        Assert.Equal(0, _driver.GetStatus());
    }

    [Fact]
    public void EmergencyWrite_ByMemoryAccess_PutsOutACharacter()
    {
        _machine.WriteMmio(_driver.Configuration + 8, 4, '!');
        _machine.WriteMmio(_driver.Configuration + 8, 1, '?');
        _machine.WriteMmio(_driver.Configuration + 4, 4, '?');
        Assert.Equal("!", _output.Text);
    }

    [Fact]
    public void Output_OfSeveralBuffers_ComesInOrder()
    {
        _driver.Start();
        _machine.Poke(0x8000, "Hello, "u8.ToArray());
        _machine.Poke(0x9FFD, "world"u8.ToArray()); // crosses a page
        _driver.Queues[1].Submit(3, new Part(0x8000, 7, false), new Part(0x7000, 0, false), new Part(0x9FFD, 5, false));
        Assert.Equal("Hello, world", _output.Text);
        Assert.Equal((3u, 0u), _driver.Queues[1].TakeUsed());
        Assert.Null(_driver.Queues[1].TakeUsed());
    }

    [Fact]
    public void Output_WhenTheHostFails_IsNotedAndGoesOn()
    {
        _driver.Start();
        _output.Fails = true;
        _driver.Queues[1].Submit(0, new Part(0x8000, 7, false));
        Assert.Equal(1, _machine.HostFailures);
        Assert.Equal((0u, 0u), _driver.Queues[1].TakeUsed());
        Assert.Equal(15, _driver.GetStatus());
    }

    [Fact]
    public void Input_WithBuffersWaiting_IsDeliveredAtOnce()
    {
        _driver.Start();
        _driver.Queues[0].Submit(0, new Part(0x8000, 64, true));
        Assert.Null(_driver.Queues[0].TakeUsed());
        Assert.Equal(5, _console.Receive("hello"u8));
        Assert.Equal((0u, 5u), _driver.Queues[0].TakeUsed());
        Assert.Equal("hello"u8.ToArray(), _machine.Peek(0x8000, 5));
        Assert.Equal(0, _machine.Peek(0x8005, 1)[0]);
        Assert.True(_machine.Lines[0].Level);
    }

    [Fact]
    public void Input_WithoutBuffers_WaitsForThem()
    {
        Assert.Equal(5, _console.Receive("hello"u8));
        _driver.Start();
        Assert.Equal(5, _console.InputWaiting);
        _driver.Queues[0].WriteChain(0, new Part(0x8000, 3, true));
        _driver.Queues[0].WriteChain(1, new Part(0x9000, 1, true), new Part(0xA000, 8, true));
        _driver.Queues[0].Submit([0, 1]);
        Assert.Equal((0u, 3u), _driver.Queues[0].TakeUsed());
        Assert.Equal((1u, 2u), _driver.Queues[0].TakeUsed());
        Assert.Equal("hel"u8.ToArray(), _machine.Peek(0x8000, 3));
        Assert.Equal("l"u8.ToArray(), _machine.Peek(0x9000, 1));
        Assert.Equal("o"u8.ToArray(), _machine.Peek(0xA000, 1));
        Assert.Equal(0, _console.InputWaiting);
    }

    [Fact]
    public void Input_MoreThanTheLimit_IsNotTaken()
    {
        Assert.Equal(VirtioConsole.InputLimit, _console.Receive(new byte[VirtioConsole.InputLimit + 1]));
        Assert.Equal(0, _console.Receive("x"u8));
    }

    [Fact]
    public void DmaWrites_AreReported()
    {
        _driver.Start();
        _driver.Queues[0].Submit(0, new Part(0x8000, 64, true));
        _machine.DmaWrites.Clear();
        _console.Receive("hello"u8);
        Assert.Equal([(0x8000, 5), (_driver.Queues[0].Used + 4, 8), (_driver.Queues[0].Used + 2, 2)], _machine.DmaWrites);
    }
}
