using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The ACPI tables: how one finds them, what they say, and what another's disassembler makes of them.</summary>
public sealed class AcpiTests
{
    private const uint Address = 0xF_4000;

    private readonly byte[] _image = AcpiTables.Build(new AcpiDescription { PciMemoryFirst = 0xC000_0000, PciMemoryLast = 0xDFFF_FFFF }, Address);

    [Fact]
    public void Tables_AreFoundFromTheFirstAndSumToZero()
    {
        Assert.Equal("RSD PTR ", Encoding.ASCII.GetString(_image, 0, 8));
        Assert.Equal(0, Sum(_image.AsSpan(0, 20)));
        ReadOnlySpan<byte> rsdt = Table(Get32(_image, 16), "RSDT");
        Assert.Equal(40, rsdt.Length);
        ReadOnlySpan<byte> fadt = Table(Get32(rsdt, 36), "FACP");
        Assert.Equal(244, fadt.Length);
        _ = Table(Get32(fadt, 40), "DSDT");
        uint facs = Get32(fadt, 36);
        Assert.Equal(0u, facs % 64);
        Assert.Equal("FACS", Encoding.ASCII.GetString(_image, (int)(facs - Address), 4));
        Assert.Equal(64u, Get32(_image, (int)(facs - Address) + 4));
    }

    [Fact]
    public void Fadt_NamesTheBoardsRegisters()
    {
        ReadOnlySpan<byte> fadt = Table(Get32(Table(Get32(_image, 16), "RSDT"), 36), "FACP");
        Assert.Equal(9, fadt[46]);
        Assert.Equal(0u, Get32(fadt, 48)); // no SMI: always in ACPI mode
        Assert.Equal((0x600u, 4), (Get32(fadt, 56), fadt[88]));
        Assert.Equal((0x604u, 2), (Get32(fadt, 64), fadt[89]));
        Assert.Equal((0x608u, 4), (Get32(fadt, 76), fadt[91]));
        Assert.Equal(0x32, fadt[108]);
        Assert.Equal((1, 0xCF9u, 6), (fadt[116], Get32(fadt, 120), fadt[128]));
        Assert.Equal(1u << 10, Get32(fadt, 112) & (1u << 10)); // the reset register is there
        Assert.Equal(0u, Get32(fadt, 112) & (1u << 4)); // and the power button
        foreach ((int narrow, int wide) in (ReadOnlySpan<(int, int)>)[(56, 148), (64, 172), (76, 208)])
        {
            Assert.Equal(1, fadt[wide]);
            Assert.Equal(Get32(fadt, narrow), Get32(fadt, wide + 4));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Fadt_TellsTheWidthOfTheTimer(bool wide)
    {
        byte[] image = AcpiTables.Build(new AcpiDescription { TimerIs32Bits = wide });
        int at = image.AsSpan().IndexOf("FACP"u8);
        Assert.Equal(wide, (Get32(image, at + 112) & (1 << 8)) != 0);
    }

    [Fact]
    public void Dsdt_SaysHowToSwitchOff()
    {
        List<object> sleep = Assert.IsType<List<object>>(Read().Names["\\_S5_"]);
        Assert.Equal((ulong)PowerManagement.SoftOff, sleep[0]);
    }

    [Fact]
    public void Dsdt_RoutesEachPinToItsLevelTriggeredInterrupt()
    {
        List<object> routes = Assert.IsType<List<object>>(Read().Names["\\_SB_.PCI0._PRT"]);
        Assert.Equal(31 * 4, routes.Count);
        foreach (List<object> route in routes.Cast<List<object>>())
        {
            ulong address = (ulong)route[0];
            Assert.Equal(0xFFFFu, address & 0xFFFF);
            Assert.Equal(0ul, route[2]);
            Assert.Equal((ulong)PcBoard.PciIrq((int)(address >> 16), (int)(ulong)route[1]), route[3]);
            Assert.InRange((ulong)route[3], 10ul, 11ul);
        }
    }

    [Fact]
    public void Dsdt_NamesDevicesAndTheirResources()
    {
        AmlReader aml = Read();
        Assert.Equal(["\\_SB_.PCI0", "\\_SB_.PCI0.COM1", "\\_SB_.PCI0.RTC_", "\\_SB_.PCI0.KBD_"], aml.Devices);
        Assert.Equal(0x030A_D041ul, aml.Names["\\_SB_.PCI0._HID"]); // the specification's own example, PNP0A03
        byte[] serial = Assert.IsType<byte[]>(aml.Names["\\_SB_.PCI0.COM1._CRS"]);
        Assert.Equal([0x47, 1, 0xF8, 3, 0xF8, 3, 1, 8, 0x22, 0x10, 0, 0x79, 0], serial);
        byte[] root = Assert.IsType<byte[]>(aml.Names["\\_SB_.PCI0._CRS"]);
        int memory = Array.IndexOf(root, (byte)0x87);
        Assert.Equal((0xC000_0000u, 0xDFFF_FFFFu, 0x2000_0000u), (Get32(root, memory + 10), Get32(root, memory + 14), Get32(root, memory + 22)));
    }

    [Theory]
    [InlineData(0xD_FFC0)]
    [InlineData(0xE_0010)]
    [InlineData(0xF_FFC0)]
    public void Address_WhereNobodyLooks_Throws(int address) =>
        Assert.Throws<ArgumentException>(() => AcpiTables.Build(new AcpiDescription(), (uint)address));

    [Fact]
    public void Iasl_CompilesWhatItDisassemblesToTheSameBytes()
    {
        string iasl = Oracle.Tool("iasl");
        ReadOnlySpan<byte> dsdt = Table(Get32(Table(Get32(Table(Get32(_image, 16), "RSDT"), 36), "FACP"), 40), "DSDT");
        string folder = Directory.CreateTempSubdirectory("gnomon-acpi").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "a.aml"), dsdt);
            string said = Run(iasl, folder, "-d", "a.aml");
            string source = Path.Combine(folder, "a.dsl");
            Assert.True(File.Exists(source), said);
            said = Run(iasl, folder, "-p", "b", "a.dsl");
            Assert.Contains(" 0 Errors", said, StringComparison.Ordinal);

            // The head names another compiler and so has another sum.
            byte[] again = File.ReadAllBytes(Path.Combine(folder, "b.aml"));
            Assert.Equal(dsdt[36..].ToArray(), again[36..]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Iasl_ReadsTheFadt()
    {
        string iasl = Oracle.Tool("iasl");
        ReadOnlySpan<byte> fadt = Table(Get32(Table(Get32(_image, 16), "RSDT"), 36), "FACP");
        string folder = Directory.CreateTempSubdirectory("gnomon-acpi").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "f.aml"), fadt);
            string said = Run(iasl, folder, "-d", "f.aml");
            string text = File.ReadAllText(Path.Combine(folder, "f.dsl"));
            Assert.DoesNotContain("rror", said, StringComparison.Ordinal);
            Assert.Matches(@"SCI Interrupt : 0009\b", text);
            Assert.Matches(@"PM Timer Block Address : 00000608\b", text);
            Assert.Matches(@"Control Method Power Button \(V1\) : 0\b", text);
            Assert.Matches(@"Reset Register Supported \(V2\) : 1\b", text);
            Assert.Matches(@"8042 Present on ports 60/64 \(V2\) : 1\b", text);
            Assert.Matches(@"Value to cause reset : 06\b", text);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Run(string program, string folder, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output + errors.Result;
    }

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return sum & 0xFF;
    }

    private static uint Get32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private ReadOnlySpan<byte> Table(uint address, string signature)
    {
        ReadOnlySpan<byte> table = _image.AsSpan((int)(address - Address));
        Assert.Equal(signature, Encoding.ASCII.GetString(table[..4]));
        table = table[..(int)Get32(table, 4)];
        Assert.Equal(0, Sum(table));
        return table;
    }

    private AmlReader Read() => new(Table(Get32(Table(Get32(Table(Get32(_image, 16), "RSDT"), 36), "FACP"), 40), "DSDT")[36..]);
}
