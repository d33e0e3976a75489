namespace Gnomon.Devices;

/// <summary>A device behind I/O ports. It sees offsets into its own range, never the machine.</summary>
public interface IPortDevice
{
    /// <summary>IN: gives the bytes from <paramref name="offset"/> on.</summary>
    /// <param name="offset">From the first port of the range.</param>
    /// <param name="data">1, 2 or 4 bytes, all inside the range, all ones when they arrive: what the device leaves alone reads as ones.</param>
    void Read(int offset, Span<byte> data);

    /// <summary>OUT: takes bytes.</summary>
    /// <param name="offset">From the first port of the range.</param>
    /// <param name="data">1, 2 or 4 bytes, all inside the range (1 … 4 where a wider access lies only partly in it).</param>
    void Write(int offset, ReadOnlySpan<byte> data);
}
