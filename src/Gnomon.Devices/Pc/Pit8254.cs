namespace Gnomon.Devices;

//  Port 0x40 … 0x42  counters 0 … 2             Port 0x61  bit 0 gate of counter 2 (rw)   bit 4 refresh, toggles (r)
//  Port 0x43         control word                          bit 1 speaker (rw)             bit 5 output of counter 2 (r)

/// <summary>
/// The PC's 8254 timer at 1.193182 MHz. Counter 0 drives IRQ 0, counter 1 is free, counter 2 is gated by port 0x61 and gives its
/// output there (Linux measures the processor's speed with it).
/// </summary>
/// <remarks>
/// Ticks that the guest missed: a rising edge of counter 0 whose time has passed is delivered, however late, but once: of several
/// that passed meanwhile one is seen, as on a machine whose interrupts were off so long. Later edges come at their own times, so
/// there is no drift; a guest that wants to know what it missed has the time-stamp counter and the power management timer.
/// The line falls with the output when the guest programs the counter, else just before the next edge.
/// </remarks>
public sealed class Pit8254 : IDeviceState
{
    /// <summary>The frequency of all counters, in hertz.</summary>
    public const uint Hertz = 1_193_182;

    private const ushort FirstPort = 0x40;
    private const ushort SystemControlPort = 0x61;
    private const int ControlRegister = 3;
    private const int ReadBack = 3;
    private const byte Writable = 0x0F;

    // A row of memory was refreshed every 15 µs.
    private const long TicksOfRefresh = 18;

    private static readonly TickRate _rate = new(Hertz);

    private readonly PitCounter[] _counters = [new(gate: true), new(gate: true), new(gate: false)];
    private readonly IDeviceClock _clock;
    private readonly IInterruptLine _line;
    private readonly DeviceTimer _timer;
    private bool _lineIsUp;
    private byte _systemControl;

    /// <summary>Makes the timer; no counter counts, and the outputs, with IRQ 0, are high.</summary>
    /// <param name="scheduler">The clock, and who calls at an edge.</param>
    /// <param name="line">IRQ 0; edge-triggered.</param>
    public Pit8254(DeviceScheduler scheduler, IInterruptLine line)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentNullException.ThrowIfNull(line);
        _clock = scheduler.Clock;
        _line = line;
        _timer = scheduler.CreateTimer(_ => Edge());
        Drive(_counters[0].Output(Now));
    }

    /// <summary>Whether the guest lets counter 2 sound the speaker.</summary>
    public bool SpeakerIsOn => (_systemControl & 3) == 3;

    /// <summary>Puts the timer on its ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(FirstPort, 4, new BytePorts(Read, Write));
        ports.Map(SystemControlPort, 1, new BytePorts(_ => ReadSystemControl(), (_, value) => WriteSystemControl(value)));
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("pit", 1);
        foreach (PitCounter counter in _counters)
        {
            counter.Save(writer);
        }

        writer.Write(_timer.Deadline);
        writer.Write(_lineIsUp);
        writer.Write(_systemControl);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("pit", 1);
        foreach (PitCounter counter in _counters)
        {
            counter.Load(reader);
        }

        ulong deadline = reader.ReadUInt64();
        _lineIsUp = reader.ReadBoolean();
        _systemControl = reader.ReadByte();
        reader.End();
        _timer.Set(deadline);
    }

    private long Now => (long)_rate.Ticks(_clock.Nanoseconds);

    private byte Read(int port) => port == ControlRegister ? (byte)0xFF : _counters[port].Read(Now);

    private void Write(int port, byte value)
    {
        long now = Now;
        if (port != ControlRegister)
        {
            _counters[port].WriteCount(value, now);
        }
        else if (value >> 6 == ReadBack)
        {
            Latch(value, now);
            return;
        }
        else if ((value & 0x30) == 0)
        {
            _counters[value >> 6].LatchCount(now);
            return;
        }
        else
        {
            port = value >> 6;
            _counters[port].Control(value, now);
        }

        if (port == 0)
        {
            Drive(_counters[0].Output(now));
            Schedule(now);
        }
    }

    // The read-back command: what is to be latched is 0 in the word.
    private void Latch(byte value, long now)
    {
        for (int i = 0; i < _counters.Length; i++)
        {
            if ((value & (2 << i)) == 0)
            {
                continue;
            }

            if ((value & 0x20) == 0)
            {
                _counters[i].LatchCount(now);
            }

            if ((value & 0x10) == 0)
            {
                _counters[i].LatchStatus(now);
            }
        }
    }

    private byte ReadSystemControl()
    {
        long now = Now;
        int refresh = (now / TicksOfRefresh & 1) != 0 ? 0x10 : 0;
        int output = _counters[2].Output(now) ? 0x20 : 0;
        return (byte)(_systemControl | refresh | output);
    }

    private void WriteSystemControl(byte value)
    {
        _systemControl = (byte)(value & Writable);
        _counters[2].SetGate((value & 1) != 0, Now);
    }

    private void Edge()
    {
        Drive(false);
        Drive(true);
        Schedule(Now);
    }

    private void Schedule(long now)
    {
        long rise = _counters[0].NextRise(now);
        _timer.Set(rise == PitRun.Never ? DeviceScheduler.Never : _rate.Moment((ulong)rise));
    }

    private void Drive(bool up)
    {
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
