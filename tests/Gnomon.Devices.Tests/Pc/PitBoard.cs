using System.Globalization;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>A timer with its clock, line and ports.</summary>
internal sealed class PitBoard
{
    private readonly PortBus _ports = new();

    public PitBoard()
    {
        Scheduler = new DeviceScheduler(Clock);
        Pit = new Pit8254(Scheduler, Line);
        Pit.MapTo(_ports);
    }

    public TestClock Clock { get; } = new();

    public DeviceScheduler Scheduler { get; }

    public TestLine Line { get; } = new();

    public Pit8254 Pit { get; }

    /// <summary>The first nanosecond by which so many ticks of 1.193182 MHz have gone by.</summary>
    public static ulong Moment(ulong tick) => (ulong)((((UInt128)tick * 1_000_000_000) + 1_193_181) / 1_193_182);

    public void MoveTo(ulong tick) => Clock.Nanoseconds = Moment(tick);

    public int In(int port) => _ports.In(port);

    public void Out(int port, int value) => _ports.Out(port, value);

    public int Latch(int counter)
    {
        Out(0x43, counter << 6);
        return In(0x40 + counter) | (In(0x40 + counter) << 8);
    }
}

/// <summary>A counter of the timer and its model side by side.</summary>
internal sealed class PitPair(int counter = 2)
{
    private readonly PitModel _model = new();
    private PitBoard _board = new();
    private ulong _tick;

    /// <summary>Runs steps; before the one numbered <paramref name="saveAt"/> the timer goes into another one.</summary>
    public void Run((int What, int Value, int Ticks)[] steps, int saveAt)
    {
        if (counter == 0)
        {
            _model.Drive(true);
        }

        for (int i = 0; i < steps.Length; i++)
        {
            if (i == saveAt)
            {
                Move();
            }

            Step(steps[i].What, steps[i].Value);
            Compare();
            for (int t = 0; t < steps[i].Ticks; t++)
            {
                Tick();
                if (t < 3)
                {
                    Compare();
                }
            }

            Compare();
        }
    }

    // Counts of 1 are not allowed in modes 2 and 3, digits above 9 not in BCD: the data sheet says nothing of them.
    private void Step(int what, int value)
    {
        switch (what)
        {
            case 0:
                int mode = value % 6;
                int access = (value / 6 % 3) + 1;
                bool bcd = value >= 128;
                _model.Control(mode, access, bcd);
                _board.Out(0x43, (counter << 6) | (access << 4) | (mode << 1) | (bcd ? 1 : 0));
                break;
            case <= 3:
                int digits = value % 10 | (value / 10 % 10 << 4);
                int written = (_model.Bcd ? digits : value) | (_model.Mode is 2 or 3 ? 2 : 0);
                written = _model.Bcd ? written & 0x77 : written;
                _model.Write(written);
                _board.Out(0x40 + counter, written);
                break;
            case <= 5 when counter == 2:
                _model.Drive((value & 1) != 0);
                _board.Out(0x61, value & 1);
                break;
            default:
                break;
        }
    }

    private void Tick()
    {
        bool before = _model.Out;
        int raised = _board.Line.Raised;
        _model.Tick();
        _tick++;
        _board.MoveTo(_tick);
        _board.Scheduler.RunDue();
        if (counter == 0)
        {
            Assert.Equal(_model.Out && !before ? 1 : 0, _board.Line.Raised - raised);
        }
    }

    private void Compare()
    {
        _board.Out(0x43, 0xC0 | (2 << counter)); // read back status and count
        int status = _board.In(0x40 + counter);
        int low = _board.In(0x40 + counter);
        int value = _model.Access == 3 ? low | (_board.In(0x40 + counter) << 8) : _model.Access == 2 ? low << 8 : low;
        int expected = (_model.Out ? 0x80 : 0) | (_model.NullCount ? 0x40 : 0) | (_model.Access << 4) | (_model.Mode << 1) | (_model.Bcd ? 1 : 0);
        Assert.Equal(expected, status);
        if (counter == 2)
        {
            Assert.Equal(_model.Out ? 0x20 : 0, _board.In(0x61) & 0x20);
        }

        if (_model.IsDefined)
        {
            int mask = _model.Access == 3 ? 0xFFFF : _model.Access == 2 ? 0xFF00 : 0xFF;
            int element = _model.Bcd
                ? int.Parse((_model.Element % 10_000).ToString("d4", CultureInfo.InvariantCulture), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                : _model.Element & 0xFFFF;
            Assert.Equal(element & mask, value);
        }
    }

    private void Move()
    {
        byte[] state = PortTester.Saved(_board.Pit);
        PitBoard other = new();
        other.Clock.Nanoseconds = _board.Clock.Nanoseconds;
        other.Line.Level = _board.Line.Level;
        PortTester.Load(other.Pit, state);
        _board = other;
    }
}
