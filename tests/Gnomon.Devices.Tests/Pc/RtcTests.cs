using System.Globalization;
using CsCheck;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The real-time clock, from the MC146818A's data sheet, and CMOS memory.</summary>
public sealed class RtcTests
{
    private const ulong Second = 1_000_000_000;
    private const ulong Millisecond = 1_000_000;

    private static readonly DateTime Start = new(2023, 12, 31, 23, 59, 58, DateTimeKind.Utc);

    private readonly TestLine _line = new();
    private PortBus _ports = null!;
    private WallTestClock _clock = null!;
    private DeviceScheduler _scheduler = null!;
    private CmosRtc _rtc = null!;

    public RtcTests() => Make(Start, 128 << 20);

    [Fact]
    public void Date_AfterPowerOn_IsTheWallClocksInBcd()
    {
        Assert.Equal("2023-12-31 23:59:58 weekday 1", Date());
        Assert.Equal(0x80, Get(0x0D));
    }

    [Fact]
    public void Date_AtTheTurnOfTheYear_CarriesIntoAll()
    {
        _clock.Nanoseconds = (2 * Second) - 1;
        Assert.Equal(0x59, Get(0));
        _clock.Nanoseconds = 2 * Second;
        Assert.Equal("2024-01-01 00:00:00 weekday 2", Date());
    }

    [Theory]
    [InlineData(0x02, 23, 0x23)]
    [InlineData(0x06, 23, 23)]
    [InlineData(0x00, 0, 0x12)]
    [InlineData(0x00, 12, 0x92)]
    [InlineData(0x00, 23, 0x91)]
    [InlineData(0x00, 11, 0x11)]
    [InlineData(0x04, 22, 0x8A)]
    public void Hours_InEachFormat(int format, int hour, int register)
    {
        Make(new DateTime(2024, 2, 3, hour, 0, 0, DateTimeKind.Utc).AddSeconds(-1), 0);
        Put(0x0B, format | 0x80);
        DateTime before = _clock.WallClock.UtcDateTime;
        SetTime(before, (byte)format);
        Put(0x0B, format);
        _clock.Nanoseconds += Second;
        Assert.Equal(register, Get(4));
    }

    [Fact]
    public void Set_StopsTheClockAndStartsItFromTheGuestsDate()
    {
        Put(0x0B, 0x82);
        SetTime(new DateTime(2000, 2, 28, 23, 59, 59, DateTimeKind.Utc), 2);
        _clock.Nanoseconds = 10 * Second;
        Assert.Equal(0x59, Get(0));
        Assert.Equal(0, Get(0x0A) & 0x80);
        Put(0x0B, 0x02);
        _clock.Nanoseconds = 11 * Second;
        Assert.StartsWith("2000-02-29 00:00:00", Date(), StringComparison.Ordinal);
    }

    [Fact]
    public void DividerReset_StartsTheNextSecondHalfASecondLater()
    {
        _clock.Nanoseconds = 300 * Millisecond;
        Put(0x0A, 0x76);
        _clock.Nanoseconds = 5 * Second;
        Assert.Equal(0x58, Get(0));
        _clock.Nanoseconds += 700 * Millisecond;
        Put(0x0A, 0x26);
        _clock.Nanoseconds += (500 * Millisecond) - 100;
        Assert.Equal(0x58, Get(0));
        _clock.Nanoseconds += 100;
        Assert.Equal(0x59, Get(0));
    }

    [Fact]
    public void UpdateInProgress_IsUpJustBeforeTheUpdate()
    {
        _clock.Nanoseconds = Second - (2229 * 1000);
        Assert.Equal(0x26, Get(0x0A));
        _clock.Nanoseconds = Second - (2228 * 1000);
        Assert.Equal(0xA6, Get(0x0A));
        Assert.Equal(0x58, Get(0));
        _clock.Nanoseconds = Second - 100;
        Assert.Equal(0xA6, Get(0x0A));
        _clock.Nanoseconds = Second;
        Assert.Equal(0x26, Get(0x0A));
        Assert.Equal(0x59, Get(0));
    }

    [Fact]
    public void UpdateInterrupt_ComesEachSecondUntilRegisterCIsRead()
    {
        Put(0x0B, 0x12);
        _clock.Nanoseconds = Second / 3;
        Assert.Equal(0, _scheduler.RunDue());
        for (int i = 1; i <= 3; i++)
        {
            Assert.Equal((ulong)i * Second, _scheduler.NextDeadline);
            _clock.Nanoseconds = _scheduler.NextDeadline;
            _scheduler.RunDue();
            Assert.True(_line.Level);
            Assert.Equal(0x90, Get(0x0C) & 0x90);
            Assert.False(_line.Level);
            Assert.Equal(0, Get(0x0C));
        }
    }

    [Theory]
    [InlineData(0x23, 0x59, 0x59, 1)]
    [InlineData(0x00, 0x00, 0x00, 2)]
    [InlineData(0xFF, 0xC0, 0x10, 12)]
    [InlineData(0xC0, 0x01, 0x01, 63)]
    [InlineData(0x01, 0x00, 0xFF, 3602)]
    public void AlarmInterrupt_ComesWhenAllThreeMatchOrDoNotCare(int hour, int minute, int second, int after)
    {
        Put(1, second);
        Put(3, minute);
        Put(5, hour);
        Put(0x0B, 0x22);
        int seconds = 0;
        while (!_line.Level)
        {
            _clock.Nanoseconds = _scheduler.NextDeadline;
            _scheduler.RunDue();
            Assert.True(++seconds <= 4000);
        }

        Assert.Equal(after, seconds);
        Assert.Equal(0xB0, Get(0x0C) & 0xB0);
    }

    [Fact]
    public void AlarmFlag_WithoutItsInterrupt_TellsOfAnAlarmWhileNobodyLooked()
    {
        Put(1, 0x30);
        Put(3, 0x05);
        Put(5, 0x00);
        Assert.Equal(DeviceScheduler.Never, _scheduler.NextDeadline);
        _clock.Nanoseconds = 331 * Second;
        Assert.Equal(0, Get(0x0C) & 0x20);
        _clock.Nanoseconds = 340 * Second;
        Assert.Equal(0x20, Get(0x0C) & 0xA0);
        Assert.False(_line.Level);
    }

    [Theory]
    [InlineData(1, 256)]
    [InlineData(2, 128)]
    [InlineData(3, 8192)]
    [InlineData(6, 1024)]
    [InlineData(15, 2)]
    public void PeriodicInterrupt_ComesAtItsRate(int rate, int hertz)
    {
        Put(0x0A, 0x20 | rate);
        Put(0x0B, 0x42);
        for (ulong i = 1; i <= 20; i++)
        {
            ulong expected = ((i * Second) + (ulong)hertz - 1) / (ulong)hertz;
            Assert.Equal(expected, _scheduler.NextDeadline);
            _clock.Nanoseconds = expected;
            _scheduler.RunDue();
            Assert.True(_line.Level);
            Assert.Equal(0xC0, Get(0x0C) & 0xC0);
            Assert.False(_line.Level);
        }
    }

    [Fact]
    public void PeriodicInterrupt_HostAway_ComesOnceAndKeepsThePhase()
    {
        Put(0x0A, 0x2A); // 64 Hz
        Put(0x0B, 0x42);
        _clock.Nanoseconds = Second + 1;
        Assert.Equal(1, _scheduler.RunDue());
        Assert.Equal(0xC0, Get(0x0C) & 0xC0);
        Assert.Equal(Second + (Second / 64), _scheduler.NextDeadline);
    }

    [Fact]
    public void DateThatCannotBe_StaysUntilItIsMended()
    {
        Put(8, 0x13);
        _clock.Nanoseconds = 100 * Second;
        Assert.Equal(0x13, Get(8));
        Assert.Equal(0x58, Get(0));
        Put(8, 0x12);
        _clock.Nanoseconds = 101 * Second;
        Assert.Equal(0x59, Get(0));
    }

    [Fact]
    public void NmiMask_IsBit7OfTheIndex()
    {
        _ports.Out(0x70, 0x8D);
        Assert.True(_rtc.NmiIsMasked);
        Assert.Equal(0x80, _ports.In(0x71));
        _ports.Out(0x70, 0x0D);
        Assert.False(_rtc.NmiIsMasked);
    }

    [Theory]
    [InlineData(128ul << 20, 640, 0xFFFF, 1792, 0)]
    [InlineData(16ul << 20, 640, 15 * 1024, 0, 0)]
    [InlineData(512ul << 10, 512, 0, 0, 0)]
    [InlineData(6ul << 30, 640, 0xFFFF, 65_280, 32_768)]
    public void MemorySizes(ulong bytes, int baseKib, int extendedKib, int above16, int above4)
    {
        Make(Start, bytes);
        Assert.Equal(baseKib, Get16(0x15));
        Assert.Equal(extendedKib, Get16(0x17));
        Assert.Equal(extendedKib, Get16(0x30));
        Assert.Equal(above16, Get16(0x34));
        Assert.Equal(above4, Get16(0x5B) | (Get(0x5D) << 16));
        Assert.Equal(Enumerable.Range(0x10, 0x1E).Sum(Get), (Get(0x2E) << 8) | Get(0x2F));
    }

    [Fact]
    public void Memory_KeepsWhatIsWritten()
    {
        for (int i = 0x0E; i < 0x80; i++)
        {
            Put(i, i ^ 0x5A);
        }

        for (int i = 0x0E; i < 0x80; i++)
        {
            Assert.Equal(i ^ 0x5A, Get(i));
        }
    }

    [Fact]
    public void AnyUse_SavedAndLoaded_GoesOnLikeTheSaved() =>
        Gen.Select(Gen.Select(Gen.Int[0, 3], Gen.Int[0, 0x3F], Gen.Byte, Gen.ULong[0, 40 * Second]).Array[1, 40], Gen.Int[0, 39]).Sample(
            (steps, at) =>
            {
                RtcTests one = new();
                RtcTests other = new();
                for (int i = 0; i < steps.Length; i++)
                {
                    if (i == at)
                    {
                        byte[] state = PortTester.Saved(one._rtc);
                        other.Make(Start, 0);
                        other._clock.Nanoseconds = one._clock.Nanoseconds;
                        other._line.Level = one._line.Level;
                        PortTester.Load(other._rtc, state);
                    }

                    string first = one.Step(steps[i]);
                    string second = other.Step(steps[i]);
                    Assert.Equal(first, second);
                }
            },
            iter: TestSettings.Steps(500));

    private string Step((int What, int Register, byte Value, ulong Time) step)
    {
        // Registers A to D more often than others.
        int register = step.Register >= 0x33 ? 0x0A + (step.Register & 3) : step.Register;
        switch (step.What)
        {
            case 0:
                Put(register, step.Value);
                return Seen();
            case 1:
                return string.Create(CultureInfo.InvariantCulture, $"{Get(register)} {Seen()}");
            default:
                _clock.Nanoseconds += step.Time >> (step.Value & 31);
                _scheduler.RunDue();
                return Seen();
        }
    }

    private string Seen() => string.Create(CultureInfo.InvariantCulture, $"{_line.Level} {_scheduler.NextDeadline}");

    private void Make(DateTime start, ulong memory)
    {
        _clock = new WallTestClock(start);
        _scheduler = new DeviceScheduler(_clock);
        _rtc = new CmosRtc(_scheduler, _line, memory);
        _ports = new PortBus();
        _rtc.MapTo(_ports);
    }

    private int Get(int register)
    {
        _ports.Out(0x70, register);
        return _ports.In(0x71);
    }

    private int Get16(int register) => Get(register) | (Get(register + 1) << 8);

    private void Put(int register, int value)
    {
        _ports.Out(0x70, register);
        _ports.Out(0x71, value);
    }

    private void SetTime(DateTime time, byte format)
    {
        int Number(int value) => (format & 4) != 0 ? value : int.Parse(value.ToString(CultureInfo.InvariantCulture), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        int hour = (format & 2) != 0 ? Number(time.Hour) : Number((time.Hour + 11) % 12 + 1) | (time.Hour >= 12 ? 0x80 : 0);
        foreach ((int register, int value) in (ReadOnlySpan<(int, int)>)
            [(0, Number(time.Second)), (2, Number(time.Minute)), (4, hour), (7, Number(time.Day)), (8, Number(time.Month)), (9, Number(time.Year % 100)), (0x32, Number(time.Year / 100))])
        {
            Put(register, value);
        }
    }

    private string Date() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Get(0x32):x2}{Get(9):x2}-{Get(8):x2}-{Get(7):x2} {Get(4):x2}:{Get(2):x2}:{Get(0):x2} weekday {Get(6)}");
}
