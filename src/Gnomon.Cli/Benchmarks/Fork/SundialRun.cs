using System.Diagnostics;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>Runs sundial to its end, once.</summary>
internal static class SundialRun
{
    private const int MemoryMiB = 24;
    private const int HostMiB = MemoryMiB + 64;
    private const ulong Instructions = 20_000_000_000;
    private const string LastWords = "sundial: loop done";
    private const ushort KeyboardStatusPort = 0x64;

    /// <summary>Runs and counts.</summary>
    public static ForkCounts Count(TraceFormat format, ForkPolicy policy, string commandLine)
    {
        FormatShape shape = FormatShape.Of(format);
        ShadowOptions options = policy.Create();
        OriginalScans scans = new(shape, options.Policy, options.Slots);
        Refaults refaults = new(shape);
        using Machine machine = new(format, commandLine, options with { Policy = scans }, inner => new ObservedMmu(inner, scans, refaults));
        machine.Run();
        return ForkCounts.Of(machine.Guest, policy.IsClassic ? scans.Entries : null, refaults.Count);
    }

    /// <summary>Runs and measures the time of the whole run.</summary>
    /// <returns>Microseconds.</returns>
    public static double Time(TraceFormat format, ForkPolicy policy, string commandLine)
    {
        using Machine machine = new(format, commandLine, policy.Create(), null);
        long start = Stopwatch.GetTimestamp();
        machine.Run();
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    /// <summary>Runs and measures the time that the shadow tables take.</summary>
    /// <returns>Microseconds.</returns>
    public static double TimeInTables(TraceFormat format, ForkPolicy policy, string commandLine)
    {
        TimedMmu? timed = null;
        using Machine machine = new(format, commandLine, policy.Create(), inner => timed = new TimedMmu(inner));
        machine.Run();
        return timed!.Elapsed.TotalMicroseconds;
    }

    /// <summary>A machine with a console.</summary>
    private sealed class Machine : IDisposable
    {
        private readonly HostMemory _host = new(HostMiB);
        private readonly SwitcherHost _switcher;

        public Machine(TraceFormat format, string commandLine, ShadowOptions shadow, Func<IShadowMmu, IShadowMmu>? wrap)
        {
            _switcher = new SwitcherHost(_host);
            Guest = new ParavirtualGuest(_host, _switcher, new ParavirtualOptions
            {
                Kernel = KernelImage.Parse(GuestImages.Sundial(format)),
                CommandLine = commandLine,
                MemoryMiB = MemoryMiB,
                Pae = format == TraceFormat.Pae,
                Shadow = shadow,
                Clock = new VirtualClock(),
                Devices = MakeDevices,
                Wrap = wrap,
            });
        }

        public ParavirtualGuest Guest { get; }

        public void Run()
        {
            GuestStop stop = Guest.Run(Instructions);
            if (stop is not { Reason: GuestStopReason.Shutdown, Text: LastWords })
            {
                throw new InvalidOperationException($"The guest should have ended with '{LastWords}', and came back with {stop}.");
            }
        }

        public void Dispose()
        {
            Guest.Dispose();
            _switcher.Dispose();
            _host.Dispose();
        }

        private static GuestDevices MakeDevices(DeviceSite site)
        {
            MmioBus mmio = new();
            PortBus ports = new();
            PciBus pci = new(mmio, new HostBridge());
            ports.Map(PciBus.FirstPort, PciBus.PortCount, pci);
            ports.Map(KeyboardStatusPort, 1, new ConstantPort(1));
            DeviceScheduler scheduler = new(site.Clock);
            DeviceEnvironment environment = new(new DeviceMemory(site.Memory), scheduler, new Nobody());
            VirtioPciFunction console = new(new VirtioConsole(new Nobody()), environment, site.Interrupts.Line(1), 1);
            pci.Add(1, console);
            console.PlaceWindow(0, site.Windows);
            return new GuestDevices { Ports = ports, Mmio = mmio, Scheduler = scheduler, WindowBytes = PageSize.Bytes };
        }
    }

    /// <summary>Reads what the guest prints, and cares for nothing else.</summary>
    private sealed class Nobody : IConsoleOutput, IDeviceListener
    {
        public void Write(ReadOnlySpan<byte> bytes)
        {
        }

        public void HostFailed(string device, string message) => throw new InvalidOperationException($"{device}: {message}");

        public void GuestBrokeRules(string device, string message)
        {
        }
    }
}
