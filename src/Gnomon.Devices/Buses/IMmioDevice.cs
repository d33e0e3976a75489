namespace Gnomon.Devices;

/// <summary>A device behind a window of physical addresses. It sees offsets into its window, never the machine.</summary>
public interface IMmioDevice
{
    /// <summary>Gives the bytes from <paramref name="offset"/> on.</summary>
    /// <param name="offset">From the start of the window.</param>
    /// <param name="data">1 … 8 bytes, all inside the window, all ones when they arrive: what the device leaves alone reads as ones.</param>
    void Read(int offset, Span<byte> data);

    /// <summary>Takes bytes.</summary>
    /// <param name="offset">From the start of the window.</param>
    /// <param name="data">1 … 8 bytes, all inside the window.</param>
    void Write(int offset, ReadOnlySpan<byte> data);
}
