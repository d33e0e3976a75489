using System.Text;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>The host's memory and Switcher, for one guest or for many.</summary>
internal sealed class MonitoredHost : IDisposable
{
    /// <param name="mebibytes">Its memory.</param>
    public MonitoredHost(int mebibytes = MonitoredMachine.MemoryMiB + 64)
    {
        Memory = new HostMemory(mebibytes);
        Switcher = new SwitcherHost(Memory, 2);
    }

    public HostMemory Memory { get; }

    public SwitcherHost Switcher { get; }

    public void Dispose()
    {
        Switcher.Dispose();
        Memory.Dispose();
    }
}

/// <summary>A guest on the product's monitor, with the product's devices: a console, and perhaps a disk in memory.</summary>
internal sealed class MonitoredMachine : IDisposable
{
    private readonly MonitoredHost? _own;
    private readonly Output _output = new();

    /// <summary>One of our own guests on a host of its own.</summary>
    public MonitoredMachine(string image, string commandLine, byte[]? disk = null, ShadowOptions? shadow = null, Func<IShadowMmu, IShadowMmu>? wrap = null)
        : this(GuestImage.Bytes(image), image.EndsWith("-pae", StringComparison.Ordinal), commandLine, disk, shadow, null, options => options with { Wrap = wrap })
    {
    }

    /// <summary>A guest on a host that others use too, or on one of its own.</summary>
    /// <param name="kernel">The kernel's ELF file.</param>
    /// <param name="pae">The format of its tables.</param>
    /// <param name="commandLine">Its command line.</param>
    /// <param name="disk">Its disk; null for none.</param>
    /// <param name="shadow">The shadow tables.</param>
    /// <param name="host">The host; null for one of its own, with two CPUs.</param>
    /// <param name="change">The last word on how it is made.</param>
    public MonitoredMachine(
        byte[] kernel,
        bool pae,
        string commandLine,
        byte[]? disk = null,
        ShadowOptions? shadow = null,
        MonitoredHost? host = null,
        Func<ParavirtualOptions, ParavirtualOptions>? change = null)
    {
        host ??= _own = new MonitoredHost();
        ParavirtualOptions options = new()
        {
            Kernel = KernelImage.Parse(kernel),
            CommandLine = commandLine,
            MemoryMiB = MemoryMiB,
            Pae = pae,
            Shadow = shadow ?? new ShadowOptions(),
            Clock = new VirtualClock(),
            Devices = site => MakeDevices(site, disk),
        };
        Guest = new ParavirtualGuest(host.Memory, host.Switcher, change is null ? options : change(options));
    }

    /// <summary>Guest memory, as guests/hostile/attacks.txt says.</summary>
    public const int MemoryMiB = 24;

    public ParavirtualGuest Guest { get; }

    public string Console => _output.Text.ToString();

    public void Dispose()
    {
        Guest.Dispose();
        _own?.Dispose();
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
