namespace Gnomon.Devices;

/// <summary>
/// The 65 536 I/O ports: each belongs to one device or to none. A port that belongs to none reads as all ones and ignores writes.
/// An access that crosses the border of a range is split there, each part going to its own device.
/// </summary>
public sealed class PortBus
{
    /// <summary>How many ports there are.</summary>
    public const int PortCount = 0x10000;

    // Sorted by the first port, without overlaps.
    private readonly List<PortRange> _ranges = [];

    /// <summary>Gives a range of ports to a device. For set-up.</summary>
    /// <param name="first">The first port.</param>
    /// <param name="count">How many ports, at least 1.</param>
    /// <param name="device">Who answers.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is empty or goes past the last port.</exception>
    /// <exception cref="ArgumentException">Another device has one of the ports.</exception>
    public void Map(ushort first, int count, IPortDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, PortCount - first);
        int place = _ranges.Count(range => range.First < first);
        if ((place > 0 && _ranges[place - 1].End > first) || (place < _ranges.Count && _ranges[place].First < first + count))
        {
            throw new ArgumentException($"A port of 0x{first:x} … 0x{first + count - 1:x} belongs to another device already.", nameof(first));
        }

        _ranges.Insert(place, new PortRange(first, count, device));
    }

    /// <summary>IN.</summary>
    /// <param name="port">The first port.</param>
    /// <param name="data">What is read; ports past the last one read as ones.</param>
    public void Read(ushort port, Span<byte> data)
    {
        data.Fill(0xFF);
        int next = port;
        while (data.Length > 0)
        {
            int length = PartAt(next, data.Length, out PortRange range);
            range.Device?.Read(next - range.First, data[..length]);
            data = data[length..];
            next += length;
        }
    }

    /// <summary>OUT.</summary>
    /// <param name="port">The first port.</param>
    /// <param name="data">What is written; bytes for ports past the last one are ignored.</param>
    public void Write(ushort port, ReadOnlySpan<byte> data)
    {
        int next = port;
        while (data.Length > 0)
        {
            int length = PartAt(next, data.Length, out PortRange range);
            range.Device?.Write(next - range.First, data[..length]);
            data = data[length..];
            next += length;
        }
    }

    // The range that holds the port, or none; and how many of the bytes belong to it.
    private int PartAt(int port, int length, out PortRange found)
    {
        int low = 0;
        int high = _ranges.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_ranges[middle].End <= port)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        // Now _ranges[low] is the first range that ends after the port.
        if (low == _ranges.Count)
        {
            found = default;
            return length;
        }

        if (_ranges[low].First > port)
        {
            found = default;
            return Math.Min(length, _ranges[low].First - port);
        }

        found = _ranges[low];
        return Math.Min(length, found.End - port);
    }

    private readonly record struct PortRange(int First, int Count, IPortDevice? Device)
    {
        public int End => First + Count;
    }
}
