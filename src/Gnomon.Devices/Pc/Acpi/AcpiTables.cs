using System.Buffers.Binary;

namespace Gnomon.Devices;

/// <summary>What ACPI tables say of a machine, apart from what <see cref="PcBoard"/> always has.</summary>
public sealed record AcpiDescription
{
    /// <summary>The first address that PCI windows may have.</summary>
    public uint PciMemoryFirst { get; init; } = 0xE000_0000;

    /// <summary>The last address that PCI windows may have.</summary>
    public uint PciMemoryLast { get; init; } = 0xFEBF_FFFF;

    /// <summary>Whether the power management timer has 32 bits.</summary>
    public bool TimerIs32Bits { get; init; } = true;
}

//   +------+------+------+------+------+
//   | RSDP | RSDT | FADT | FACS | DSDT |    each at a multiple of 64 bytes
//   +------+------+------+------+------+
//      |      ^|      ^|      ^      ^
//      +------++------++------+------+

/// <summary>
/// The ACPI tables of a <see cref="PcBoard"/> (Advanced Configuration and Power Interface Specification 6.5, chapter 5): fixed hardware,
/// soft off, the PCI root with its windows and its interrupts, serial port, clock and keyboard. There is no MADT: a kernel uses
/// the 8259s.
/// </summary>
public static class AcpiTables
{
    /// <summary>Where the tables lie unless one chooses otherwise: in the range where kernels look for the first.</summary>
    public const uint DefaultAddress = 0xE_0000;

    /// <summary>The end of the range where kernels look for the first table.</summary>
    public const uint SearchEnd = 0x10_0000;

    private const int Alignment = 64;
    private const int HeadBytes = 36;
    private const int RsdpBytes = 20;
    private const int RsdtBytes = HeadBytes + 4;
    private const int FadtBytes = 244;
    private const int FacsBytes = 64;

    private static ReadOnlySpan<byte> OemId => "GNOMON"u8;

    /// <summary>Builds the tables.</summary>
    /// <param name="description">The machine.</param>
    /// <param name="address">Where they will lie: a multiple of 64 in 0xE0000 … 0xFFFFF. Memory there must be writable, since the
    /// FACS holds a lock, and no memory for the guest's use.</param>
    /// <returns>The bytes for that address; the RSDP is the first of them.</returns>
    /// <exception cref="ArgumentException">The address is no such multiple, or the tables do not end below 1 MiB.</exception>
    public static byte[] Build(AcpiDescription description, uint address = DefaultAddress)
    {
        ArgumentNullException.ThrowIfNull(description);
        byte[] code = Dsdt.Write(description);
        uint rsdt = address + Aligned(RsdpBytes);
        uint fadt = rsdt + Aligned(RsdtBytes);
        uint facs = fadt + Aligned(FadtBytes);
        uint dsdt = facs + Aligned(FacsBytes);
        uint end = dsdt + HeadBytes + (uint)code.Length;
        if (address < DefaultAddress || address % Alignment != 0 || end > SearchEnd)
        {
            throw new ArgumentException($"{end - address} bytes of tables cannot lie at 0x{address:x}.", nameof(address));
        }

        byte[] image = new byte[end - address];
        Span<byte> At(uint place) => image.AsSpan((int)(place - address));

        "RSD PTR "u8.CopyTo(image);
        OemId.CopyTo(image.AsSpan(9));
        Put32(image, 16, rsdt);
        image[8] = CheckSum(image.AsSpan(0, RsdpBytes));

        Put32(At(rsdt), HeadBytes, fadt);
        Finish(At(rsdt)[..RsdtBytes], "RSDT"u8, 1);

        WriteFadt(At(fadt)[..FadtBytes], description, facs, dsdt);

        "FACS"u8.CopyTo(At(facs));
        Put32(At(facs), 4, FacsBytes);
        At(facs)[32] = 1; // version

        code.CopyTo(At(dsdt)[HeadBytes..]);
        Finish(At(dsdt), "DSDT"u8, 2);
        return image;
    }

    private static void WriteFadt(Span<byte> table, AcpiDescription description, uint facs, uint dsdt)
    {
        const ushort control = PowerManagement.FirstPort + PowerManagement.ControlOffset;
        const ushort timer = PowerManagement.FirstPort + PowerManagement.TimerOffset;
        Put32(table, 36, facs);
        Put32(table, 40, dsdt);
        table[45] = 1; // a desktop
        table[46] = PowerManagement.Irq;
        Put32(table, 56, PowerManagement.FirstPort);
        Put32(table, 64, control);
        Put32(table, 76, timer);
        table[88] = 4;
        table[89] = 2;
        table[91] = 4;
        BinaryPrimitives.WriteUInt16LittleEndian(table[96..], 101); // no C2: more than 100 µs
        BinaryPrimitives.WriteUInt16LittleEndian(table[98..], 1001); // no C3
        table[108] = RtcCalendar.Century;

        // ISA devices and an 8042; no VGA, no message-signalled interrupts.
        BinaryPrimitives.WriteUInt16LittleEndian(table[109..], 0b1111);

        // WBINVD, C1, no fixed sleep button, no fixed RTC wake-up, the reset register; a fixed power button is what bit 4 denies.
        uint flags = (1u << 0) | (1u << 2) | (1u << 5) | (1u << 6) | (1u << 10);
        Put32(table, 112, flags | (description.TimerIs32Bits ? 1u << 8 : 0));
        PutPort(table[116..], ResetPorts.ResetControlPort, 8);
        table[128] = ResetPorts.HardReset;
        Put32(table, 140, dsdt);
        PutPort(table[148..], PowerManagement.FirstPort, 32);
        PutPort(table[172..], control, 16);
        PutPort(table[208..], timer, 32);
        Finish(table, "FACP"u8, 3);
    }

    // A generic address: the I/O space, bits, no offset, undefined access size, the port.
    private static void PutPort(Span<byte> place, ushort port, byte bits)
    {
        place[0] = 1;
        place[1] = bits;
        Put32(place, 4, port);
    }

    private static void Finish(Span<byte> table, ReadOnlySpan<byte> signature, byte revision)
    {
        signature.CopyTo(table);
        Put32(table, 4, (uint)table.Length);
        table[8] = revision;
        OemId.CopyTo(table[10..]);
        "GNOMONPC"u8.CopyTo(table[16..]);
        Put32(table, 24, 1);
        "GNMN"u8.CopyTo(table[28..]);
        Put32(table, 32, 1);
        table[9] = CheckSum(table);
    }

    // What makes the sum of all bytes 0.
    private static byte CheckSum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return (byte)-sum;
    }

    private static void Put32(Span<byte> table, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(table[offset..], value);

    private static uint Aligned(int bytes) => (uint)((bytes + Alignment - 1) / Alignment * Alignment);
}
