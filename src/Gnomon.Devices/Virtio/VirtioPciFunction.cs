using System.Buffers.Binary;
using System.Numerics;

namespace Gnomon.Devices;

/// <summary>
/// A virtio device as a PCI function (virtio 1.0, 4.1): vendor 1AF4, device 1040 + type, revision 1, five vendor capabilities that say
/// where in base address 0 the registers lie, the last of them a window through configuration space.
/// </summary>
public sealed class VirtioPciFunction : PciFunction
{
    private const ushort Vendor = 0x1AF4;
    private const ushort FirstDevice = 0x1040;
    private const byte VendorCapability = 9;

    private const byte CommonType = 1;
    private const byte NotifyType = 2;
    private const byte InterruptType = 3;
    private const byte DeviceType = 4;
    private const byte WindowType = 5;

    private const int CommonAt = 0x40;
    private const int NotifyAt = 0x50;
    private const int InterruptAt = 0x64;
    private const int DeviceAt = 0x74;
    private const int WindowAt = 0x84;
    private const int WindowData = 0x94;

    private readonly VirtioTransport _transport;
    private readonly VirtioRegisters _registers;
    private readonly int _registerBytes;

    /// <summary>Makes the function; <see cref="PciBus.Add"/> and <see cref="PciFunction.PlaceWindow"/> make it part of a machine.</summary>
    /// <param name="device">The device; in one function only.</param>
    /// <param name="environment">What the machine gives it.</param>
    /// <param name="line">Its interrupt line.</param>
    /// <param name="interruptNumber">What the interrupt line register says at first: 1 … 15 for a paravirtual guest.</param>
    /// <param name="interruptPin">0 for a paravirtual guest, else 1 … 4.</param>
    public VirtioPciFunction(VirtioDevice device, DeviceEnvironment environment, IInterruptLine line, byte interruptNumber, byte interruptPin = 0)
        : base(Named(device), Identify(device, interruptNumber, interruptPin), line)
    {
        Device = device;
        _transport = new VirtioTransport(device, environment, WantInterrupt);
        _registers = new VirtioRegisters(device, _transport);
        _registerBytes = VirtioRegisters.DeviceOffset + device.ConfigLength;
        AddWindow(0, Math.Max(4096, (int)BitOperations.RoundUpToPowerOf2((uint)_registerBytes)), _registers);

        Span<byte> capability = stackalloc byte[20];
        AddCapability(CommonAt, Describe(capability[..16], CommonType, 0, VirtioRegisters.NotifyOffset));
        AddCapability(NotifyAt, Describe(capability, NotifyType, VirtioRegisters.NotifyOffset, 2)); // the multiplier behind it is 0
        AddCapability(InterruptAt, Describe(capability[..16], InterruptType, VirtioRegisters.InterruptOffset, 1));
        if (device.ConfigLength > 0)
        {
            // A driver refuses a window of no bytes, and does without one that is not there (virtio 1.0, 4.1.4.6).
            AddCapability(DeviceAt, Describe(capability[..16], DeviceType, VirtioRegisters.DeviceOffset, device.ConfigLength));
        }

        AddCapability(WindowAt, Describe(capability, WindowType, 0, 0));
        MakeWritable(WindowAt + 4, 1);
        MakeWritable(WindowAt + 8, WindowData + 4 - (WindowAt + 8));
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device { get; }

    /// <inheritdoc/>
    /// <remarks>A read of the window's data reads the register that the window names.</remarks>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        if (TouchesWindow(offset, data.Length) && WindowTarget(out int register, out int length))
        {
            Span<byte> value = stackalloc byte[4];
            _registers.Read(register, value[..length]);
            SetConfig(WindowData, value[..length]);
        }

        base.ReadConfig(offset, data);
    }

    /// <inheritdoc/>
    /// <remarks>A write of the window's data writes the register that the window names.</remarks>
    public override void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        base.WriteConfig(offset, data);
        if (TouchesWindow(offset, data.Length) && WindowTarget(out int register, out int length))
        {
            _registers.Write(register, Config(WindowData, length));
        }
    }

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        base.Save(writer);
        _registers.Save(writer);
        _transport.Save(writer);
    }

    /// <inheritdoc/>
    public override void Load(StateReader reader)
    {
        base.Load(reader);
        _registers.Load(reader);
        _transport.Load(reader);
    }

    private static string Named(VirtioDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Name;
    }

    private static PciIdentity Identify(VirtioDevice device, byte interruptNumber, byte interruptPin)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(interruptPin, 4);
        ushort number = (ushort)(FirstDevice + device.Type);
        return new PciIdentity(Vendor, number, device.PciClass)
        {
            Revision = 1,
            SubsystemVendor = Vendor,
            Subsystem = number,
            InterruptLine = interruptNumber,
            InterruptPin = interruptPin,
        };
    }

    //  0 id | link | length | type     4 bar, 3 bytes unused     8 offset     12 length
    private static ReadOnlySpan<byte> Describe(Span<byte> capability, byte type, int offset, int length)
    {
        capability.Clear();
        capability[0] = VendorCapability;
        capability[2] = (byte)capability.Length;
        capability[3] = type;
        BinaryPrimitives.WriteInt32LittleEndian(capability[8..], offset);
        BinaryPrimitives.WriteInt32LittleEndian(capability[12..], length);
        return capability;
    }

    private static bool TouchesWindow(int offset, int length) => offset < WindowData + 4 && offset + length > WindowData;

    // The driver must name base address 0 and 1, 2 or 4 bytes, aligned, inside the registers (virtio 1.0, 4.1.4.7); else nothing happens.
    private bool WindowTarget(out int register, out int length)
    {
        ReadOnlySpan<byte> window = Config(WindowAt, 16);
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(window[8..]);
        uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(window[12..]);
        register = (int)offset;
        length = (int)bytes;
        return window[4] == 0 && bytes is 1 or 2 or 4 && offset % bytes == 0 && offset + (ulong)bytes <= (uint)_registerBytes;
    }
}
