namespace Gnomon.Devices;

/// <summary>Who runs a <see cref="PcBoard"/>: its processor and its power. Called on the machine's thread, often in the middle of an OUT.</summary>
public interface IPcBoardOwner
{
    /// <summary>The interrupt controllers' output to the processor goes up or down. While it is up the processor may take
    /// <see cref="DualPic.Acknowledge"/>.</summary>
    void InterruptChanged(bool up);

    /// <summary>The guest resets the machine.</summary>
    void ResetRequested();

    /// <summary>The guest switches the machine off.</summary>
    void PowerOffRequested();
}

/// <summary>What a <see cref="PcBoard"/> is made of.</summary>
public sealed record PcBoardParts
{
    /// <summary>The clock, and what is to be done later.</summary>
    public required DeviceScheduler Scheduler { get; init; }

    /// <summary>The PCI bus. The board maps its ports; its functions, and their state, are their maker's.</summary>
    public required PciBus Pci { get; init; }

    /// <summary>Takes what the guest sends to the serial port.</summary>
    public required IConsoleOutput SerialOutput { get; init; }

    /// <summary>Hears of failures of the host.</summary>
    public required IDeviceListener Listener { get; init; }

    /// <summary>The processor and the power.</summary>
    public required IPcBoardOwner Owner { get; init; }

    /// <summary>The size of memory in bytes, for the CMOS.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>What the ACPI tables say.</summary>
    public AcpiDescription Acpi { get; init; } = new();
}

/// <summary>
/// The devices that a stock PC kernel needs, on one port bus: interrupt controllers, timer, clock, serial port, keyboard controller,
/// reset and power registers. Ports that belong to none (0xED, DMA, VGA) read as ones. A PCI function in slot n gets
/// <see cref="PciLine"/>(n), the interrupt number <see cref="PciIrq"/>(n) and pin 1.
/// </summary>
public sealed class PcBoard : IDeviceState
{
    /// <summary>The timer's interrupt.</summary>
    public const int TimerIrq = 0;

    /// <summary>The keyboard controller's interrupt.</summary>
    public const int KeyboardIrq = 1;

    /// <summary>The serial port's interrupt.</summary>
    public const int SerialIrq = 4;

    /// <summary>The real-time clock's interrupt.</summary>
    public const int RtcIrq = 8;

    private const int FirstPciIrq = 10;
    private const ushort LevelLines = (1 << PowerManagement.Irq) | (1 << FirstPciIrq) | (1 << (FirstPciIrq + 1));

    private readonly AcpiDescription _acpi;
    private readonly DmaPageRegisters _dmaPages = new();
    private readonly IDeviceState[] _devices;
    private int _buttonPressed;

    /// <summary>Makes the devices as firmware leaves them.</summary>
    public PcBoard(PcBoardParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        IPcBoardOwner owner = parts.Owner;
        _acpi = parts.Acpi;
        Pic = new DualPic(owner.InterruptChanged);
        Pic.SetLevelTriggered(LevelLines);
        Timer = new Pit8254(parts.Scheduler, Pic.Line(TimerIrq));
        Clock = new CmosRtc(parts.Scheduler, Pic.Line(RtcIrq), parts.MemoryBytes);
        Serial = new Uart16550("com1", Pic.Line(SerialIrq), parts.SerialOutput, parts.Listener) { Handshakes = true };
        Keyboard = new KeyboardController(Pic.Line(KeyboardIrq), owner.ResetRequested);
        Resets = new ResetPorts(parts.Pci, owner.ResetRequested);
        Power = new PowerManagement(parts.Scheduler, Pic.Line(PowerManagement.Irq), owner.PowerOffRequested, _acpi.TimerIs32Bits);
        _devices = [Pic, Timer, Clock, Serial, Keyboard, Resets, Power, _dmaPages];
    }

    /// <summary>The interrupt controllers.</summary>
    public DualPic Pic { get; }

    /// <summary>The timer.</summary>
    public Pit8254 Timer { get; }

    /// <summary>The real-time clock.</summary>
    public CmosRtc Clock { get; }

    /// <summary>The serial port. Input may be given to it by any thread.</summary>
    public Uart16550 Serial { get; }

    /// <summary>The keyboard controller.</summary>
    public KeyboardController Keyboard { get; }

    /// <summary>The reset registers.</summary>
    public ResetPorts Resets { get; }

    /// <summary>The ACPI fixed hardware.</summary>
    public PowerManagement Power { get; }

    /// <summary>Which interrupt a PCI function's pin is wired to: 10 or 11, level-triggered and shared.</summary>
    /// <param name="slot">The device, 0 … 31.</param>
    /// <param name="pin">0 … 3 for INTA … INTD.</param>
    public static int PciIrq(int slot, int pin = 0) => FirstPciIrq + (slot + pin & 1);

    /// <summary>The interrupt line of the INTA of a slot.</summary>
    /// <param name="slot">The device, 0 … 31.</param>
    public IInterruptLine PciLine(int slot) => Pic.Line(PciIrq(slot));

    /// <summary>Puts all devices and the PCI bus on their ports.</summary>
    public void MapTo(PortBus ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        Pic.MapTo(ports);
        Timer.MapTo(ports);
        Clock.MapTo(ports);
        Serial.MapTo(ports);
        Keyboard.MapTo(ports);
        Resets.MapTo(ports);
        Power.MapTo(ports);
        _dmaPages.MapTo(ports);
    }

    /// <summary>The ACPI tables, for <see cref="AcpiTables.DefaultAddress"/> or another address; see <see cref="AcpiTables.Build"/>.</summary>
    public byte[] BuildAcpiTables(uint address = AcpiTables.DefaultAddress) => AcpiTables.Build(_acpi, address);

    /// <summary>Somebody presses the power button. Any thread may; the guest hears of it with <see cref="TakeHostInput"/>.</summary>
    public void PressPowerButton() => Volatile.Write(ref _buttonPressed, 1);

    /// <summary>Brings the guest what other threads gave: serial input and the power button. On the machine's thread, when they have
    /// made it look.</summary>
    public void TakeHostInput()
    {
        Serial.TakeInput();
        if (Interlocked.Exchange(ref _buttonPressed, 0) != 0)
        {
            Power.PressPowerButton();
        }
    }

    /// <inheritdoc/>
    /// <remarks>All devices of the board, but not the PCI bus.</remarks>
    public void Save(StateWriter writer)
    {
        foreach (IDeviceState device in _devices)
        {
            device.Save(writer);
        }

        writer.Begin("board", 1);
        writer.Write(Volatile.Read(ref _buttonPressed) != 0);
        writer.End();
    }

    /// <inheritdoc/>
    /// <remarks>The processor's line is then what <see cref="DualPic.HasInterrupt"/> says; nobody is told.</remarks>
    public void Load(StateReader reader)
    {
        foreach (IDeviceState device in _devices)
        {
            device.Load(reader);
        }

        _ = reader.Begin("board", 1);
        Volatile.Write(ref _buttonPressed, reader.ReadBoolean() ? 1 : 0);
        reader.End();
    }
}
