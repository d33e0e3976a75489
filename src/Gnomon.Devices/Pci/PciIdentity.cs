namespace Gnomon.Devices;

/// <summary>What a PCI function says it is (PCI Local Bus Specification 3.0, 6.2.1).</summary>
/// <param name="Vendor">The vendor number.</param>
/// <param name="Device">The device number of that vendor.</param>
/// <param name="Class">Base class, subclass and programming interface: 24 bits.</param>
public readonly record struct PciIdentity(ushort Vendor, ushort Device, uint Class)
{
    /// <summary>The revision.</summary>
    public byte Revision { get; init; }

    /// <summary>The subsystem's vendor.</summary>
    public ushort SubsystemVendor { get; init; }

    /// <summary>The subsystem's number.</summary>
    public ushort Subsystem { get; init; }

    /// <summary>The interrupt pin: 0 none, 1 … 4 INTA … INTD. A paravirtual guest gets 0, although its devices interrupt.</summary>
    public byte InterruptPin { get; init; }

    /// <summary>The initial value of the interrupt line register: the guest's interrupt number.</summary>
    public byte InterruptLine { get; init; }
}
