using System.Text;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>A guest on the product's monitor, with the product's devices: a console, and perhaps a disk in memory.</summary>
internal sealed class MonitoredMachine : IDisposable
{
    private readonly HostMemory _host;
    private readonly SwitcherHost _switcher;
    private readonly Output _output = new();

    public MonitoredMachine(string image, string commandLine, byte[]? disk = null, ShadowOptions? shadow = null, Func<IShadowMmu, IShadowMmu>? wrap = null)
    {
        _host = new HostMemory(MemoryMiB + 64);
        _switcher = new SwitcherHost(_host, 1);
        Guest = new ParavirtualGuest(_host, _switcher, new ParavirtualOptions
        {
            Kernel = KernelImage.Parse(GuestImage.Bytes(image)),
            CommandLine = commandLine,
            MemoryMiB = MemoryMiB,
            Pae = image.EndsWith("-pae", StringComparison.Ordinal),
            Shadow = shadow ?? new ShadowOptions(),
            Clock = new VirtualClock(),
            Devices = site => MakeDevices(site, disk),
            Wrap = wrap,
        });
    }

    /// <summary>Guest memory, as guests/hostile/attacks.txt says.</summary>
    public const int MemoryMiB = 24;

    public ParavirtualGuest Guest { get; }

    public string Console => _output.Text.ToString();

    public void Dispose()
    {
        Guest.Dispose();
        _switcher.Dispose();
        _host.Dispose();
    }

    private GuestDevices MakeDevices(DeviceSite site, byte[]? disk)
    {
        MmioBus mmio = new();
        PortBus ports = new();
        PciBus pci = new(mmio, new HostBridge());
        ports.Map(PciBus.FirstPort, PciBus.PortCount, pci);
        ports.Map(0x64, 1, new ConstantPort(1));
        DeviceScheduler scheduler = new(site.Clock);
        DeviceEnvironment environment = new(new DeviceMemory(site.Memory), scheduler, new Listener());
        List<VirtioDevice> devices = [new VirtioConsole(_output)];
        if (disk is not null)
        {
            devices.Add(new VirtioBlock(new MemoryImage(disk)));
        }

        for (int i = 0; i < devices.Count; i++)
        {
            VirtioPciFunction function = new(devices[i], environment, site.Interrupts.Line(i + 1), (byte)(i + 1));
            pci.Add(i + 1, function);
            function.PlaceWindow(0, new Gpa(site.Windows.Value + ((ulong)i << 12)));
        }

        return new GuestDevices { Ports = ports, Mmio = mmio, Scheduler = scheduler, WindowBytes = (uint)devices.Count << 12 };
    }

    private sealed class Output : IConsoleOutput
    {
        public StringBuilder Text { get; } = new();

        public void Write(ReadOnlySpan<byte> bytes) => Text.Append(Encoding.Latin1.GetString(bytes));
    }

    private sealed class Listener : IDeviceListener
    {
        public void HostFailed(string device, string message) => throw new InvalidOperationException($"{device}: {message}");

        public void GuestBrokeRules(string device, string message)
        {
        }
    }
}
