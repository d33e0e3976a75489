using Gnomon.Cpu;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon;

/// <summary>What a machine is made of. Immutable; several machines may be made of the same options.</summary>
public sealed record MachineOptions
{
    /// <summary>The kernel's file: a 32-bit ELF executable (<c>vmlinux</c>) or a Linux <c>bzImage</c>.</summary>
    public required ReadOnlyMemory<byte> Kernel { get; init; }

    /// <summary>The initial RAM disk; empty for none.</summary>
    public ReadOnlyMemory<byte> RamDisk { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Guest memory in MiB; at least 1.</summary>
    public int MemoryMiB { get; init; } = 64;

    /// <summary>Disks, in the order in which the guest finds them; at most <see cref="MaxDisks"/>.</summary>
    public IReadOnlyList<MachineDisk> Disks { get; init; } = [];

    /// <summary>Whether the kernel knows that it is a guest.</summary>
    public GuestKind Guest { get; init; } = GuestKind.Paravirtual;

    /// <summary>Whether a paravirtual kernel's page tables are PAE's. An ELF file does not say, so it must be told; null takes it for
    /// two-level, or for PAE where the file has a note of Xen's that says so (a kernel that can run there as well). Unmodified kernels
    /// switch it on themselves.</summary>
    public bool? Pae { get; init; }

    /// <summary>How an unmodified guest's addresses are translated: by shadow tables, or by nested ones to compare.</summary>
    public MmuKind Mmu { get; init; }

    /// <summary>How an unmodified kernel is entered.</summary>
    public BootProtocol Protocol { get; init; }

    /// <summary>Whether the host unpacks a bzImage for an unmodified guest, where it can: some two thousand million instructions less.
    /// <see cref="BootProtocol.BzImage32"/> leaves it to the guest in any case.</summary>
    public bool UnpacksKernel { get; init; } = true;

    /// <summary>What CPUID says to an unmodified guest.</summary>
    public CpuProfile Profile { get; init; } = CpuProfile.Default with { Vendor = "GnomonGnomon" };

    /// <summary>How the shadow tables behave.</summary>
    public PagingOptions Paging { get; init; } = new();

    /// <summary>The host's time, for a machine in real time: <c>TimeProvider.System</c>. Null: virtual time, which
    /// passes with each instruction and jumps over waits; the same input gives the same run then.</summary>
    public TimeProvider? RealTime { get; init; }

    /// <summary>Virtual time that an instruction takes, in nanoseconds; at least 1.</summary>
    public ulong NanosecondsPerInstruction { get; init; } = 10;

    /// <summary>The date and time at the start of virtual time; null for 2020-01-01.</summary>
    public DateTimeOffset? Date { get; init; }

    /// <summary>What the guest's random numbers grow from. Linux takes them into its pool, but no secret should rest on them.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The console's width and height in characters; 0 when unknown.</summary>
    public (ushort Columns, ushort Rows) ConsoleSize { get; init; }

    /// <summary>Whether the machine ends where the guest wants to be started anew; else it is.</summary>
    public bool EndsAtRestart { get; init; }

    /// <summary>Checks every invariant of the shadow tables (<see cref="IShadowMmu.Audit"/>) before each so-manieth entry into the guest;
    /// 0: never.</summary>
    public int AuditEvery { get; init; }

    /// <summary>Takes what the guest asks of its shadow tables, as a trace that can be replayed, up to its first restart. Of an unmodified
    /// guest the trace begins where it first turns paging on, and ends where it chooses another format. Not closed; an
    /// <see cref="IOException"/> of it ends the run.</summary>
    public TextWriter? Trace { get; init; }

    /// <summary>Puts an observer in front of the shadow tables, at the start and at each restart; null for none.</summary>
    public Func<IShadowMmu, IShadowMmu>? Observer { get; init; }

    /// <summary>Calls <see cref="Machine.Hashed"/> each time that so many instructions are over; 0: never.</summary>
    public ulong HashEvery { get; init; }

    /// <summary>Disks that fit between the console and the source of random numbers.</summary>
    public const int MaxDisks = 12;
}
