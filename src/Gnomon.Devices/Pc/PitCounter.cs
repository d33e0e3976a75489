namespace Gnomon.Devices;

/// <summary>
/// One counter of an 8254 (Intel 82C54 data sheet, order 231244): its modes, gate, output, counting, latches. All times are ticks
/// of its clock since the machine was started, and never go backwards.
/// </summary>
/// <param name="gate">The level of the gate at first.</param>
internal sealed class PitCounter(bool gate)
{
    private const byte AccessHigh = 2;
    private const byte AccessBoth = 3;

    private byte _mode = 3;
    private byte _access = AccessBoth;
    private bool _bcd;
    private bool _gate = gate;

    // What the guest writes.
    private ushort _count;
    private byte _firstByte;
    private bool _writesSecond;
    private bool _hasCount;
    private bool _notLoaded = true;

    // What counts: a run, and the one that takes its place at a tick to come. Without a run the counter stands at _idle. A run that
    // the gate has stopped has come _frozen ticks far.
    private PitRun? _run;
    private PitRun? _next;
    private long _nextAt = PitRun.Never;
    private long _frozen;
    private ushort _idle;

    // What the guest reads.
    private bool _readsSecond;
    private ushort _latched;
    private byte _latchedBytes;
    private byte _latchedStatus;
    private bool _hasStatus;

    /// <summary>The control word for this counter: access, mode, BCD. It waits for a count then.</summary>
    public void Control(byte value, long now)
    {
        Halt(now);
        int mode = (value >> 1) & 7;
        _mode = (byte)(mode > 5 ? mode - 4 : mode);
        _access = (byte)((value >> 4) & 3);
        _bcd = (value & 1) != 0;
        _hasCount = false;
        _notLoaded = true;
        _writesSecond = false;
        _readsSecond = false;
        _hasStatus = false;
        _latchedBytes = 0;
    }

    /// <summary>A byte of the count.</summary>
    public void WriteCount(byte value, long now)
    {
        Settle(now);
        if (_access == AccessBoth && !_writesSecond)
        {
            _firstByte = value;
            _writesSecond = true;
            if (_mode == 0)
            {
                Halt(now);
            }

            return;
        }

        _count = _access switch
        {
            AccessBoth => (ushort)(_firstByte | (value << 8)),
            AccessHigh => (ushort)(value << 8),
            _ => value,
        };
        _writesSecond = false;
        _hasCount = true;
        _notLoaded = true;
        PlanLoad(now);
    }

    /// <summary>Reads a byte: the latched status, the latched count or the count.</summary>
    public byte Read(long now)
    {
        if (_hasStatus)
        {
            _hasStatus = false;
            return _latchedStatus;
        }

        ushort value = _latched;
        if (_latchedBytes > 0)
        {
            _latchedBytes--;
        }
        else
        {
            Settle(now);
            value = Value(now);
        }

        bool high = _access == AccessHigh || _readsSecond;
        _readsSecond = _access == AccessBoth && !_readsSecond;
        return (byte)(high ? value >> 8 : value);
    }

    /// <summary>Latches the count, unless one is latched already.</summary>
    public void LatchCount(long now)
    {
        if (_latchedBytes == 0)
        {
            Settle(now);
            _latched = Value(now);
            _latchedBytes = (byte)(_access == AccessBoth && !_readsSecond ? 2 : 1);
        }
    }

    /// <summary>Latches the status, unless one is latched already.</summary>
    public void LatchStatus(long now)
    {
        if (!_hasStatus)
        {
            _hasStatus = true;
            int output = Output(now) ? 0x80 : 0;
            int notLoaded = _notLoaded ? 0x40 : 0;
            _latchedStatus = (byte)(output | notLoaded | (_access << 4) | (_mode << 1) | (_bcd ? 1 : 0));
        }
    }

    /// <summary>Drives the gate: a level in modes 0 and 4, a trigger in modes 1 and 5, both in modes 2 and 3.</summary>
    public void SetGate(bool up, long now)
    {
        Settle(now);
        if (up == _gate)
        {
            return;
        }

        bool stopped = GateStops;
        _gate = up;
        if (GateStops && _run is { } running)
        {
            _frozen = now - running.Base;
            if (_mode is 2 or 3)
            {
                Plan(null, PitRun.Never);
            }
        }
        else if (stopped && _run is { } run)
        {
            bool struck = _mode == 4 && _frozen == run.Count && now - run.Base > _frozen;
            _run = run with { Base = now - _frozen, Struck = run.Struck || struck };
        }

        if (up && _hasCount && _mode is 1 or 2 or 3 or 5)
        {
            if (_mode is 2 or 3)
            {
                Halt(now);
            }

            PlanNextTick(now);
        }
    }

    /// <summary>The output.</summary>
    public bool Output(long now)
    {
        Settle(now);
        if (_run is not { } run)
        {
            return _mode != 0;
        }

        // The gate stops the count, but not the end of a strobe.
        bool strobe = _mode == 4 && GateStops && _frozen == run.Count;
        return (GateStops && _mode is 2 or 3) || run.Output(_mode, strobe ? now - run.Base : Elapsed(run, now));
    }

    /// <summary>The first tick after <paramref name="now"/> at which the output rises, if nobody touches the counter; or <see cref="PitRun.Never"/>.</summary>
    public long NextRise(long now)
    {
        Settle(now);
        if (GateStops)
        {
            return PitRun.Never;
        }

        // Where a run ends in a rise its successor comes at that tick; but a one-shot that is triggered anew stays low.
        long rise = _run?.Rise(_mode, now) ?? PitRun.Never;
        if (_next is not { } next || rise < _nextAt || (rise == _nextAt && _mode != 1))
        {
            return rise;
        }

        return next.Rise(_mode, Math.Max(now, _nextAt - 1));
    }

    public void Save(StateWriter writer)
    {
        writer.Write([_mode, _access, _firstByte, _latchedBytes, _latchedStatus]);
        writer.Write(_bcd);
        writer.Write(_gate);
        writer.Write(_writesSecond);
        writer.Write(_hasCount);
        writer.Write(_notLoaded);
        writer.Write(_readsSecond);
        writer.Write(_hasStatus);
        writer.Write(_count);
        writer.Write(_idle);
        writer.Write(_latched);
        writer.Write((ulong)_frozen);
        writer.Write((ulong)_nextAt);
        Save(writer, _run);
        Save(writer, _next);
    }

    public void Load(StateReader reader)
    {
        _mode = reader.ReadByte();
        _access = reader.ReadByte();
        _firstByte = reader.ReadByte();
        _latchedBytes = reader.ReadByte();
        _latchedStatus = reader.ReadByte();
        if (_mode > 5 || _access is 0 or > AccessBoth || _latchedBytes > 2)
        {
            throw reader.Damaged($"a counter is in mode {_mode} with access {_access}, {_latchedBytes} bytes latched");
        }

        _bcd = reader.ReadBoolean();
        _gate = reader.ReadBoolean();
        _writesSecond = reader.ReadBoolean();
        _hasCount = reader.ReadBoolean();
        _notLoaded = reader.ReadBoolean();
        _readsSecond = reader.ReadBoolean();
        _hasStatus = reader.ReadBoolean();
        _count = reader.ReadUInt16();
        _idle = reader.ReadUInt16();
        _latched = reader.ReadUInt16();
        _frozen = (long)reader.ReadUInt64();
        _nextAt = (long)reader.ReadUInt64();
        _run = LoadRun(reader);
        _next = LoadRun(reader);
    }

    private static void Save(StateWriter writer, PitRun? run)
    {
        writer.Write(run is not null);
        writer.Write((ulong)(run?.Base ?? 0));
        writer.Write((uint)(run?.Count ?? 1));
        writer.Write(run?.Struck ?? false);
    }

    private static PitRun? LoadRun(StateReader reader)
    {
        bool there = reader.ReadBoolean();
        long start = (long)reader.ReadUInt64();
        int count = reader.ReadCount(1 << 16, "a count");
        bool struck = reader.ReadBoolean();
        return count == 0 ? throw reader.Damaged("a count is 0") : there ? new PitRun(start, count, struck) : null;
    }

    private bool GateStops => !_gate && _mode is 0 or 2 or 3 or 4;

    private int LoadedCount
    {
        get
        {
            if (!_bcd)
            {
                return _count == 0 ? 1 << 16 : _count;
            }

            // Digits above 9 count for what they are.
            int value = ((_count >> 12) * 1000) + (((_count >> 8) & 15) * 100) + (((_count >> 4) & 15) * 10) + (_count & 15);
            return value == 0 ? 10_000 : value;
        }
    }

    private long Elapsed(PitRun run, long now) => GateStops ? _frozen : now - run.Base;

    private ushort Value(long now)
    {
        if (_run is not { } run)
        {
            return _idle;
        }

        long value = run.Value(_mode, Elapsed(run, now));
        if (!_bcd)
        {
            return (ushort)value;
        }

        int digits = (int)(((value % 10_000) + 10_000) % 10_000);
        return (ushort)((digits / 1000 << 12) | (digits / 100 % 10 << 8) | (digits / 10 % 10 << 4) | (digits % 10));
    }

    // The load that was planned for a tick that has come.
    private void Settle(long now)
    {
        if (now >= _nextAt)
        {
            _run = _next;
            _frozen = 0;
            _notLoaded = false;
            Plan(null, PitRun.Never);
        }
    }

    private void Halt(long now)
    {
        Settle(now);
        _idle = Value(now);
        _run = null;
        Plan(null, PitRun.Never);
    }

    private void Plan(PitRun? next, long at)
    {
        _next = next;
        _nextAt = at;
    }

    private void PlanNextTick(long now) => Plan(new PitRun(now + 1, LoadedCount), now + 1);

    private void PlanLoad(long now)
    {
        switch (_mode)
        {
            case 0:
                Halt(now);
                PlanNextTick(now);
                break;
            case 4:
            case 2 or 3 when _run is null:
            case 1 or 5 when _next is not null: // triggered in this very tick
                PlanNextTick(now);
                break;
            case 2 or 3 when !GateStops && _run is { } run:
                Plan(run.Successor(_mode, now, LoadedCount, out long at), at);
                break;
            default: // the next trigger loads it
                break;
        }
    }
}
