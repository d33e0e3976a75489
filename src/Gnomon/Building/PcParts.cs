using Gnomon.Devices;
using Gnomon.Linux;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon;

/// <summary>An unmodified guest on a PC: the board's legacy devices, a serial console, and disks and a source of random numbers by virtio.</summary>
internal sealed class PcParts : GuestParts
{
    private const int WindowShift = 12;
    private const byte InterruptPin = 1;
    private const uint VideoMemory = 0xA_0000;
    private const uint VideoMemoryBytes = 0x2_0000;

    private static readonly AcpiDescription _acpi = new();

    private readonly MachineOptions _options;
    private readonly IConsoleOutput _output;
    private readonly IDeviceListener _listener;
    private readonly DiskImages _disks;
    private readonly UnmodifiedGuest _guest;
    private PcBoard? _board;
    private PciBus? _bus;

    /// <summary>Builds the guest.</summary>
    public PcParts(MachineOptions options, IConsoleOutput output, IDeviceListener listener)
    {
        (_options, _output, _listener) = (options, output, listener);
        KernelImage kernel = KernelOf(options);
        _disks = new DiskImages(options.Disks);
        HostMemory? host = null;
        try
        {
            Host = host = new HostMemory(HostMiB(options));
            _guest = new UnmodifiedGuest(host, new UnmodifiedOptions
            {
                Load = memory => Load(memory, kernel),
                MemoryMiB = options.MemoryMiB,
                Mmu = options.Mmu,
                Shadow = options.Paging.ForGuest(options.Guest),
                Clock = ClockOf(options),
                Platform = MakePlatform,
                Profile = options.Profile,
                Wrap = new Observers(options).Wrap,
            });
        }
        catch
        {
            host?.Dispose();
            _disks.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override IGuest Guest => _guest;

    /// <inheritdoc/>
    public override HostMemory Host { get; }

    /// <inheritdoc/>
    public override int Type(ReadOnlySpan<byte> bytes)
    {
        int taken = _board!.Serial.Receive(bytes);
        _board.TakeHostInput();
        return taken;
    }

    /// <inheritdoc/>
    /// <remarks>A serial line does not know its terminal's size.</remarks>
    public override void Resize(ushort columns, ushort rows)
    {
    }

    /// <inheritdoc/>
    public override void SaveDevices(StateWriter writer)
    {
        _board!.Save(writer);
        _bus!.Save(writer);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _guest.Dispose();
        Host.Dispose();
        _disks.Dispose();
    }

    // A kernel that the host cannot unpack does it itself.
    private static KernelImage KernelOf(MachineOptions options)
    {
        KernelImage kernel = KernelImage.Parse(options.Kernel);
        return kernel.Kind == KernelKind.BzImage && options.UnpacksKernel && options.Protocol != BootProtocol.BzImage32
            ? KernelPayload.Unpack(kernel).Kernel ?? kernel
            : kernel;
    }

    private Action<Cpu.ProcessorRegisters> Load(GuestMemory memory, KernelImage kernel)
    {
        byte[] tables = _board!.BuildAcpiTables();
        PageStatus status = memory.Write(new Gpa(AcpiTables.DefaultAddress), tables);
        if (status != PageStatus.Ok)
        {
            throw new KernelFormatException($"{_options.MemoryMiB} MiB of memory do not reach to where the firmware's tables must be: give the machine more.");
        }

        BootedKernel booted = LinuxLoader.Load(memory, kernel, new LinuxBootOptions
        {
            CommandLine = _options.CommandLine,
            RamDisk = _options.RamDisk,
            Protocol = _options.Protocol,
            RsdpAddress = AcpiTables.DefaultAddress,
        });
        return registers => LinuxStart.Apply(registers, booted);
    }

    private GuestPlatform MakePlatform(PlatformSite site)
    {
        MmioBus mmio = new();
        PortBus ports = new();
        _bus = new PciBus(mmio, new HostBridge());
        DeviceScheduler scheduler = new(site.Clock);
        _board = new PcBoard(new PcBoardParts
        {
            Scheduler = scheduler,
            Pci = _bus,
            SerialOutput = _output,
            Listener = _listener,
            Owner = new Owner(site),
            MemoryBytes = (ulong)site.Memory.PageCount << PageSize.Shift,
            Acpi = _acpi,
        });
        _board.MapTo(ports);
        DeviceEnvironment environment = new(new DeviceMemory(site.Memory), scheduler, _listener);
        List<VirtioDevice> devices = [.. _disks.All.Select((image, number) => new VirtioBlock(image, $"gnomon-{number}"))];
        devices.Add(new VirtioEntropy(new SeededEntropy(_options.Seed)));
        for (int i = 0; i < devices.Count; i++)
        {
            int slot = i + 1;
            VirtioPciFunction function = new(devices[i], environment, _board.PciLine(slot), (byte)PcBoard.PciIrq(slot), InterruptPin);
            _bus.Add(slot, function);
            function.PlaceWindow(0, new Gpa(_acpi.PciMemoryFirst + ((ulong)i << WindowShift)));
        }

        return new GuestPlatform
        {
            Ports = ports,
            Mmio = mmio,
            Scheduler = scheduler,
            Interrupts = new Controller(_board.Pic),
            Holes = [new Shadow.DeviceWindow(new Gpa(VideoMemory), VideoMemoryBytes)],
        };
    }

    private sealed class Controller(DualPic pic) : IInterruptController
    {
        public bool HasInterrupt => pic.HasInterrupt;

        public byte Acknowledge() => pic.Acknowledge();
    }

    private sealed class Owner(PlatformSite site) : IPcBoardOwner
    {
        public void InterruptChanged(bool up) => site.InterruptChanged();

        public void ResetRequested() => site.Power.Reset();

        public void PowerOffRequested() => site.Power.TurnOff();
    }
}
