namespace Gnomon.Devices;

/// <summary>Bytes on their way to a serial port: put in by any thread, taken out by the machine's.</summary>
internal sealed class UartInput
{
    /// <summary>How many bytes wait at most.</summary>
    public const int Limit = 1 << 16;

    private readonly Lock _gate = new();
    private readonly byte[] _bytes = new byte[Limit];
    private int _first;
    private volatile int _count;

    /// <summary>How many bytes wait.</summary>
    public int Count => _count;

    /// <summary>Appends bytes.</summary>
    /// <returns>How many there was room for.</returns>
    public int Put(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            int taken = Math.Min(bytes.Length, Limit - _count);
            for (int i = 0; i < taken; i++)
            {
                _bytes[(_first + _count + i) % Limit] = bytes[i];
            }

            _count += taken;
            return taken;
        }
    }

    /// <summary>Takes the first byte, if there is one.</summary>
    public bool TryTake(out byte value)
    {
        value = 0;
        if (_count == 0)
        {
            return false;
        }

        lock (_gate)
        {
            value = _bytes[_first];
            _first = (_first + 1) % Limit;
            _count--;
            return true;
        }
    }

    public void Save(StateWriter writer)
    {
        lock (_gate)
        {
            writer.Write((uint)_count);
            for (int i = 0; i < _count; i++)
            {
                writer.Write(_bytes[(_first + i) % Limit]);
            }
        }
    }

    public void Load(StateReader reader)
    {
        lock (_gate)
        {
            _first = 0;
            _count = 0;
            int count = reader.ReadCount(Limit, "the waiting input");
            reader.Read(_bytes.AsSpan(0, count));
            _count = count;
        }
    }
}
