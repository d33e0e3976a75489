namespace Gnomon.Devices;

//  0x00 … 0x09  time and alarm       0x0B  B: SET PIE AIE UIE SQWE DM 24h DSE
//  0x0A  A: UIP DV(3) RS(4)          0x0C  C: IRQF PF AF UF, cleared by a read
//  0x0D  D: battery good             0x0E … 0x7F  memory: what firmware leaves there, and the century (0x32)

/// <summary>
/// The PC's CMOS memory and real-time clock (Motorola MC146818A data sheet) at ports 0x70 and 0x71. The date comes from the
/// machine's wall clock and moves with it; what the guest sets is kept as registers that go on from there.
/// </summary>
/// <remarks>
/// The registers advance at once at the end of the update cycle; the update-in-progress bit is up for the 244 + 1984 µs before, as
/// in the chip. A date that cannot be is left as it is until the guest mends it. Interrupts missed while the host was away are
/// delivered once. Daylight saving and the square wave have no effect.
/// </remarks>
public sealed class CmosRtc : IDeviceState
{
    private const ushort FirstPort = 0x70;
    private const byte NmiMask = 0x80;

    private const int A = 0x0A;
    private const int B = 0x0B;
    private const int C = 0x0C;
    private const int D = 0x0D;
    private const byte Uip = 0x80;
    private const byte Set = 0x80;
    private const byte Irqf = 0x80;
    private const byte Periodic = 0x40;
    private const byte Alarm = 0x20;
    private const byte Update = 0x10;
    private const byte BatteryGood = 0x80;
    private const byte DontCare = 0xC0;

    private const long UpdateTicks = 22_280; // of 100 ns
    private const long SecondsOfADay = 86_400;

    private static readonly TickRate _crystal = new(32_768);

    private readonly IDeviceClock _clock;
    private readonly IInterruptLine _line;
    private readonly DeviceTimer _updateTimer;
    private readonly DeviceTimer _periodicTimer;
    private readonly byte[] _registers = new byte[128];
    private byte _index;
    private bool _lineIsUp;

    // The registers are those of this second of the wall clock, whose seconds begin _phase ticks late for us.
    private long _second;
    private long _phase;

    // When the divider chain began, and how many periods of it the guest has been told of.
    private ulong _dividerStart;
    private ulong _periods;

    /// <summary>Makes the clock, set to the wall clock, 24 hours and BCD, as firmware leaves it.</summary>
    /// <param name="scheduler">The clock, and who calls.</param>
    /// <param name="line">IRQ 8; edge-triggered.</param>
    /// <param name="memoryBytes">The size of memory, for the bytes that firmware keeps of it.</param>
    public CmosRtc(DeviceScheduler scheduler, IInterruptLine line, ulong memoryBytes)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentNullException.ThrowIfNull(line);
        _clock = scheduler.Clock;
        _line = line;
        _updateTimer = scheduler.CreateTimer(_ => TakeStock());
        _periodicTimer = scheduler.CreateTimer(_ => TakeStock());
        _registers[A] = 0x26;
        _registers[B] = RtcCalendar.Hours24;
        CmosMemory.Fill(_registers, memoryBytes);
        DateTime now = _clock.WallClock.UtcDateTime;
        RtcCalendar.Write(_registers, _registers[B], now);
        _registers[RtcCalendar.WeekDay] = (byte)((int)now.DayOfWeek + 1);
        _second = SecondNow;
    }

    /// <summary>Whether the guest masks non-maskable interrupts (bit 7 of port 0x70).</summary>
    public bool NmiIsMasked => (_index & NmiMask) != 0;

    /// <summary>Puts the clock on its ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(FirstPort, 2, new BytePorts(port => port == 0 ? (byte)0xFF : Read(_index & 0x7F), WritePort));
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("rtc", 1);
        writer.Write(_registers);
        writer.Write(_index);
        writer.Write(_lineIsUp);
        writer.Write((ulong)_second);
        writer.Write((ulong)_phase);
        writer.Write(_dividerStart);
        writer.Write(_periods);
        writer.Write(_updateTimer.Deadline);
        writer.Write(_periodicTimer.Deadline);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("rtc", 1);
        reader.Read(_registers);
        _index = reader.ReadByte();
        _lineIsUp = reader.ReadBoolean();
        _second = (long)reader.ReadUInt64();
        _phase = (long)reader.ReadUInt64();
        if (_phase is < 0 or >= TimeSpan.TicksPerSecond || _second is < 0 or > SecondsOfADay * 4_000_000)
        {
            throw reader.Damaged($"the second is {_second}, its phase {_phase}");
        }

        _dividerStart = reader.ReadUInt64();
        _periods = reader.ReadUInt64();
        ulong update = reader.ReadUInt64();
        ulong periodic = reader.ReadUInt64();
        reader.End();
        _updateTimer.Set(update);
        _periodicTimer.Set(periodic);
    }

    private bool DividerRuns => (_registers[A] & 0x70) == 0x20;

    private bool Stands => (_registers[B] & Set) != 0 || !DividerRuns;

    private long WallTicks => Math.Max(_clock.WallClock.UtcTicks - _phase, 0);

    private long SecondNow => WallTicks / TimeSpan.TicksPerSecond;

    // In ticks of the crystal; 0 when there are no periodic interrupts. The two fastest settings repeat two slower ones.
    private ulong Period => (_registers[A] & 15) switch
    {
        0 => 0,
        1 => 128,
        2 => 256,
        int rate => 1ul << (rate - 1),
    };

    private ulong PeriodsNow => Period == 0 || !DividerRuns || _clock.Nanoseconds < _dividerStart ? 0 : _crystal.Ticks(_clock.Nanoseconds - _dividerStart) / Period;

    private byte Read(int register)
    {
        TakeStock();
        switch (register)
        {
            case A:
                bool updating = !Stands && TimeSpan.TicksPerSecond - (WallTicks % TimeSpan.TicksPerSecond) <= UpdateTicks;
                return (byte)(_registers[A] | (updating ? Uip : 0));
            case C:
                byte flags = _registers[C];
                _registers[C] = 0;
                Drive();
                return flags;
            case D:
                return BatteryGood;
            default:
                return _registers[register];
        }
    }

    private void WritePort(int port, byte value)
    {
        if (port == 0)
        {
            _index = value;
            return;
        }

        TakeStock();
        int register = _index & 0x7F;
        switch (register)
        {
            case A:
                WriteA((byte)(value & ~Uip));
                break;
            case B:
                WriteB(value);
                break;
            case C or D:
                break;
            default:
                _registers[register] = value;
                break;
        }

        Drive();
        Schedule();
    }

    // The divider chain starts half a second before an update.
    private void WriteA(byte value)
    {
        bool ran = DividerRuns;
        _registers[A] = value;
        if (DividerRuns && !ran)
        {
            _dividerStart = _clock.Nanoseconds;
            _phase = (_clock.WallClock.UtcTicks + (TimeSpan.TicksPerSecond / 2)) % TimeSpan.TicksPerSecond;
            _second = SecondNow;
        }

        _periods = PeriodsNow;
    }

    // While SET is up the guest sets the clock; it goes on from there. SET takes the update interrupt's enabling away.
    private void WriteB(byte value)
    {
        if ((_registers[B] & Set) != 0 && (value & Set) == 0)
        {
            _second = SecondNow;
        }

        _registers[B] = (value & Set) != 0 ? (byte)(value & ~Update) : value;
    }

    // Brings registers and flags to the present.
    private void TakeStock()
    {
        ulong periods = PeriodsNow;
        if (periods != _periods)
        {
            _periods = periods;
            _registers[C] |= Periodic;
        }

        long second = SecondNow;
        if (!Stands && second > _second)
        {
            Advance(second - _second);
            _second = second;
        }

        Drive();
        Schedule();
    }

    private void Advance(long seconds)
    {
        _registers[C] |= Update;
        byte format = _registers[B];
        if (!RtcCalendar.TryRead(_registers, format, out DateTime before) || seconds > (DateTime.MaxValue - before).TotalSeconds - 1)
        {
            return;
        }

        DateTime after = before.AddSeconds(seconds);
        if (AlarmBetween(before, Math.Min(seconds, SecondsOfADay), format))
        {
            _registers[C] |= Alarm;
        }

        int weekDay = _registers[RtcCalendar.WeekDay];
        if (weekDay is >= 1 and <= 7)
        {
            _registers[RtcCalendar.WeekDay] = (byte)(((weekDay - 1 + (after.Date - before.Date).Days) % 7) + 1);
        }

        RtcCalendar.Write(_registers, format, after);
    }

    private bool AlarmBetween(DateTime before, long seconds, byte format)
    {
        int start = (int)before.TimeOfDay.TotalSeconds;
        for (int i = 1; i <= seconds; i++)
        {
            int time = (start + i) % (int)SecondsOfADay;
            if (Matches(RtcCalendar.Seconds + 1, RtcCalendar.Byte(time % 60, format))
                && Matches(RtcCalendar.Minutes + 1, RtcCalendar.Byte(time / 60 % 60, format))
                && Matches(RtcCalendar.Hours + 1, RtcCalendar.HourByte(time / 3600, format)))
            {
                return true;
            }
        }

        return false;
    }

    private bool Matches(int alarm, byte value) => (_registers[alarm] & DontCare) == DontCare || _registers[alarm] == value;

    // Timers run only for interrupts; what is merely read is reckoned when it is read.
    private void Schedule()
    {
        byte enabled = _registers[B];
        bool periodic = (enabled & Periodic) != 0 && Period != 0 && DividerRuns;
        ulong nextPeriod = periodic ? _crystal.Moment((_periods + 1) * Period) : DeviceScheduler.Never;
        SetTimer(_periodicTimer, periodic && nextPeriod < DeviceScheduler.Never - _dividerStart ? _dividerStart + nextPeriod : DeviceScheduler.Never);

        long left = ((_second + 1) * TimeSpan.TicksPerSecond) - WallTicks;
        bool update = (enabled & (Update | Alarm)) != 0 && !Stands;
        SetTimer(_updateTimer, update ? _clock.Nanoseconds + ((ulong)Math.Max(left, 1) * 100) : DeviceScheduler.Never);
    }

    // The update's moment is reckoned from a wall clock in steps of 100 ns: it must not move with each look.
    private static void SetTimer(DeviceTimer timer, ulong deadline)
    {
        if (timer.Deadline != deadline && !(timer.IsSet && deadline - timer.Deadline < 100))
        {
            timer.Set(deadline);
        }
    }

    private void Drive()
    {
        bool up = (_registers[C] & _registers[B] & (Periodic | Alarm | Update)) != 0;
        _registers[C] = (byte)(up ? _registers[C] | Irqf : _registers[C] & ~Irqf);
        if (up == _lineIsUp)
        {
            return;
        }

        _lineIsUp = up;
        if (up)
        {
            _line.Raise();
        }
        else
        {
            _line.Lower();
        }
    }
}
