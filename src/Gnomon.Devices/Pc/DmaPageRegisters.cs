namespace Gnomon.Devices;

/// <summary>
/// Ports 0x80 … 0x8F: the page registers of DMA controllers that this board does not have. They keep what is written: firmware shows its
/// progress at 0x80, kernels write there to wait a microsecond, and Linux takes 0xFF at 0x87 for a board without them.
/// </summary>
internal sealed class DmaPageRegisters : IDeviceState
{
    private const ushort FirstPort = 0x80;

    private readonly byte[] _registers = new byte[16];

    public void MapTo(PortBus ports) =>
        ports.Map(FirstPort, _registers.Length, new BytePorts(port => _registers[port], (port, value) => _registers[port] = value));

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("dma pages", 1);
        writer.Write(_registers);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("dma pages", 1);
        reader.Read(_registers);
        reader.End();
    }
}
