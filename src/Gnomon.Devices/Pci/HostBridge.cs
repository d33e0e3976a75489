namespace Gnomon.Devices;

/// <summary>
/// The host bridge: class 06/00, without base addresses. A paravirtual guest gets vendor 0, so that it finds a bridge when it tries
/// the configuration mechanism and none when it looks for devices.
/// </summary>
/// <param name="vendor">The vendor number.</param>
/// <param name="device">The device number of that vendor.</param>
public sealed class HostBridge(ushort vendor = 0, ushort device = 0)
    : PciFunction("host bridge", new PciIdentity(vendor, device, 0x06_00_00), null);
