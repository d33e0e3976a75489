namespace Gnomon.Devices;

/// <summary>Ports of a device on an 8-bit bus: a wider access is one access for each byte, the lowest port first.</summary>
/// <param name="read">Gives the byte at an offset.</param>
/// <param name="write">Takes the byte at an offset.</param>
internal sealed class BytePorts(Func<int, byte> read, Action<int, byte> write) : IPortDevice
{
    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = read(offset + i);
        }
    }

    /// <inheritdoc/>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            write(offset + i, data[i]);
        }
    }
}
