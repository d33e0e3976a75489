using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon;

/// <summary>A paravirtual guest: the console, disks and a source of random numbers, all virtio on PCI.</summary>
internal sealed class ParavirtualParts : GuestParts
{
    private const int WindowShift = 12;
    private const ushort KeyboardStatusPort = 0x64;

    private readonly MachineOptions _options;
    private readonly IConsoleOutput _output;
    private readonly IDeviceListener _listener;
    private readonly DiskImages _disks;
    private readonly SwitcherHost? _switcher;
    private readonly ParavirtualGuest _guest;
    private (ushort Columns, ushort Rows) _size;
    private VirtioConsole? _console;
    private PciBus? _bus;

    /// <summary>Builds the guest.</summary>
    public ParavirtualParts(MachineOptions options, IConsoleOutput output, IDeviceListener listener)
    {
        (_options, _output, _listener, _size) = (options, output, listener, options.ConsoleSize);
        KernelImage kernel = KernelImage.Parse(options.Kernel);
        _disks = new DiskImages(options.Disks);
        HostMemory? host = null;
        try
        {
            Host = host = new HostMemory(HostMiB(options));
            _switcher = new SwitcherHost(host);
            _guest = new ParavirtualGuest(host, _switcher, new ParavirtualOptions
            {
                Kernel = kernel,
                RamDisk = options.RamDisk,
                CommandLine = options.CommandLine,
                MemoryMiB = options.MemoryMiB,
                Pae = options.Pae ?? PaeNote.IsIn(options.Kernel.Span),
                Shadow = options.Paging.ForGuest(options.Guest),
                Clock = ClockOf(options),
                Devices = MakeDevices,
                Wrap = new Observers(options).Wrap,
            });
        }
        catch
        {
            _switcher?.Dispose();
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
    public override int Type(ReadOnlySpan<byte> bytes) => _console!.Receive(bytes);

    /// <inheritdoc/>
    public override void Resize(ushort columns, ushort rows)
    {
        _size = (columns, rows);
        _console!.Resize(columns, rows);
    }

    /// <inheritdoc/>
    public override void SaveDevices(StateWriter writer) => _bus!.Save(writer);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _guest.Dispose();
        _switcher?.Dispose();
        Host.Dispose();
        _disks.Dispose();
    }

    // The console is device 1; interrupt n is device n's.
    private GuestDevices MakeDevices(DeviceSite site)
    {
        MmioBus mmio = new();
        PortBus ports = new();
        _bus = new PciBus(mmio, new HostBridge());
        ports.Map(PciBus.FirstPort, PciBus.PortCount, _bus);
        ports.Map(KeyboardStatusPort, 1, new ConstantPort(1));
        DeviceScheduler scheduler = new(site.Clock);
        DeviceEnvironment environment = new(new DeviceMemory(site.Memory), scheduler, _listener);
        _console = new VirtioConsole(_output, _size.Columns, _size.Rows);
        List<VirtioDevice> devices = [_console];
        devices.AddRange(_disks.All.Select((image, number) => new VirtioBlock(image, $"gnomon-{number}")));
        devices.Add(new VirtioEntropy(new SeededEntropy(_options.Seed)));
        for (int i = 0; i < devices.Count; i++)
        {
            VirtioPciFunction function = new(devices[i], environment, site.Interrupts.Line(i + 1), (byte)(i + 1));
            _bus.Add(i + 1, function);
            function.PlaceWindow(0, new Gpa(site.Windows.Value + ((ulong)i << WindowShift)));
        }

        return new GuestDevices { Ports = ports, Mmio = mmio, Scheduler = scheduler, WindowBytes = (uint)devices.Count << WindowShift };
    }
}
