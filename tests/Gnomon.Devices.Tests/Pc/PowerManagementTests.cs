using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>ACPI's fixed hardware.</summary>
public sealed class PowerManagementTests
{
    private const int Status = 0x600;
    private const int Enable = 0x602;
    private const int Control = 0x604;
    private const int Timer = 0x608;

    private readonly TestClock _clock = new();
    private readonly TestLine _line = new();
    private PortBus _ports = null!;
    private DeviceScheduler _scheduler = null!;
    private PowerManagement _power = null!;
    private int _offs;

    public PowerManagementTests() => Make(timerIs32Bits: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Timer_CountsItsFrequencyExactlyAndWraps(bool wide)
    {
        Make(wide);
        foreach (ulong time in (ReadOnlySpan<ulong>)[0, 279, 280, 1_000_000_000, 4_686_918_718, 4_686_918_719, 3_600_000_000_000, 1_199_864_031_881])
        {
            _clock.Nanoseconds = time;
            UInt128 ticks = (UInt128)time * 3_579_545 / 1_000_000_000;
            Assert.Equal((uint)(ticks % (wide ? 1ul << 32 : 1ul << 24)), In(Timer, 4));
        }
    }

    [Theory]
    [InlineData(false, 23)]
    [InlineData(true, 31)]
    public void TimerCarry_InterruptsWhenTheHighestBitChanges(bool wide, int bit)
    {
        Make(wide);
        Out(Enable, 2, 1);
        for (ulong i = 1; i <= 3; i++)
        {
            _clock.Nanoseconds = _scheduler.NextDeadline - 1;
            Assert.Equal(((1ul << bit) * i) - 1 & ((1ul << bit + 1) - 1), In(Timer, 4));
            Assert.Equal(0, _scheduler.RunDue());
            Assert.Equal(0u, In(Status, 2));
            _clock.Nanoseconds++;
            _scheduler.RunDue();
            Assert.True(_line.Level);
            Assert.Equal(1u, In(Status, 2));
            Out(Status, 2, 1);
            Assert.False(_line.Level);
        }
    }

    [Fact]
    public void TimerCarry_WithoutItsInterrupt_SetsTheStatusAndNoTimer()
    {
        _clock.Nanoseconds = 1_000_000_000_000;
        Assert.Equal(DeviceScheduler.Never, _scheduler.NextDeadline);
        Assert.Equal(1u, In(Status, 2));
        Assert.False(_line.Level);
    }

    [Fact]
    public void PowerButton_InterruptsWhileEnabledUntilItsStatusIsCleared()
    {
        _power.PressPowerButton();
        Assert.False(_line.Level);
        Assert.Equal(0x100u, In(Status, 2));
        Out(Enable, 2, 0x120);
        Assert.True(_line.Level);
        Out(Status, 2, 0xFEFF);
        Assert.True(_line.Level);
        Out(Status + 1, 1, 1);
        Assert.False(_line.Level);
        Assert.Equal(0u, In(Status, 2));
    }

    [Fact]
    public void Enable_KeepsTheBitsOfTheFixedEvents()
    {
        Out(Enable, 2, 0xFFFF);
        Assert.Equal(0x521u, In(Enable, 2));
        Assert.False(_line.Level);
    }

    [Fact]
    public void Control_IsAlwaysInAcpiMode()
    {
        Assert.Equal(1u, In(Control, 2));
        Out(Control, 2, 0);
        Assert.Equal(1u, In(Control, 2));
    }

    [Theory]
    [InlineData(0x3401, 1)]
    [InlineData(0x1401, 0)] // the type alone does not sleep
    [InlineData(0x2001, 0)]
    [InlineData(0x3001, 0)]
    [InlineData(0x3801, 0)]
    public void SleepEnable_WithTheTypeOfS5_SwitchesOff(int control, int offs)
    {
        Out(Control, 2, control);
        Assert.Equal(offs, _offs);
        Assert.Equal((uint)(control & 0x1C00 | 1), In(Control, 2));
    }

    [Fact]
    public void SleepEnable_ByBytes_SwitchesOff()
    {
        Out(Control, 1, 0);
        Out(Control + 1, 1, 0x34);
        Assert.Equal(1, _offs);
    }

    [Fact]
    public void SavedAndLoaded_GoesOnLikeTheSaved()
    {
        Out(Enable, 2, 0x101);
        _power.PressPowerButton();
        _clock.Nanoseconds = 123_456_789;
        byte[] state = PortTester.Saved(_power);
        PowerManagementTests other = new();
        other._clock.Nanoseconds = _clock.Nanoseconds;
        other._line.Level = true;
        PortTester.Load(other._power, state);
        Assert.Equal(_scheduler.NextDeadline, other._scheduler.NextDeadline);
        Assert.Equal(state, PortTester.Saved(other._power));
        other.Out(Status, 2, 0x100);
        Assert.False(other._line.Level);
    }

    [Fact]
    public void State_OfATimerOfAnotherWidth_IsRefused()
    {
        byte[] state = PortTester.Saved(_power);
        Make(timerIs32Bits: false);
        Assert.Throws<DeviceStateException>(() => PortTester.Load(_power, state));
    }

    private void Make(bool timerIs32Bits)
    {
        _ports = new PortBus();
        _scheduler = new DeviceScheduler(_clock);
        _power = new PowerManagement(_scheduler, _line, () => _offs++, timerIs32Bits);
        _power.MapTo(_ports);
    }

    private uint In(int port, int size)
    {
        Span<byte> data = stackalloc byte[4];
        data.Clear();
        _ports.Read((ushort)port, data[..size]);
        return BitConverter.ToUInt32(data);
    }

    private void Out(int port, int size, int value) => _ports.Write((ushort)port, BitConverter.GetBytes(value).AsSpan(0, size));
}
