using Gnomon.Cpu;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>What a paravirtual guest is made of. Immutable.</summary>
public sealed record ParavirtualOptions
{
    /// <summary>The kernel.</summary>
    public required KernelImage Kernel { get; init; }

    /// <summary>The initial RAM disk; empty for none.</summary>
    public ReadOnlyMemory<byte> RamDisk { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Guest memory in MiB, 1 … <see cref="MaxMemoryMiB"/>.</summary>
    public int MemoryMiB { get; init; } = 64;

    /// <summary>Whether the guest's page tables are PAE's.</summary>
    public bool Pae { get; init; }

    /// <summary>How the shadow tables behave. Devices are added to its windows.</summary>
    public ShadowOptions Shadow { get; init; } = new();

    /// <summary>Puts something in front of the guest's shadow tables, at its start and at each restart: a recorder. The monitor uses what comes
    /// back for everything, and disposes it. Null for nothing.</summary>
    public Func<IShadowMmu, IShadowMmu>? Wrap { get; init; }

    /// <summary>The machine's time: one object for each guest.</summary>
    public required MachineClock Clock { get; init; }

    /// <summary>Makes the guest's devices, at its start and at each restart; null for none.</summary>
    public Func<DeviceSite, GuestDevices>? Devices { get; init; }

    /// <summary>What CPUID says.</summary>
    public CpuProfile Profile { get; init; } = GuestProfile;

    /// <summary>The most memory that leaves room for the devices' windows and the Switcher.</summary>
    public const int MaxMemoryMiB = 3584;

    /// <summary>The processor as a paravirtual guest should see it: FPU PSE TSC MSR PAE CX8 CMOV FXSR and NX; no SYSENTER, which would
    /// lead to level 0, and nothing that needs control registers that the guest never writes.</summary>
    public static CpuProfile GuestProfile { get; } = new()
    {
        Features = (1 << 0) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 8) | (1 << 15) | (1 << 24),
    };
}

/// <summary>What a device maker is given.</summary>
/// <param name="Memory">The guest's memory. Code decoded from what is written there is dropped; no observer is needed.</param>
/// <param name="Windows">Where the device windows begin: 1 MiB behind the end of memory.</param>
/// <param name="Clock">The machine's time, for a <see cref="DeviceScheduler"/>.</param>
/// <param name="Interrupts">Where devices raise interrupts 0 … 31; 0 is the timer's. May be used from any thread.</param>
public sealed record DeviceSite(GuestMemory Memory, Gpa Windows, IDeviceClock Clock, InterruptLines Interrupts);

/// <summary>A guest's devices. They are used with the guest's lock held.</summary>
public sealed record GuestDevices
{
    /// <summary>A keyboard controller's status, which a guest's kernel reads although there is none: 1.</summary>
    private const ushort KeyboardStatus = 0x64;

    /// <summary>Ports. Where none are given, port 0x64 reads as 1.</summary>
    public PortBus Ports { get; init; } = DefaultPorts();

    /// <summary>Windows; null: no address is a device's.</summary>
    public MmioBus? Mmio { get; init; }

    /// <summary>What they will do later; null: nothing.</summary>
    public DeviceScheduler? Scheduler { get; init; }

    /// <summary>Bytes of guest-physical addresses, from <see cref="DeviceSite.Windows"/> on, that are theirs.</summary>
    public uint WindowBytes { get; init; } = 1 << 20;

    private static PortBus DefaultPorts()
    {
        PortBus ports = new();
        ports.Map(KeyboardStatus, 1, new ConstantPort(1));
        return ports;
    }
}
