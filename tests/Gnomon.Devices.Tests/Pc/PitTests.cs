using CsCheck;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The timer, from the 82C54's data sheet, and its interrupt.</summary>
public sealed class PitTests
{
    private readonly PitBoard _board = new();

    [Fact]
    public void Counters_CountTheCrystalExactly()
    {
        // After a day's worth of ticks not one is missing: the moment of each tick is exact.
        _board.Out(0x43, 0x34);
        _board.Out(0x40, 0);
        _board.Out(0x40, 0);
        ulong day = 86_400ul * 1_193_182;
        _board.MoveTo(day);
        Assert.Equal((65_536 - (int)((day - 1) % 65_536)) % 65_536, _board.Latch(0));
        _board.Clock.Nanoseconds--;
        Assert.Equal((65_536 - (int)((day - 2) % 65_536)) % 65_536, _board.Latch(0));
    }

    [Theory]
    [InlineData(0x34, 4773)]
    [InlineData(0x36, 4773)]
    [InlineData(0x34, 2)]
    [InlineData(0x36, 65_536)]
    public void Counter0_Periodic_InterruptsOnceAPeriod(int control, int count)
    {
        Start(control, count);
        List<ulong> edges = [];
        for (int i = 0; i < 50; i++)
        {
            _board.Clock.Nanoseconds = _board.Scheduler.NextDeadline;
            int before = _board.Line.Raised;
            _board.Scheduler.RunDue();
            Assert.Equal(before + 1, _board.Line.Raised);
            edges.Add(_board.Clock.Nanoseconds);
        }

        for (int i = 0; i < edges.Count; i++)
        {
            Assert.Equal(PitBoard.Moment(1 + ((ulong)(i + 1) * (ulong)count)), edges[i]);
        }
    }

    [Fact]
    public void Counter0_OneShot_InterruptsOnceAtItsTime()
    {
        Start(0x30, 1000);
        Assert.False(_board.Line.Level);
        Assert.Equal(PitBoard.Moment(1001), _board.Scheduler.NextDeadline);
        _board.MoveTo(1001);
        Assert.Equal(1, _board.Scheduler.RunDue());
        Assert.True(_board.Line.Level);
        Assert.Equal(DeviceScheduler.Never, _board.Scheduler.NextDeadline);
    }

    [Fact]
    public void Counter0_Strobe_InterruptsAtTheEndOfTheStrobe()
    {
        // Linux's one-shot clock event device.
        Start(0x38, 1000);
        Assert.Equal(PitBoard.Moment(1002), _board.Scheduler.NextDeadline);
        int before = _board.Line.Raised;
        _board.MoveTo(1002);
        _board.Scheduler.RunDue();
        Assert.Equal(before + 1, _board.Line.Raised);
        Assert.Equal(DeviceScheduler.Never, _board.Scheduler.NextDeadline);
    }

    [Fact]
    public void Counter0_HostAway_DeliversOneInterruptAndKeepsThePhase()
    {
        Start(0x34, 1000);
        int before = _board.Line.Raised;
        _board.MoveTo(10_500);
        Assert.Equal(1, _board.Scheduler.RunDue());
        Assert.Equal(before + 1, _board.Line.Raised);
        Assert.Equal(PitBoard.Moment(11_001), _board.Scheduler.NextDeadline);
    }

    [Fact]
    public void Counter2_MeasuresATimeThatPort61Shows()
    {
        // How Linux measures the processor: gate up, mode 0, wait for bit 5.
        _board.Out(0x61, (_board.In(0x61) & ~2) | 1);
        _board.Out(0x43, 0xB0);
        _board.Out(0x42, 59_659 & 0xFF);
        _board.Out(0x42, 59_659 >> 8);
        Assert.Equal(0, _board.In(0x61) & 0x20);
        _board.MoveTo(59_659);
        Assert.Equal(0, _board.In(0x61) & 0x20);
        _board.MoveTo(59_660);
        Assert.Equal(0x20, _board.In(0x61) & 0x20);
    }

    [Fact]
    public void SystemControl_KeepsItsFourBitsAndTogglesTheRefresh()
    {
        _board.Out(0x61, 0xFF);
        Assert.Equal(0x0F, _board.In(0x61) & 0xCF);
        int first = _board.In(0x61) & 0x10;
        _board.Clock.Nanoseconds += 15_100;
        Assert.NotEqual(first, _board.In(0x61) & 0x10);
        _board.Clock.Nanoseconds += 15_100;
        Assert.Equal(first, _board.In(0x61) & 0x10);
    }

    [Fact]
    public void ReadBack_LatchesStatusAndCountOfSeveralCounters()
    {
        Start(0x34, 0x1234);
        _board.Out(0x43, 0xB6);
        _board.MoveTo(5);
        _board.Out(0x43, 0xCA); // status and count of counters 0 and 2
        _board.MoveTo(100);
        Assert.Equal(0xB4, _board.In(0x40)); // output high, count loaded, both bytes, mode 2
        Assert.Equal(0x1230, _board.In(0x40) | (_board.In(0x40) << 8));
        Assert.Equal(0xF6, _board.In(0x42)); // and here no count yet
    }

    [Fact]
    public void Latch_HoldsTheFirstUntilItIsRead()
    {
        Start(0x34, 1000);
        _board.MoveTo(11);
        _board.Out(0x43, 0x00);
        _board.MoveTo(21);
        _board.Out(0x43, 0x00);
        Assert.Equal(990, _board.In(0x40) | (_board.In(0x40) << 8));
        Assert.Equal(980, _board.In(0x40) | (_board.In(0x40) << 8));
    }

    [Fact]
    public void AnyUseOfACounter_AgreesWithTheDataSheet() =>
        Steps.Sample(steps => new PitPair().Run(steps, saveAt: -1), iter: TestSettings.Steps(4000));

    [Fact]
    public void SavedAndLoaded_GoesOnLikeTheSaved() =>
        Gen.Select(Steps, Gen.Int[0, 30]).Sample((steps, at) => new PitPair().Run(steps, at), iter: TestSettings.Steps(1500));

    [Fact]
    public void Counter0_AnyUse_InterruptsAtEachRiseOfItsOutput() =>
        Steps.Sample(
            steps =>
            {
                // Run each tick, the line must rise where the model's output does.
                PitPair pair = new(counter: 0);
                pair.Run(steps, saveAt: -1);
            },
            iter: TestSettings.Steps(2000));

    [Fact]
    public void AnyBytes_NeverThrow() =>
        Gen.Select(Gen.Int[0, 4], Gen.Byte, Gen.ULong[0, 1ul << 40]).Array[1, 100].Sample(
            steps =>
            {
                PitBoard board = new();
                foreach ((int port, byte value, ulong time) in steps)
                {
                    board.Out(port == 4 ? 0x61 : 0x40 + port, value);
                    _ = board.In(port == 4 ? 0x61 : 0x40 + port);
                    board.Clock.Nanoseconds += time >> (value & 31);
                    board.Scheduler.RunDue();
                    byte[] state = PortTester.Saved(board.Pit);
                    PortTester.Load(board.Pit, state);
                    Assert.Equal(state, PortTester.Saved(board.Pit));
                }
            },
            iter: TestSettings.Steps(300));

    private static Gen<(int What, int Value, int Ticks)[]> Steps =>
        Gen.Select(Gen.Int[0, 7], Gen.Int[0, 255], Gen.Frequency((3, Gen.Int[0, 3]), (2, Gen.Int[0, 40]), (1, Gen.Int[200, 900]))).Array[1, 40];

    private void Start(int control, int count)
    {
        _board.Out(0x43, control);
        _board.Out(0x40, count & 0xFF);
        _board.Out(0x40, count >> 8 & 0xFF);
    }
}
