namespace Gnomon.Devices;

/// <summary>Ports that always read the same and ignore writes: for a paravirtual guest, port 0x64 with the value 1.</summary>
/// <param name="value">What each byte reads as.</param>
public sealed class ConstantPort(byte value) : IPortDevice
{
    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data) => data.Fill(value);

    /// <inheritdoc/>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
    }
}
