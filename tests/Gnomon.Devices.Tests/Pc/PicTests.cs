using CsCheck;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The interrupt controllers, from the 8259A's data sheet.</summary>
public sealed class PicTests
{
    private readonly PortBus _ports = new();
    private readonly List<bool> _outputs = [];
    private readonly DualPic _pic;

    public PicTests()
    {
        _pic = new DualPic(_outputs.Add);
        _pic.MapTo(_ports);
    }

    [Fact]
    public void Mask_BeforeInitialisation_ReadsBack()
    {
        // Linux finds out so whether there is a controller at all.
        _ports.Out(0xA1, 0xFF);
        _ports.Out(0x21, 0xFB);
        Assert.Equal(0xFB, _ports.In(0x21));
        Assert.Equal(0xFF, _ports.In(0xA1));
    }

    [Fact]
    public void Request_BeforeInitialisation_IsNotAnnounced()
    {
        _ports.Out(0x21, 0);
        _pic.Line(0).Raise();
        Assert.False(_pic.HasInterrupt);
        Assert.Empty(_outputs);
    }

    [Theory]
    [InlineData(0, 0x30)]
    [InlineData(1, 0x31)]
    [InlineData(7, 0x37)]
    [InlineData(8, 0x38)]
    [InlineData(15, 0x3F)]
    public void Acknowledge_OneRequest_GivesItsVector(int irq, int vector)
    {
        Initialise();
        _pic.Line(irq).Raise();
        Assert.True(_pic.HasInterrupt);
        Assert.Equal(vector, _pic.Acknowledge());
        Assert.False(_pic.HasInterrupt);
        Assert.Equal([true, false], _outputs);
    }

    [Fact]
    public void Acknowledge_EdgeThatStaysUp_InterruptsOnce()
    {
        Initialise();
        _pic.Line(4).Raise();
        Assert.Equal(0x34, _pic.Acknowledge());
        _ports.Out(0x20, 0x20);
        Assert.False(_pic.HasInterrupt);
        _pic.Line(4).Lower();
        _pic.Line(4).Raise();
        Assert.True(_pic.HasInterrupt);
    }

    [Fact]
    public void Acknowledge_LevelThatStaysUp_InterruptsAgainAfterTheEnd()
    {
        Initialise();
        _pic.SetLevelTriggered(1 << 11);
        _pic.Line(11).Raise();
        Assert.Equal(0x3B, _pic.Acknowledge());
        Assert.False(_pic.HasInterrupt);
        _ports.Out(0xA0, 0x20);
        _ports.Out(0x20, 0x20);
        Assert.True(_pic.HasInterrupt);
        Assert.Equal(0x3B, _pic.Acknowledge());
        _pic.Line(11).Lower();
        _ports.Out(0xA0, 0x20);
        _ports.Out(0x20, 0x20);
        Assert.False(_pic.HasInterrupt);
    }

    [Fact]
    public void SharedLine_IsUpWhileOneDeviceWantsIt()
    {
        Initialise();
        _pic.SetLevelTriggered(1 << 10);
        _pic.Line(10).Raise();
        _pic.Line(10).Raise();
        _pic.Line(10).Lower();
        Assert.True(_pic.HasInterrupt);
        _pic.Line(10).Lower();
        Assert.False(_pic.HasInterrupt);
    }

    [Fact]
    public void Acknowledge_RequestThatHasGone_IsSpurious7()
    {
        Initialise();
        _pic.Line(3).Raise();
        _pic.Line(3).Lower();
        Assert.Equal(0x37, _pic.Acknowledge());
        _ports.Out(0x20, 0x0B);
        Assert.Equal(0, _ports.In(0x20));
    }

    [Fact]
    public void Poll_OfTheMaster_LeavesTheSlaveToBePolled()
    {
        Initialise();
        _pic.Line(12).Raise();
        _ports.Out(0x20, 0x0C);
        Assert.Equal(0x82, _ports.In(0x20));
        _ports.Out(0xA0, 0x0C);
        Assert.Equal(0x84, _ports.In(0xA0));
        _ports.Out(0xA0, 0x0B);
        Assert.Equal(0x10, _ports.In(0xA0));
    }

    [Fact]
    public void Acknowledge_SlaveRequestThatHasGone_IsSpurious7()
    {
        // The slave takes its output back, and so the master has no request left.
        Initialise();
        _pic.Line(12).Raise();
        _pic.Line(12).Lower();
        Assert.Equal(0x37, _pic.Acknowledge());
    }

    [Fact]
    public void Acknowledge_SecondRequestOfTheSlave_ComesAfterTheFirst()
    {
        Initialise();
        _pic.Line(14).Raise();
        Assert.Equal(0x3E, _pic.Acknowledge());
        _pic.Line(9).Raise(); // higher, but the master serves the cascade
        Assert.False(_pic.HasInterrupt);
        _ports.Out(0x20, 0x62);
        Assert.Equal(0x39, _pic.Acknowledge());
    }

    [Fact]
    public void Requests_LowerPriorityInService_HigherInterrupts()
    {
        Initialise();
        _pic.Line(5).Raise();
        Assert.Equal(0x35, _pic.Acknowledge());
        _pic.Line(6).Raise();
        Assert.False(_pic.HasInterrupt);
        _pic.Line(1).Raise();
        Assert.Equal(0x31, _pic.Acknowledge());
        _ports.Out(0x20, 0x20); // ends 1, the highest
        Assert.False(_pic.HasInterrupt);
        _ports.Out(0x20, 0x20); // ends 5
        Assert.Equal(0x36, _pic.Acknowledge());
    }

    [Fact]
    public void Poll_TakesTheRequestLikeAnAcknowledgement()
    {
        Initialise();
        _pic.Line(6).Raise();
        _ports.Out(0x20, 0x0C);
        Assert.Equal(0x86, _ports.In(0x20));
        Assert.False(_pic.HasInterrupt);
        _ports.Out(0x20, 0x0C);
        Assert.Equal(0, _ports.In(0x20) & 0x80);
        _ports.Out(0x20, 0x0B);
        Assert.Equal(0x40, _ports.In(0x20));
    }

    [Fact]
    public void Initialisation_ClearsMaskAndServiceAndWaitsForNewEdges()
    {
        Initialise();
        _pic.Line(1).Raise();
        Assert.Equal(0x31, _pic.Acknowledge());
        _pic.Line(3).Raise();
        _ports.Out(0x21, 0xFF);
        Initialise();
        Assert.Equal(0, _ports.In(0x21));
        _ports.Out(0x20, 0x0B);
        Assert.Equal(0, _ports.In(0x20));
        _ports.Out(0x20, 0x0A);
        Assert.Equal(0, _ports.In(0x20));
        Assert.False(_pic.HasInterrupt);
    }

    [Fact]
    public void AutoEoi_LeavesNothingInService()
    {
        Initialise(icw4: 3);
        _pic.Line(4).Raise();
        Assert.Equal(0x34, _pic.Acknowledge());
        _pic.Line(5).Raise();
        Assert.True(_pic.HasInterrupt);
        _ports.Out(0x20, 0x0B);
        Assert.Equal(0, _ports.In(0x20));
    }

    [Fact]
    public void EdgeLevelRegister_KeepsTheBoardsOwnLinesAtEdge()
    {
        _ports.Out(0x4D0, 0xFF);
        _ports.Out(0x4D1, 0xFF);
        Assert.Equal(0xF8, _ports.In(0x4D0));
        Assert.Equal(0xDE, _ports.In(0x4D1));
        _ports.Write(0x4D0, [0, 0x0C]);
        Assert.Equal(0, _ports.In(0x4D0));
        Assert.Equal(0x0C, _ports.In(0x4D1));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    [InlineData(16)]
    public void Line_ThatDoesNotExist_Throws(int irq) => Assert.Throws<ArgumentOutOfRangeException>(() => _pic.Line(irq));

    [Fact]
    public void SingleMaster_TakesInput2ForItsOwn()
    {
        _ports.Out(0x20, 0x13);
        _ports.Out(0x21, 0x40);
        _ports.Out(0x21, 0x01);
        _ports.Out(0xA0, 0x11);
        _ports.Out(0xA1, 0x50);
        _ports.Out(0xA1, 0x02);
        _ports.Out(0xA1, 0x01);
        _pic.Line(9).Raise();
        Assert.Equal(0x42, _pic.Acknowledge());
    }

    [Fact]
    public void AnyUse_AgreesWithTheDataSheet() =>
        Gen.Select(Gen.Int[0, 12], Gen.Int[0, 15], Gen.Bool, Gen.Int[0, 255]).Array[1, 80].Sample(
            steps =>
            {
                PicRun run = new();
                foreach ((int what, int irq, bool flag, int value) in steps)
                {
                    run.Step(what, irq, flag, value);
                    run.Compare();
                }
            },
            iter: TestSettings.Steps(3000));

    [Fact]
    public void SavedAndLoaded_GoesOnLikeTheSaved() =>
        Gen.Select(Gen.Select(Gen.Int[0, 12], Gen.Int[0, 15], Gen.Bool, Gen.Int[0, 255]).Array[1, 60], Gen.Int[0, 59]).Sample(
            (steps, at) =>
            {
                PicRun run = new();
                for (int i = 0; i < steps.Length; i++)
                {
                    if (i == at)
                    {
                        run.MoveToALoadedPic();
                        run.Compare();
                    }

                    run.Step(steps[i].Item1, steps[i].Item2, steps[i].Item3, steps[i].Item4);
                    run.Compare();
                }
            },
            iter: TestSettings.Steps(1000));

    [Fact]
    public void AnyBytes_NeverThrow() =>
        Gen.Select(Gen.Int[0, 7], Gen.Byte, Gen.Int[0, 15]).Array[1, 200].Sample(
            steps =>
            {
                PortBus ports = new();
                DualPic pic = new();
                pic.MapTo(ports);
                int[] all = [0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1];
                bool[] up = new bool[16];
                foreach ((int what, byte value, int irq) in steps)
                {
                    if (what < all.Length)
                    {
                        ports.Out(all[what], value);
                        _ = ports.In(all[(what + irq) % all.Length]);
                    }
                    else if (what == 6 || irq == 2)
                    {
                        _ = pic.Acknowledge();
                    }
                    else if (up[irq])
                    {
                        pic.Line(irq).Lower();
                        up[irq] = false;
                    }
                    else
                    {
                        pic.Line(irq).Raise();
                        up[irq] = true;
                    }

                    byte[] state = PortTester.Saved(pic);
                    PortTester.Load(pic, state);
                    Assert.Equal(state, PortTester.Saved(pic));
                }
            },
            iter: TestSettings.Steps(300));

    private void Initialise(int icw4 = 1) => PicRun.Initialise(_ports, icw4, icw4);
}
