using System.Buffers.Binary;

namespace Gnomon.Devices;

//  The configuration address (port 0xCF8)
//
//   31  30     24 23    16 15    11 10     8 7        2 1 0
//  +---+---------+--------+--------+--------+----------+---+
//  | E |    –    |  bus   | device |function| register | – |
//  +---+---------+--------+--------+--------+----------+---+

/// <summary>
/// PCI bus 0 with its configuration mechanism at ports 0xCF8 … 0xCFF (PCI Local Bus Specification 3.0, 3.2.2.3.2): an address, then
/// data in bytes, words or a dword. Only function 0 of each device exists; all others read as ones.
/// </summary>
public sealed class PciBus : IPortDevice, IDeviceState
{
    /// <summary>The first of the mechanism's ports.</summary>
    public const ushort FirstPort = 0xCF8;

    /// <summary>How many ports the mechanism has: four of the address, four of data.</summary>
    public const int PortCount = 8;

    /// <summary>How many devices a bus can have.</summary>
    public const int DeviceCount = 32;

    private const uint Enable = 1u << 31;

    private readonly MmioBus _mmio;
    private readonly PciFunction?[] _functions = new PciFunction?[DeviceCount];
    private uint _address;

    /// <summary>Makes a bus with a host bridge as its device 0.</summary>
    /// <param name="mmio">Where base addresses place the functions' windows.</param>
    /// <param name="bridge">The host bridge.</param>
    public PciBus(MmioBus mmio, HostBridge bridge)
    {
        ArgumentNullException.ThrowIfNull(mmio);
        _mmio = mmio;
        Add(0, bridge);
    }

    /// <summary>The function of a device, or null.</summary>
    /// <param name="device">0 … 31.</param>
    public PciFunction? this[int device] => _functions[device];

    /// <summary>Puts a function into a slot. For set-up.</summary>
    /// <param name="device">The slot, 0 … 31.</param>
    /// <param name="function">Function 0 of the device.</param>
    /// <exception cref="ArgumentException">The slot is taken.</exception>
    public void Add(int device, PciFunction function)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(device);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(device, DeviceCount);
        ArgumentNullException.ThrowIfNull(function);
        if (_functions[device] is not null)
        {
            throw new ArgumentException($"Device {device} is taken.", nameof(device));
        }

        function.Attach(_mmio);
        _functions[device] = function;
    }

    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data)
    {
        Span<byte> address = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(address, _address);
        for (; offset < 4 && data.Length > 0; offset++, data = data[1..])
        {
            data[0] = address[offset];
        }

        if (data.Length > 0 && Selected is { } function)
        {
            function.ReadConfig(Register + offset - 4, data);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Only a dword sets the address. Narrower writes there are meant for others: Linux writes a byte to 0xCFB to switch
    /// another mechanism off.</remarks>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        if (offset == 0 && data.Length == 4)
        {
            _address = BinaryPrimitives.ReadUInt32LittleEndian(data);
            return;
        }

        int toAddress = Math.Clamp(4 - offset, 0, data.Length);
        data = data[toAddress..];
        if (data.Length > 0 && Selected is { } function)
        {
            function.WriteConfig(Register + offset + toAddress - 4, data);
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("pci", 1);
        writer.Write(_address);
        writer.End();
        foreach (PciFunction? function in _functions)
        {
            function?.Save(writer);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("pci", 1);
        _address = reader.ReadUInt32();
        reader.End();
        foreach (PciFunction? function in _functions)
        {
            function?.Load(reader);
        }
    }

    private int Register => (int)(_address & 0xFC);

    private PciFunction? Selected => (_address & Enable) != 0 && (_address & 0x00FF_0700) == 0 ? _functions[(_address >> 11) & 31] : null;
}
