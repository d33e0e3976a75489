using System.Diagnostics;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>Measures the time that a guest's shadow tables take, from outside.</summary>
internal sealed class TimedMmu(IShadowMmu inner) : ShadowObserver(inner)
{
    private long _ticks;
    private long _requests;

    /// <summary>Time spent so far, less what the measuring itself took.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(0, Math.Max(0, _ticks - (long)(_requests * TicksOfNothing())));

    /// <inheritdoc/>
    public override FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        long start = Stopwatch.GetTimestamp();
        FaultOutcome outcome = Inner.DemandPage(cpu, address, code);
        Add(start);
        return outcome;
    }

    /// <inheritdoc/>
    public override void PinPage(int cpu, Gva address)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.PinPage(cpu, address);
        Add(start);
    }

    /// <inheritdoc/>
    public override void SetStack(int cpu, Gva top, int pages)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.SetStack(cpu, top, pages);
        Add(start);
    }

    /// <inheritdoc/>
    public override void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.SetPte(cpu, directory, address, entry);
        Add(start);
    }

    /// <inheritdoc/>
    public override void SetPgd(int cpu, Gpa directory, uint index)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.SetPgd(cpu, directory, index);
        Add(start);
    }

    /// <inheritdoc/>
    public override void SetPmd(int cpu, Gpa table, uint index)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.SetPmd(cpu, table, index);
        Add(start);
    }

    /// <inheritdoc/>
    public override bool LoadPageTable(int cpu, Gpa directory)
    {
        long start = Stopwatch.GetTimestamp();
        bool loaded = Inner.LoadPageTable(cpu, directory);
        Add(start);
        return loaded;
    }

    /// <inheritdoc/>
    public override void FlushUser(int cpu)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.FlushUser(cpu);
        Add(start);
    }

    /// <inheritdoc/>
    public override void ClearAll(int cpu)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.ClearAll(cpu);
        Add(start);
    }

    /// <inheritdoc/>
    public override void PrepareToRun(int cpu, int hostCpu)
    {
        long start = Stopwatch.GetTimestamp();
        Inner.PrepareToRun(cpu, hostCpu);
        Add(start);
    }

    private void Add(long start)
    {
        _ticks += Stopwatch.GetTimestamp() - start;
        _requests++;
    }

    // What a request that does nothing would seem to take.
    private static double TicksOfNothing()
    {
        const int times = 10_000;
        long sum = 0;
        for (int i = 0; i < times; i++)
        {
            long start = Stopwatch.GetTimestamp();
            sum += Stopwatch.GetTimestamp() - start;
        }

        return (double)sum / times;
    }
}
