using Gnomon.Shadow;

namespace Gnomon.Traces.Workloads;

/// <summary>The workloads, and how a trace is made of one.</summary>
public static class WorkloadCatalogue
{
    /// <summary>The largest size of a workload.</summary>
    public const int MaxSize = 1_000_000;

    /// <summary>Every workload, by name.</summary>
    public static IReadOnlyList<IWorkload> All { get; } =
    [
        new ForkExec(),
        new AddressSpaces(),
        new KernelUpdates(),
        new HighMemory(),
        new Sparse(),
        new Dense(),
        new Hostile(),
    ];

    /// <summary>Finds a workload.</summary>
    /// <returns>Null when there is none of this name.</returns>
    public static IWorkload? Find(string name) => All.FirstOrDefault(workload => workload.Name == name);

    /// <summary>Generates a trace: the same for the same arguments, on every machine.</summary>
    /// <param name="workload">What the guest does.</param>
    /// <param name="format">The format of its tables.</param>
    /// <param name="seed">Where its chances come from.</param>
    /// <param name="size">How much of it; null for the workload's default.</param>
    /// <param name="output">Where the trace is written.</param>
    /// <param name="progress">Told the rounds that are done.</param>
    public static void Generate(IWorkload workload, TraceFormat format, int seed, int? size, TextWriter output, Action? progress = null)
    {
        ArgumentNullException.ThrowIfNull(workload);
        int rounds = size ?? workload.Size.Default;
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1, nameof(size));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rounds, MaxSize, nameof(size));
        FormattableString comment = $"{workload.Name}, {rounds} {workload.Size.Unit}, seed {seed}: {workload.Description}";
        TraceHeader header = new()
        {
            Format = format,
            MemoryPages = GuestKernel.MemoryPages,
            Guest = GuestKind.Paravirtual,
        };
        TraceWriter writer = new(output, header, FormattableString.Invariant(comment));
        GuestKernel kernel = new(header, seed, writer.Write, progress);
        kernel.Start();
        workload.Run(kernel, rounds);
        kernel.Emit(new TraceOperation.Audit());
    }
}
