using CsCheck;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The serial port, from the PC16550D's data sheet and from what kernels look for.</summary>
public sealed class UartTests
{
    private readonly TestLine _line = new();
    private readonly UartOutput _output = new();
    private readonly PortBus _ports = new();
    private readonly Uart16550 _uart;

    public UartTests()
        : this(handshakes: false)
    {
    }

    private UartTests(bool handshakes)
    {
        _uart = new Uart16550("com1", _line, _output, _output) { Handshakes = handshakes };
        _uart.MapTo(_ports);
    }

    [Fact]
    public void Send_LeavesAtOnceAndTheTransmitterIsEmpty()
    {
        foreach (byte value in "hello"u8)
        {
            Put(0, value);
            Assert.Equal(0x60, Get(5));
        }

        Assert.Equal("hello", _output.Text);
    }

    [Fact]
    public void Identification_IsThatOfA16550A()
    {
        // IER has four bits; FCR bit 0 shows as two bits of IIR; neither an enhanced register nor a 64-byte FIFO answers.
        Put(1, 0xFF);
        Assert.Equal(0x0F, Get(1));
        Put(1, 0);
        Put(2, 1);
        Assert.Equal(0xC1, Get(2));
        Put(3, 0xBF);
        Assert.NotEqual(0, Get(2));
        Put(3, 0x80);
        Put(2, 0x21);
        Assert.Equal(0xC1, Get(2));
        Put(3, 0);
        Put(2, 0);
        Assert.Equal(0x01, Get(2));
        Put(7, 0xA5);
        Assert.Equal(0xA5, Get(7));
    }

    [Fact]
    public void Divisor_StandsInPlaceOfTheFirstTwoRegisters()
    {
        Put(1, 5);
        Put(3, 0x83);
        Put(0, 0x0C);
        Put(1, 0x01);
        Assert.Equal(0x0C, Get(0));
        Assert.Equal(0x01, Get(1));
        Put(3, 0x03);
        Assert.Equal(5, Get(1));
        Assert.Equal("", _output.Text);
    }

    [Theory]
    [InlineData(0x1A, 0x90)] // what Linux looks for: RTS and OUT2 come back as CTS and DCD
    [InlineData(0x11, 0x20)]
    [InlineData(0x14, 0x40)]
    [InlineData(0x10, 0x00)]
    [InlineData(0x0B, 0xB0)] // no loopback: the far end's lines
    public void ModemLines_InLoopback_AreTheOutputs(int control, int lines)
    {
        Put(4, control);
        Assert.Equal(lines, Get(6) & 0xF0);
    }

    [Fact]
    public void ModemLines_Changes_AreToldOnceAndInterrupt()
    {
        Put(4, 0x10);
        _ = Get(6);
        Put(1, 8);
        Put(4, 0x14); // ring begins: no change to tell of
        Assert.Equal(0x01, Get(2));
        Put(4, 0x11); // ring ends, DSR comes
        Assert.Equal(0x00, Get(2));
        Assert.Equal(0x26, Get(6));
        Assert.Equal(0x20, Get(6));
        Assert.Equal(0x01, Get(2));
    }

    [Fact]
    public void TransmitterInterrupt_ComesWhenEnabledAndGoesWhenIdentified()
    {
        Put(4, 8);
        Put(1, 2);
        Assert.True(_line.Level);
        Assert.Equal(2, Get(2));
        Assert.False(_line.Level);
        Assert.Equal(1, Get(2));
        Put(1, 0);
        Put(1, 2); // enabling it anew asks anew
        Assert.Equal(2, Get(2));
        Put(0, 'x');
        Assert.True(_line.Level);
        int raised = _line.Raised;
        Put(0, 'y'); // unread, it goes and comes: an edge
        Assert.Equal(raised + 1, _line.Raised);
    }

    [Fact]
    public void Interrupt_WithoutOut2_DoesNotReachTheLine()
    {
        Put(1, 2);
        Assert.False(_line.Level);
        Assert.Equal(2, Get(2));
        Put(0, 'x');
        Put(4, 8);
        Assert.True(_line.Level);
    }

    [Fact]
    public void Input_WaitsForTheMachineThenInterrupts()
    {
        Put(4, 8);
        Put(1, 1);
        Put(2, 0x81);
        Assert.Equal(3, _uart.Receive("abc"u8));
        Assert.False(_line.Level);
        _uart.TakeInput();
        Assert.True(_line.Level);
        Assert.Equal(0xCC, Get(2)); // fewer than eight: the time-out
        Assert.Equal(0x61, Get(5));
        Assert.Equal('a', Get(0));
        Assert.Equal('b', Get(0));
        Assert.Equal('c', Get(0));
        Assert.False(_line.Level);
        Assert.Equal(0x60, Get(5));
        Assert.Equal(0, Get(0));
    }

    [Theory]
    [InlineData(0x01, 1)]
    [InlineData(0x41, 4)]
    [InlineData(0x81, 8)]
    [InlineData(0xC1, 14)]
    public void Input_AtTheTriggerLevel_IsNoTimeOut(int control, int level)
    {
        Put(1, 1);
        Put(2, control);
        _uart.Receive(new byte[level]);
        _uart.TakeInput();
        Assert.Equal(0xC4, Get(2));
        _ = Get(0);
        Assert.Equal(level == 1 ? 0xC1 : 0xCC, Get(2));
    }

    [Fact]
    public void Handshake_InputWaitsWhileRequestToSendIsDown()
    {
        Uart16550 uart = new("com2", _line, _output, _output) { Handshakes = true };
        uart.MapTo(_ports, 0x2F8);
        uart.Receive("abcd"u8);
        uart.TakeInput();
        Assert.Equal(0x60, Other(5));
        _ports.Out(0x2FC, 0x12); // RTS in loopback asks nobody
        Assert.Equal(0x60, Other(5));
        _ports.Out(0x2FC, 0x08);
        _ports.Out(0x2F9, 0x0F); // so does a driver that looks what kind of port it is
        _ports.Out(0x2F9, 0x00);
        Assert.Equal(0x60, Other(5));
        _ports.Out(0x2FC, 0x02);
        Assert.Equal('a', Other(0));
        _ports.Out(0x2F9, 1);
        _ports.Out(0x2FC, 0x00);
        Assert.Equal('b', Other(0)); // on the wire already
        Assert.Equal(0x60, Other(5));
        _ports.Out(0x2FC, 0x02);
        Assert.Equal('c', Other(0));
        _ports.Out(0x2F9, 0); // it has shown that it listens by interrupts
        Assert.Equal('d', Other(0));
        uart.Receive("e"u8);
        uart.TakeInput();
        Assert.Equal(0x60, Other(5));
        _ports.Out(0x2F9, 1);
        Assert.Equal(0x61, Other(5));

        int Other(int register) => _ports.In(0x2F8 + register);
    }

    [Fact]
    public void Input_MoreThanTheQueue_IsRefusedNotLost()
    {
        byte[] many = new byte[Uart16550.InputLimit + 10];
        for (int i = 0; i < many.Length; i++)
        {
            many[i] = (byte)(i * 7 >> 3);
        }

        Assert.Equal(Uart16550.InputLimit, _uart.Receive(many));
        Assert.Equal(0, _uart.Receive(many));
        Put(2, 1);
        for (int i = 0; i < Uart16550.InputLimit; i++)
        {
            Assert.Equal(0x61, Get(5));
            Assert.Equal(many[i], Get(0));
        }

        Assert.Equal(0x60, Get(5));
        Assert.Equal(10, _uart.Receive(many.AsSpan(0, 10)));
    }

    [Fact]
    public void Input_FromManyThreads_ComesWhole()
    {
        int[] seen = new int[4];
        Put(2, 1);
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(n => new Thread(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                Assert.Equal(1, _uart.Receive([(byte)((n << 6) | (i & 63))]));
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        for (int got = 0; got < 8000;)
        {
            if ((Get(5) & 1) != 0)
            {
                int value = Get(0);
                Assert.Equal(seen[value >> 6] & 63, value & 63);
                seen[value >> 6]++;
                got++;
            }
        }

        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal([2000, 2000, 2000, 2000], seen);
    }

    [Fact]
    public void Loopback_FullFifo_LosesTheByteThatComes()
    {
        Put(2, 1);
        Put(4, 0x10);
        Put(1, 4);
        for (int i = 0; i < 17; i++)
        {
            Put(0, i);
        }

        Assert.Equal(0xC6, Get(2));
        Assert.Equal(0x63, Get(5));
        Assert.Equal(0x61, Get(5));
        Assert.Equal(Enumerable.Range(0, 16), Enumerable.Range(0, 16).Select(_ => Get(0)));
        Assert.Equal("", _output.Text);
    }

    [Fact]
    public void Loopback_WithoutFifos_LosesTheByteThatWaits()
    {
        Put(4, 0x10);
        Put(0, 'a');
        Put(0, 'b');
        Assert.Equal(0x63, Get(5));
        Assert.Equal('b', Get(0));
    }

    [Fact]
    public void FifoReset_DropsWhatTheFifoHoldsButNotTheQueue()
    {
        Put(2, 1);
        _uart.Receive("0123456789abcdefXY"u8);
        _uart.TakeInput();
        Put(2, 3);
        Assert.Equal('X', Get(0));
        Assert.Equal('Y', Get(0));
        Assert.Equal(0x60, Get(5));
    }

    [Fact]
    public void SendMany_IsOneWriteOfTheHost()
    {
        _uart.Send("many bytes"u8);
        Assert.Equal("many bytes", _output.Text);
        Assert.Equal(1, _output.Writes);
        Put(4, 0x10);
        _uart.Send("a"u8);
        Assert.Equal('a', Get(0));
        Put(4, 0);
        Put(3, 0x80);
        _uart.Send("b"u8);
        Assert.Equal('b', Get(0));
        Assert.Equal("many bytes", _output.Text);
    }

    [Fact]
    public void Output_ThatFails_IsNotedAndTheGuestGoesOn()
    {
        _output.Fails = true;
        Put(0, 'x');
        Assert.Equal(0x60, Get(5));
        Assert.Equal(1, _output.Failures);
    }

    [Fact]
    public void AnyUse_SavedAndLoaded_GoesOnLikeTheSaved() =>
        Gen.Select(Gen.Select(Gen.Int[0, 17], Gen.Byte).Array[1, 80], Gen.Int[0, 79], Gen.Bool).Sample(
            (steps, at, handshakes) =>
            {
                UartTests one = new(handshakes);
                UartTests other = new(handshakes);
                for (int i = 0; i < steps.Length; i++)
                {
                    if (i == at)
                    {
                        byte[] state = PortTester.Saved(one._uart);
                        other = new UartTests(handshakes);
                        other._line.Level = one._line.Level;
                        PortTester.Load(other._uart, state);
                        Assert.Equal(state, PortTester.Saved(other._uart));
                    }

                    Assert.Equal(one.Step(steps[i].Item1, steps[i].Item2), other.Step(steps[i].Item1, steps[i].Item2));
                    Assert.Equal(one._line.Level, other._line.Level);
                }
            },
            iter: TestSettings.Steps(2000));

    private int Step(int what, byte value)
    {
        switch (what)
        {
            case < 8:
                Put(what, value);
                return 0;
            case < 16:
                return Get(what - 8);
            default:
                int taken = _uart.Receive([value, (byte)(value + 1), (byte)(value + 2)]);
                _uart.TakeInput();
                return taken;
        }
    }

    private int Get(int register) => _ports.In(0x3F8 + register);

    private void Put(int register, int value) => _ports.Out(0x3F8 + register, value);
}
