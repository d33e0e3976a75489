using CsCheck;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The board: who is at which port and interrupt, and all together under any use.</summary>
public sealed class BoardTests
{
    private readonly BoardMachine _machine = new();

    [Fact]
    public void Timer_IsIrq0()
    {
        _machine.InitialisePics(0);
        _machine.Out(0x43, 0x34);
        _machine.Out(0x40, 0x10);
        _machine.Out(0x40, 0);
        Assert.False(_machine.Interrupt);
        _machine.Clock.Nanoseconds = _machine.Scheduler.NextDeadline;
        _machine.Scheduler.RunDue();
        Assert.True(_machine.Interrupt);
        Assert.Equal(0x30, _machine.Board.Pic.Acknowledge());
    }

    [Fact]
    public void Clock_IsIrq8()
    {
        _machine.InitialisePics(8);
        _machine.Out(0x70, 0x0B);
        _machine.Out(0x71, 0x12);
        _machine.Clock.Nanoseconds = 1_000_000_000;
        _machine.Scheduler.RunDue();
        Assert.Equal(0x38, _machine.Board.Pic.Acknowledge());
    }

    [Fact]
    public void Serial_IsIrq4_InputComesWhenTheMachineLooks()
    {
        _machine.InitialisePics(4);
        _machine.Out(0x3FC, 0x0B);
        _machine.Out(0x3F9, 1);
        _machine.Board.Serial.Receive("x"u8);
        Assert.False(_machine.Interrupt);
        _machine.Board.TakeHostInput();
        Assert.Equal(0x34, _machine.Board.Pic.Acknowledge());
        Assert.Equal('x', _machine.In(0x3F8));
    }

    [Fact]
    public void Keyboard_IsIrq1()
    {
        _machine.InitialisePics(1);
        _machine.Out(0x64, 0x60);
        _machine.Out(0x60, 0x65);
        _machine.Out(0x60, 0xF2);
        Assert.Equal(0x31, _machine.Board.Pic.Acknowledge());
    }

    [Fact]
    public void PowerButton_IsIrq9AndALevel()
    {
        _machine.InitialisePics(9);
        Assert.Equal(2, _machine.In(0x4D1) & 2);
        _machine.Ports.Write(0x602, [0, 1]);
        _machine.Board.PressPowerButton();
        Assert.False(_machine.Interrupt);
        _machine.Board.TakeHostInput();
        Assert.Equal(0x39, _machine.Board.Pic.Acknowledge());
        _machine.Out(0xA0, 0x20);
        _machine.Out(0x20, 0x20);
        Assert.True(_machine.Interrupt);
        _machine.Ports.Write(0x600, [0, 1]);
        Assert.False(_machine.Interrupt);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(31)]
    public void PciSlot_HasALevelTriggeredLine(int slot)
    {
        int irq = PcBoard.PciIrq(slot);
        Assert.InRange(irq, 10, 11);
        Assert.NotEqual(0, _machine.In(0x4D1) & (1 << (irq - 8)));
        _machine.InitialisePics(irq);
        _machine.Board.PciLine(slot).Raise();
        Assert.Equal(0x30 + irq, _machine.Board.Pic.Acknowledge());
    }

    [Fact]
    public void Resets_OfAllKinds()
    {
        _machine.Out(0x64, 0xFE);
        Assert.Equal(1, _machine.Resets);
        _machine.Out(0x92, 0x03);
        Assert.Equal(2, _machine.Resets);
        _machine.Out(0x92, 0x03); // it must go up
        Assert.Equal(2, _machine.Resets);
        _machine.Out(0xCF9, 0x02);
        Assert.Equal(2, _machine.Resets);
        _machine.Out(0xCF9, 0x06);
        Assert.Equal(3, _machine.Resets);
        Assert.Equal(0x06, _machine.In(0xCF9));
        Assert.Equal(0, _machine.PowerOffs);
    }

    [Fact]
    public void ResetRegister_LeavesThePciMechanismAlone()
    {
        _machine.Ports.Write(0xCF8, [0, 0, 0, 0x80]);
        _machine.Out(0xCF9, 0x02);
        byte[] data = new byte[4];
        _machine.Ports.Read(0xCF8, data);
        Assert.Equal([0, 0, 0, 0x80], data);
        _machine.Ports.Read(0xCFC, data);
        Assert.Equal([0, 0, 0, 0], data); // the host bridge: vendor 0, device 0
        Assert.Equal(0, _machine.Resets);
    }

    [Fact]
    public void SoftOff_TellsTheOwner()
    {
        _machine.Ports.Write(0x604, [0x01, 0x34]);
        Assert.Equal(1, _machine.PowerOffs);
    }

    [Fact]
    public void PortsOfNobody_AreSane()
    {
        Assert.Equal(0xFF, _machine.In(0xED));
        _machine.Out(0xED, 0);
        Assert.Equal(0xFF, _machine.In(0x2F9)); // no second serial port
        Assert.Equal(0, _machine.In(0x87)); // a page register
        _machine.Out(0x80, 0x12);
        Assert.Equal(0x12, _machine.In(0x80));
        Assert.Equal(3, _machine.In(0x92) | 1);
    }

    [Fact]
    public void AcpiTables_AreThoseOfTheBoard() =>
        Assert.Equal(AcpiTables.Build(new AcpiDescription(), 0xF_0000), _machine.Board.BuildAcpiTables(0xF_0000));

    [Fact]
    public void AnyUse_NeverThrows_SavedAndLoadedGoesOnLikeTheSaved() =>
        Gen.Select(Gen.Select(Gen.Int[0, Used.Length + 3], Gen.Int[1, 4], Gen.UInt, Gen.ULong[0, 1ul << 36]).Array[1, 120], Gen.Int[0, 119]).Sample(
            (steps, at) =>
            {
                BoardMachine one = new();
                BoardMachine other = new();
                for (int i = 0; i < steps.Length; i++)
                {
                    if (i == at)
                    {
                        other = new BoardMachine();
                        other.LoadFrom(one);
                    }

                    (int what, int size, uint value, ulong time) = steps[i];
                    Assert.Equal(Step(one, what, size, value, time), Step(other, what, size, value, time));
                    Assert.Equal(one.Interrupt, other.Interrupt);
                    Assert.Equal(one.Board.Pic.HasInterrupt, one.Interrupt);
                    if (i >= at)
                    {
                        Assert.Equal(PortTester.Saved(one.Board), PortTester.Saved(other.Board));
                    }
                }
            },
            iter: TestSettings.Steps(400));

    [Fact]
    public void DamagedState_IsRefusedOrUsed_NeverThrowsAnythingElse() =>
        Gen.Select(
            Gen.Select(Gen.Int[0, 4095], Gen.Byte).Array[1, 12],
            Gen.Select(Gen.Int[0, Used.Length + 3], Gen.Int[1, 4], Gen.UInt, Gen.ULong[0, 1ul << 36]).Array[1, 60]).Sample(
            (damages, steps) =>
            {
                BoardMachine machine = new();
                byte[] state = PortTester.Saved(machine.Board);
                foreach ((int place, byte value) in damages)
                {
                    state[20 + (place % (state.Length - 20))] = value;
                }

                try
                {
                    PortTester.Load(machine.Board, state);
                }
                catch (DeviceStateException)
                {
                    return;
                }

                machine.ForgetTheLine();
                foreach ((int what, int size, uint value, ulong time) in steps)
                {
                    _ = Step(machine, what, size, value, time);
                }
            },
            iter: TestSettings.Steps(3000));

    [Fact]
    public void PortAccesses_AllocateNothing()
    {
        void Use()
        {
            for (int i = 0; i < Used.Length; i++)
            {
                // Not the resets and the power, which call others.
                if (Used[i] is not (0x64 or 0x92 or 0xCF9 or 0x604 or 0x605))
                {
                    _machine.Out(Used[i], 0x34);
                }

                _ = _machine.In(Used[i]);
            }

            _machine.Clock.Nanoseconds += 1_000_000;
            _machine.Scheduler.RunDue();
            _ = _machine.Board.Pic.Acknowledge();
        }

        // The text of the test's own output grows: not into a new block.
        Use();
        Use();
        _machine.Output.Silent = true;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            Use();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static int[] Used { get; } =
    [
        0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x60, 0x64, 0x70, 0x71, 0x92, 0x80, 0x87,
        0x3F8, 0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x3FE, 0x3FF, 0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x608, 0x60B, 0xCF8, 0xCF9, 0xCFC,
    ];

    private static int Step(BoardMachine machine, int what, int size, uint value, ulong time)
    {
        Span<byte> data = stackalloc byte[4];
        BitConverter.TryWriteBytes(data, value);
        if (what < Used.Length)
        {
            if ((time & 1) == 0)
            {
                machine.Ports.Write((ushort)Used[what], data[..(size == 3 ? 4 : size)]);
            }

            data.Clear();
            machine.Ports.Read((ushort)Used[what], data[..size]);
            return BitConverter.ToInt32(data);
        }

        switch (what - Used.Length)
        {
            case 0:
                return machine.Board.Pic.Acknowledge();
            case 1:
                int taken = machine.Board.Serial.Receive(data[..size]);
                machine.Board.TakeHostInput();
                return taken;
            case 2:
                machine.Board.PressPowerButton();
                return 0;
            default:
                machine.Clock.Nanoseconds += time >> (int)(value & 31);
                return machine.Scheduler.RunDue();
        }
    }
}
