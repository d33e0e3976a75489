using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Devices;

// Type 0 configuration space (PCI Local Bus Specification 3.0, 6.1)
//
//  0x00 vendor | device          0x10 … 0x24 base addresses 0 … 5
//  0x04 command | status         0x2C subsystem vendor | subsystem
//  0x08 revision | class         0x34 capabilities
//  0x0C … header type (0x0E)     0x3C interrupt line | interrupt pin

/// <summary>
/// One PCI function: 256 bytes of configuration space, memory base addresses, a list of capabilities, an interrupt line.
/// Each byte has a mask of the bits that the guest can write; so a base address of which all bits were written shows its size.
/// </summary>
public abstract class PciFunction : IDeviceState
{
    private const int Command = 0x04;
    private const int Status = 0x06;
    private const int FirstBar = 0x10;
    private const int BarCount = 6;
    private const int CapabilityPointer = 0x34;
    private const int InterruptLineRegister = 0x3C;

    private const ushort MemorySpace = 1 << 1;
    private const ushort InterruptDisable = 1 << 10;
    private const byte InterruptStatus = 1 << 3;
    private const byte CapabilityList = 1 << 4;

    // Every bit of the command register that PCI 3.0 defines; bit 7 is reserved.
    private const ushort WritableCommand = 0x077F;

    private readonly byte[] _config = new byte[256];
    private readonly byte[] _writable = new byte[256];
    private readonly (int Size, IMmioDevice Device, MmioWindow? Window)?[] _bars = new (int, IMmioDevice, MmioWindow?)?[BarCount];
    private readonly IInterruptLine? _line;
    private int _lastCapability = CapabilityPointer - 1;
    private bool _wantsInterrupt;

    private protected PciFunction(string name, PciIdentity identity, IInterruptLine? line)
    {
        Name = name;
        _line = line;
        Set16(0x00, identity.Vendor);
        Set16(0x02, identity.Device);
        BinaryPrimitives.WriteUInt32LittleEndian(_config.AsSpan(0x08), (identity.Class << 8) | identity.Revision);
        Set16(0x2C, identity.SubsystemVendor);
        Set16(0x2E, identity.Subsystem);
        _config[InterruptLineRegister] = identity.InterruptLine;
        _config[InterruptLineRegister + 1] = identity.InterruptPin;
        _writable[InterruptLineRegister] = 0xFF;
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(Command), WritableCommand);
    }

    /// <summary>The function's name in notes and saved states.</summary>
    public string Name { get; }

    /// <summary>The level of the function's interrupt line now.</summary>
    public bool InterruptLevel => _wantsInterrupt && (Get16(Command) & InterruptDisable) == 0;

    /// <summary>The address in a base address register.</summary>
    /// <param name="bar">0 … 5.</param>
    public Gpa BaseAddress(int bar) => new(BinaryPrimitives.ReadUInt32LittleEndian(_config.AsSpan(FirstBar + (4 * bar))) & ~0xFu);

    /// <summary>Places a window and switches memory decoding on, as firmware does before it starts a kernel. For set-up.</summary>
    /// <param name="bar">0 … 5.</param>
    /// <param name="address">A multiple of the window's size, below 4 GiB.</param>
    /// <exception cref="ArgumentException">There is no such window, or it cannot lie there.</exception>
    public void PlaceWindow(int bar, Gpa address)
    {
        int size = WindowSize(bar);
        if (size == 0 || address.Value > uint.MaxValue - (uint)size + 1 || (address.Value & (uint)(size - 1)) != 0)
        {
            throw new ArgumentException($"Base address {bar} of {Name} has {size} bytes and cannot be {address}.", nameof(address));
        }

        Span<byte> register = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(register, (uint)address.Value);
        WriteConfig(FirstBar + (4 * bar), register);
        BinaryPrimitives.WriteUInt16LittleEndian(register, (ushort)(Get16(Command) | MemorySpace));
        WriteConfig(Command, register[..2]);
    }

    /// <summary>The size of a window in bytes, a power of two; 0 when there is none.</summary>
    /// <param name="bar">0 … 5.</param>
    public int WindowSize(int bar) => _bars[bar]?.Size ?? 0;

    /// <summary>Reads configuration space.</summary>
    /// <param name="offset">The first register.</param>
    /// <param name="data">1 … 4 bytes, inside the 256.</param>
    public virtual void ReadConfig(int offset, Span<byte> data) => _config.AsSpan(offset, data.Length).CopyTo(data);

    /// <summary>Writes configuration space; bits that cannot be written stay.</summary>
    /// <param name="offset">The first register.</param>
    /// <param name="data">1 … 4 bytes, inside the 256.</param>
    public virtual void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        bool before = InterruptLevel;
        for (int i = 0; i < data.Length; i++)
        {
            byte mask = _writable[offset + i];
            _config[offset + i] = (byte)((_config[offset + i] & ~mask) | (data[i] & mask));
        }

        PlaceWindows();
        Drive(before);
    }

    /// <inheritdoc/>
    public virtual void Save(StateWriter writer)
    {
        writer.Begin("pci " + Name, 1);
        writer.Write(_config);
        writer.Write(_wantsInterrupt);
        writer.End();
    }

    /// <inheritdoc/>
    public virtual void Load(StateReader reader)
    {
        _ = reader.Begin("pci " + Name, 1);
        Span<byte> config = stackalloc byte[256];
        reader.Read(config);
        config[Status] = (byte)((config[Status] & ~InterruptStatus) | (_config[Status] & InterruptStatus));
        for (int i = 0; i < config.Length; i++)
        {
            if (((config[i] ^ _config[i]) & ~_writable[i]) != 0)
            {
                throw reader.Damaged($"configuration register 0x{i:x2} is 0x{config[i]:x2} there and 0x{_config[i]:x2} here: the state belongs to another machine");
            }
        }

        config.CopyTo(_config);
        ShowInterrupt(reader.ReadBoolean());
        reader.End();
        PlaceWindows();
    }

    internal void Attach(MmioBus mmio)
    {
        for (int bar = 0; bar < BarCount; bar++)
        {
            if (_bars[bar] is { } window)
            {
                _bars[bar] = window with { Window = mmio.Map(BaseAddress(bar), window.Size, window.Device) };
            }
        }

        PlaceWindows();
    }

    /// <summary>Adds a 32-bit memory window. In constructors.</summary>
    private protected void AddWindow(int bar, int size, IMmioDevice device)
    {
        _bars[bar] = (size, device, null);
        BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(FirstBar + (4 * bar)), (uint)-size);
    }

    /// <summary>Appends a capability to the list. In constructors.</summary>
    /// <param name="offset">Where; a multiple of 4, 0x40 or more.</param>
    /// <param name="content">The capability; its second byte is the link and is set here.</param>
    private protected void AddCapability(int offset, ReadOnlySpan<byte> content)
    {
        content.CopyTo(_config.AsSpan(offset));
        _config[offset + 1] = 0;
        _config[_lastCapability + 1] = (byte)offset;
        _lastCapability = offset;
        _config[Status] |= CapabilityList;
    }

    /// <summary>Lets the guest write bytes that a capability needs. In constructors.</summary>
    private protected void MakeWritable(int offset, int length) => _writable.AsSpan(offset, length).Fill(0xFF);

    private protected ReadOnlySpan<byte> Config(int offset, int length) => _config.AsSpan(offset, length);

    private protected void SetConfig(int offset, ReadOnlySpan<byte> data) => data.CopyTo(_config.AsSpan(offset));

    /// <summary>Asks for the interrupt or takes the wish back. The line follows, unless the command register disables it.</summary>
    private protected void WantInterrupt(bool wanted)
    {
        bool before = InterruptLevel;
        ShowInterrupt(wanted);
        Drive(before);
    }

    private void ShowInterrupt(bool wanted)
    {
        _wantsInterrupt = wanted;
        _config[Status] = (byte)(wanted ? _config[Status] | InterruptStatus : _config[Status] & ~InterruptStatus);
    }

    private void Drive(bool before)
    {
        if (InterruptLevel == before)
        {
            return;
        }

        if (before)
        {
            _line?.Lower();
        }
        else
        {
            _line?.Raise();
        }
    }

    // A window at address 0 is one that nobody has placed.
    private void PlaceWindows()
    {
        bool decoding = (Get16(Command) & MemorySpace) != 0;
        for (int bar = 0; bar < BarCount; bar++)
        {
            if (_bars[bar]?.Window is { } window)
            {
                window.First = BaseAddress(bar);
                window.IsEnabled = decoding && window.First.Value != 0;
            }
        }
    }

    private ushort Get16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_config.AsSpan(offset));

    private void Set16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_config.AsSpan(offset), value);
}
