using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>What the original took, and what Gnomon wants to take.</summary>
/// <param name="TwoLevel">Nanoseconds of the original, two-level; null where it was not measured.</param>
/// <param name="Pae">The same, PAE.</param>
/// <param name="Goal">The largest ratio to the original that Gnomon allows itself; null for none.</param>
internal sealed record Anchor(double? TwoLevel, double? Pae, double? Goal)
{
    /// <summary>Nothing to compare with.</summary>
    public static Anchor None { get; } = new(null, null, null);

    /// <summary>The original's figure in a format.</summary>
    public double? Of(TraceFormat format) => format == TraceFormat.Pae ? Pae : TwoLevel;
}

/// <summary>One operation to measure.</summary>
/// <param name="Name">Its name in JSON and for the filter.</param>
/// <param name="Title">What it is.</param>
/// <param name="Anchor">What to compare it with.</param>
/// <param name="Baseline">The operation of the same-run baseline that it is compared with, where its name differs.</param>
/// <param name="Create">Sets it up.</param>
internal sealed record PagingBenchmark(string Name, string Title, Anchor Anchor, string Baseline, Func<TraceFormat, Batch> Create);

/// <summary>The operations, in the order of the table that they are compared with.</summary>
internal static class PagingBenchmarks
{
    /// <summary>Where the original's figures come from.</summary>
    public const string AnchorSource = "original, 2026, quiet machine";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<PagingBenchmark> All { get; } =
    [
        New("cold-read-sequential", "cold read fault, 8192 pages in sequence", new(19.4, 23.8, 1), f => new FaultBatch(f, FaultBatch.Kind.Sequential)),
        New("cold-read-random", "cold read fault, in random order", new(19.4, 23.8, 1), f => new FaultBatch(f, FaultBatch.Kind.Random)),
        New("cold-read-prefault-16", "cold read, prefault 16, per page", new(19.4, 23.8, 0.4), f => new FaultBatch(f, FaultBatch.Kind.Prefault), "cold-read-sequential"),
        New("write-upgrade", "write upgrade of a read-only page", new(18.8, 24.5, 0.8), f => new FaultBatch(f, FaultBatch.Kind.Upgrade)),
        New("set-pte-user", "SetPte with D and A, user", new(8.7, 10.2, 1), f => new UpdateBatch(f, kernelSpaces: 0)),
        New("set-pte-kernel-4", "SetPte with D and A, kernel, 4 address spaces", new(29.5, 37.7, 0.4), f => new UpdateBatch(f, kernelSpaces: 4)),
        New("set-pte-zero", "SetPte 0", new(4.1, 5.3, 1), f => new UpdateBatch(f, kernelSpaces: 0, zero: true)),
        New("load-known", "LoadPageTable, known, 64 slots", new(3.0, 2.5, 1), f => new SwitchBatch(f, spaces: 2, pages: 1)),
        New("switch-8x64", "8 address spaces in turn, 64 pages, per switch", new(2272, 2033, 0.05), f => new SwitchBatch(f, spaces: 8, pages: 64)),
        New("flush-user-16", "FlushUser, 16 pages mapped", new(1549, 447, 0.1), f => new FlushBatch(f, FlushBatch.Kind.User, 16)),
        New("flush-user-256", "FlushUser, 256 pages", new(1632, 527, 0.4), f => new FlushBatch(f, FlushBatch.Kind.User, 256)),
        New("flush-user-4096", "FlushUser, 4096 pages", new(4172, 3239, 1), f => new FlushBatch(f, FlushBatch.Kind.User, 4096)),
        New("flush-user-256-sparse", "FlushUser, 256 pages, one per 4 MiB", new(77_700, 40_100, 0.1), f => new FlushBatch(f, FlushBatch.Kind.User, 256, stride: 1024)),
        New("clear-all-4x1024", "ClearAll, 4 x 1024 pages", new(9144, 6239, 0.1), f => new FlushBatch(f, FlushBatch.Kind.All, 1024, spaces: 4)),
        New("clear-all-regain-4x1024", "... and getting them all back", new(81_700, 101_500, 0.1), f => new FlushBatch(f, FlushBatch.Kind.Regain, 1024, spaces: 4)),
        New("translate", "TranslateGuest", new(10.9, 12.9, 1), f => new LookupBatch(f, pin: false)),
        New("pin-mapped", "PinPage, already mapped", new(3.3, 4.7, 1), f => new LookupBatch(f, pin: true)),

        // Cost against mapped pages: a flush that compares, and one that throws away.
        New("flush-user-64", "FlushUser, 64 pages", Anchor.None, f => new FlushBatch(f, FlushBatch.Kind.User, 64)),
        New("flush-user-1024", "FlushUser, 1024 pages", Anchor.None, f => new FlushBatch(f, FlushBatch.Kind.User, 1024)),
        Release(16),
        Release(64),
        Release(256),
        Release(1024),
        Release(4096),

        // Cost against address spaces that share the kernel's tables.
        Kernel(1),
        Kernel(16),
        Kernel(64),
    ];

    private static PagingBenchmark New(string name, string title, Anchor anchor, Func<TraceFormat, Batch> create, string? baseline = null) =>
        new(name, title, anchor, baseline ?? name, create);

    private static PagingBenchmark Release(int pages) => New(
        $"release-{pages}", $"FlushUser that discards, {pages} pages", Anchor.None, f => new FlushBatch(f, FlushBatch.Kind.Release, pages), $"flush-user-{pages}");

    private static PagingBenchmark Kernel(int spaces) => New(
        $"set-pte-kernel-{spaces}", $"SetPte, kernel, {spaces} address spaces", Anchor.None, f => new UpdateBatch(f, spaces), "set-pte-kernel-4");
}
