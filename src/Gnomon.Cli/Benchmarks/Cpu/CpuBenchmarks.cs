using Gnomon.Traces;
using Iced.Intel;

namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>One thing to measure of the processor.</summary>
/// <param name="Name">Its name in JSON and for the filter.</param>
/// <param name="Title">What it is.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Prototype">Millions a second that the study's interpreter of this kind did; null where it was not measured.</param>
/// <param name="Expected">What a round must come to.</param>
/// <param name="Create">Sets it up.</param>
internal sealed record CpuBenchmark(string Name, string Title, string Unit, double? Prototype, Func<uint?> Expected, Func<CpuBatch> Create);

/// <summary>All that is measured of the processor.</summary>
internal static class CpuBenchmarks
{
    /// <summary>Where the prototype's figures come from.</summary>
    public const string PrototypeSource = "a prototype of threaded ops, 2026, quiet machine";

    private const string Instructions = "instruction";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<CpuBenchmark> All { get; } =
    [
        Program("mix", "mix of the six below", 440, CpuKernels.Mix, 0, _ => CpuKernels.MixModel()),
        Program("hash", "ALU rounds of a hash", 392, CpuKernels.Hash, 20_000, CpuModels.Hash),
        Program("copy-sum", "copy words and add them up", 650, CpuKernels.CopySum, CpuData.SourceWords, CpuModels.Sum),
        Program("list", "walk a list", 616, CpuKernels.List, 16, CpuModels.List),
        Program("call", "calls and returns: recursive Fibonacci", 375, CpuKernels.Fibonacci, 20, CpuModels.Fibonacci),
        Program("adc", "ADC chains of 64 words", 561, CpuKernels.AddCarry, 600, CpuModels.BigSum),
        Program("crc", "branches: bitwise CRC", 654, CpuKernels.Crc, 6000, CpuModels.Crc),
        Program("x87", "x87: products added up", null, CpuKernels.FloatingPoint, 1024, CpuModels.Products),
        new(
            "rep", "REP MOVSD and STOSD, 64 KiB each", "element", null, () => CpuModels.Moved(CpuData.SourceWords),
            () => new ProgramBatch(TraceFormat.TwoLevel, a => CpuKernels.Strings(a, CpuData.SourceWords), 2 * CpuData.SourceWords)),
        new("tlb-hit", "load, TLB hit", "load", null, () => null, () => ProgramBatch.Loads(TraceFormat.TwoLevel, 256, 200)),
        Refill("tlb-refill-two-level", TraceFormat.TwoLevel),
        Refill("tlb-refill-pae", TraceFormat.Pae),
        new("page-fault-exit", "page fault: exit, skip, run", "exit", null, () => CpuGuest.Unmapped, () => new FaultExitBatch(TraceFormat.TwoLevel)),
    ];

    private static CpuBenchmark Program(string name, string title, double? prototype, Action<Assembler, int> kernel, int size, Func<int, uint> model) =>
        new(name, title, Instructions, prototype, () => model(size), () => new ProgramBatch(TraceFormat.TwoLevel, a => kernel(a, size)));

    private static CpuBenchmark Refill(string name, TraceFormat format) => new(
        name, $"load, TLB miss and refill, {FormatShape.Of(format).Name}", "load", null, () => null, () => ProgramBatch.Loads(format, CpuGuest.WidePages, 10));
}
