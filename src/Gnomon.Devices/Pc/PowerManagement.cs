using System.Buffers.Binary;

namespace Gnomon.Devices;

//  offset 0  PM1 status   (2)   bit 0 timer carry, 8 power button, 15 waking; written ones clear
//  offset 2  PM1 enable   (2)
//  offset 4  PM1 control  (2)   bit 0 SCI_EN (always 1), 10 … 12 SLP_TYP, 13 SLP_EN (write only)
//  offset 8  PM timer     (4)   3.579545 MHz, 24 or 32 bits

/// <summary>
/// ACPI's fixed hardware (Advanced Configuration and Power Interface Specification 6.5, 4.8): the PM1a registers, the power management
/// timer, the power button and soft off. The machine is always in ACPI mode; there is no SMI.
/// </summary>
public sealed class PowerManagement : IPortDevice, IDeviceState
{
    /// <summary>The first port; a choice of this board, told by the FADT.</summary>
    public const ushort FirstPort = 0x600;

    /// <summary>How many ports there are.</summary>
    public const int PortCount = 12;

    /// <summary>The frequency of the timer, in hertz.</summary>
    public const uint TimerHertz = 3_579_545;

    /// <summary>The interrupt of the status bits (SCI): level-triggered, shareable.</summary>
    public const int Irq = 9;

    /// <summary>What SLP_TYP says for soft off (S5); a choice of this board, told by \_S5.</summary>
    public const byte SoftOff = 5;

    internal const int ControlOffset = 4;
    internal const int TimerOffset = 8;

    private const int EnableOffset = 2;
    private const ushort TimerBit = 1 << 0;
    private const ushort GlobalBit = 1 << 5;
    private const ushort ButtonBit = 1 << 8;

    // The clock's alarm wakes a machine that sleeps; this one never does, so its status is never set. Kernels check that the bit stays.
    private const ushort ClockBit = 1 << 10;
    private const ushort Interrupting = TimerBit | GlobalBit | ButtonBit | ClockBit;
    private const ushort SciEnable = 1 << 0;
    private const ushort SleepEnable = 1 << 13;
    private const ushort WritableControl = 0x1C02;

    private static readonly TickRate _rate = new(TimerHertz);

    private readonly IDeviceClock _clock;
    private readonly IInterruptLine _line;
    private readonly Action _powerOff;
    private readonly DeviceTimer _timer;
    private readonly int _bits;
    private ushort _status;
    private ushort _enable;
    private ushort _control;
    private ulong _carries;
    private bool _lineIsUp;

    /// <summary>Makes the registers.</summary>
    /// <param name="scheduler">The clock, and who calls when the timer carries.</param>
    /// <param name="line">IRQ 9; level-triggered.</param>
    /// <param name="powerOff">Switches the machine off. Called in the middle of the guest's OUT.</param>
    /// <param name="timerIs32Bits">Whether the timer has 32 bits, as the FADT must tell then; else 24.</param>
    public PowerManagement(DeviceScheduler scheduler, IInterruptLine line, Action powerOff, bool timerIs32Bits = true)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(powerOff);
        _clock = scheduler.Clock;
        _line = line;
        _powerOff = powerOff;
        _timer = scheduler.CreateTimer(_ => TakeStock());
        _bits = timerIs32Bits ? 32 : 24;
        _carries = CarriesNow;
    }

    /// <summary>Whether the timer has 32 bits.</summary>
    public bool TimerIs32Bits => _bits == 32;

    /// <summary>Somebody presses the power button. On the machine's thread.</summary>
    public void PressPowerButton()
    {
        _status |= ButtonBit;
        Drive();
    }

    /// <summary>Puts the registers on their ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(FirstPort, PortCount, this);
    }

    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data)
    {
        TakeStock();
        Span<byte> registers = stackalloc byte[PortCount];
        registers.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(registers, _status);
        BinaryPrimitives.WriteUInt16LittleEndian(registers[EnableOffset..], _enable);
        BinaryPrimitives.WriteUInt16LittleEndian(registers[ControlOffset..], (ushort)(_control | SciEnable));
        ulong ticks = _rate.Ticks(_clock.Nanoseconds) & ((1ul << _bits) - 1);
        BinaryPrimitives.WriteUInt32LittleEndian(registers[TimerOffset..], (uint)ticks);
        registers.Slice(offset, data.Length).CopyTo(data);
    }

    /// <inheritdoc/>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        TakeStock();
        ushort control = _control;
        bool sleeps = false;
        for (int i = 0; i < data.Length; i++)
        {
            int shift = (offset + i & 1) * 8;
            int bits = data[i] << shift;
            int kept = ~(0xFF << shift);
            switch ((offset + i) & ~1)
            {
                case 0:
                    _status &= (ushort)~bits;
                    break;
                case EnableOffset:
                    _enable = (ushort)(((_enable & kept) | bits) & Interrupting);
                    break;
                case ControlOffset:
                    control = (ushort)(((control & kept) | bits) & WritableControl);
                    sleeps |= (bits & SleepEnable) != 0;
                    break;
                default: // the timer cannot be set
                    break;
            }
        }

        _control = control;
        Drive();
        Schedule();
        if (sleeps && control >> 10 == SoftOff)
        {
            _powerOff();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("power management", 1);
        writer.Write((byte)_bits);
        writer.Write(_status);
        writer.Write(_enable);
        writer.Write(_control);
        writer.Write(_carries);
        writer.Write(_lineIsUp);
        writer.Write(_timer.Deadline);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("power management", 1);
        int bits = reader.ReadByte();
        if (bits != _bits)
        {
            throw reader.Damaged($"the timer has {bits} bits there and {_bits} here");
        }

        _status = reader.ReadUInt16();
        _enable = reader.ReadUInt16();
        _control = reader.ReadUInt16();
        _carries = reader.ReadUInt64();
        _lineIsUp = reader.ReadBoolean();
        ulong deadline = reader.ReadUInt64();
        reader.End();
        _timer.Set(deadline);
    }

    // How often the timer's highest bit has changed: that sets the status bit.
    private ulong CarriesNow => _rate.Ticks(_clock.Nanoseconds) >> (_bits - 1);

    private void TakeStock()
    {
        ulong carries = CarriesNow;
        if (carries != _carries)
        {
            _carries = carries;
            _status |= TimerBit;
            Drive();
            Schedule();
        }
    }

    private void Schedule()
    {
        bool wanted = (_enable & TimerBit) != 0;
        ulong deadline = wanted ? _rate.Moment((_carries + 1) << (_bits - 1)) : DeviceScheduler.Never;
        if (deadline != _timer.Deadline)
        {
            _timer.Set(deadline);
        }
    }

    private void Drive()
    {
        bool up = (_status & _enable & Interrupting) != 0;
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
