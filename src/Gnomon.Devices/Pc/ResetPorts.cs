namespace Gnomon.Devices;

//  Port 0x92   bit 0 resets the processor when it goes up    bit 1 address line A20
//  Port 0xCF9  bit 1 hard reset                              bit 2 resets when it goes up

/// <summary>
/// The chip set's ways to reset the machine: system control port A (0x92) and the reset control register (0xCF9), which lies in the
/// middle of the PCI configuration mechanism's ports and is reached by single bytes only.
/// </summary>
public sealed class ResetPorts : IPortDevice, IDeviceState
{
    /// <summary>The reset control register's port.</summary>
    public const ushort ResetControlPort = 0xCF9;

    /// <summary>What resets the machine when it is written there.</summary>
    public const byte HardReset = 0x06;

    private const ushort SystemControlPort = 0x92;
    private const int ResetControlOffset = ResetControlPort - PciBus.FirstPort;
    private const byte FastReset = 1 << 0;
    private const byte A20 = 1 << 1;
    private const byte Reset = 1 << 2;

    private readonly PciBus _pci;
    private readonly Action _reset;
    private byte _systemControl = A20;
    private byte _resetControl;

    /// <summary>Makes the registers; A20 is free, as firmware leaves it.</summary>
    /// <param name="pci">Takes all other accesses to the ports from 0xCF8 to 0xCFF.</param>
    /// <param name="reset">Resets the machine. Called in the middle of the guest's OUT.</param>
    public ResetPorts(PciBus pci, Action reset)
    {
        ArgumentNullException.ThrowIfNull(pci);
        ArgumentNullException.ThrowIfNull(reset);
        _pci = pci;
        _reset = reset;
    }

    /// <summary>Bit 1 of port 0x92, which gates the address line A20 on old machines; kept, without further effect.</summary>
    public bool A20IsFree => (_systemControl & A20) != 0;

    /// <summary>Puts port 0x92 and the PCI configuration mechanism, with the reset control register in it, on their ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ports.Map(SystemControlPort, 1, new BytePorts(_ => _systemControl, (_, value) => WriteSystemControl(value)));
        ports.Map(PciBus.FirstPort, PciBus.PortCount, this);
    }

    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data)
    {
        if (offset == ResetControlOffset && data.Length == 1)
        {
            data[0] = _resetControl;
        }
        else
        {
            _pci.Read(offset, data);
        }
    }

    /// <inheritdoc/>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        if (offset != ResetControlOffset || data.Length != 1)
        {
            _pci.Write(offset, data);
            return;
        }

        bool rises = (data[0] & ~_resetControl & Reset) != 0;
        _resetControl = (byte)(data[0] & (HardReset | Reset));
        if (rises)
        {
            _reset();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("reset", 1);
        writer.Write([_systemControl, _resetControl]);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("reset", 1);
        _systemControl = reader.ReadByte();
        _resetControl = reader.ReadByte();
        reader.End();
    }

    private void WriteSystemControl(byte value)
    {
        bool rises = (value & ~_systemControl & FastReset) != 0;
        _systemControl = value;
        if (rises)
        {
            _reset();
        }
    }
}
