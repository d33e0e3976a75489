namespace Gnomon.Devices;

/// <summary>The byte code of the board's definition block.</summary>
internal static class Dsdt
{
    private const int Pins = 4;

    /// <summary>Writes it.</summary>
    public static byte[] Write(AcpiDescription description)
    {
        AmlWriter aml = new();
        aml.Name("_S5").Package(4, package =>
        {
            package.Integer(PowerManagement.SoftOff);
            package.Integer(0);
            package.Integer(0);
            package.Integer(0);
        });
        aml.Scope("_SB", system => system.Device("PCI0", root =>
        {
            WritePciRoot(root, description);
            WriteDevice(root, "COM1", "PNP0501", new ResourceTemplate().Ports(Uart16550.FirstSerialPort, Uart16550.PortCount).Irq(PcBoard.SerialIrq));
            WriteDevice(root, "RTC", "PNP0B00", new ResourceTemplate().Ports(0x70, 2).Irq(PcBoard.RtcIrq));
            WriteDevice(root, "KBD", "PNP0303", new ResourceTemplate().Ports(0x60, 1).Ports(0x64, 1).Irq(PcBoard.KeyboardIrq));
        }));
        return aml.Bytes.ToArray();
    }

    private static void WritePciRoot(AmlWriter root, AcpiDescription description)
    {
        root.Name("_HID").EisaId("PNP0A03");
        root.Name("_ADR").Integer(0);
        root.Name("_BBN").Integer(0);
        root.Name("_CRS").Buffer(new ResourceTemplate()
            .Buses(0, 0)
            .Ports(PciBus.FirstPort, PciBus.PortCount)
            .PortWindow(0, PciBus.FirstPort - 1)
            .PortWindow(PciBus.FirstPort + PciBus.PortCount, ushort.MaxValue)
            .MemoryWindow(description.PciMemoryFirst, description.PciMemoryLast)
            .ToArray());

        // Device and any function, pin, no link device, interrupt: all wired.
        root.Name("_PRT").Package((PciBus.DeviceCount - 1) * Pins, table =>
        {
            for (int slot = 1; slot < PciBus.DeviceCount; slot++)
            {
                for (int pin = 0; pin < Pins; pin++)
                {
                    ulong address = ((ulong)slot << 16) | 0xFFFF;
                    ulong pinNumber = (ulong)pin;
                    ulong irq = (ulong)PcBoard.PciIrq(slot, pin);
                    table.Package(4, entry =>
                    {
                        entry.Integer(address);
                        entry.Integer(pinNumber);
                        entry.Integer(0);
                        entry.Integer(irq);
                    });
                }
            }
        });
    }

    private static void WriteDevice(AmlWriter parent, string name, string id, ResourceTemplate resources) => parent.Device(name, device =>
    {
        device.Name("_HID").EisaId(id);
        device.Name("_CRS").Buffer(resources.ToArray());
    });
}
