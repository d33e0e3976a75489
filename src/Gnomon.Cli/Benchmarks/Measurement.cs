using System.Diagnostics;

namespace Gnomon.Cli.Benchmarks;

/// <summary>What one operation costs.</summary>
/// <param name="Nanoseconds">The median over the batches.</param>
/// <param name="AllocatedBytes">Managed memory allocated by one operation, the mean over the batches.</param>
internal readonly record struct Measurement(double Nanoseconds, double AllocatedBytes)
{
    private static readonly TimeSpan _tierUpPause = TimeSpan.FromMilliseconds(120);

    /// <summary>Measures a batch: warm first, until the compiler's last tier runs, then the median of many.</summary>
    /// <param name="batch">What is measured.</param>
    /// <param name="quick">Less warm-up, fewer batches: for a first look.</param>
    /// <param name="cancellation">Ends it between two batches.</param>
    public static Measurement Of(Batch batch, bool quick, CancellationToken cancellation)
    {
        int rounds = quick ? 3 : 6;
        TimeSpan warmUp = TimeSpan.FromMilliseconds(quick ? 30 : 80);
        for (int round = 0; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            do
            {
                batch.Prepare();
                batch.Run();
                cancellation.ThrowIfCancellationRequested();
            }
            while (Stopwatch.GetElapsedTime(start) < warmUp);

            // Hot methods are compiled again in the background, after a pause without new ones.
            Thread.Sleep(_tierUpPause);
        }

        double[] times = new double[quick ? 21 : 101];
        long allocated = 0;
        for (int i = 0; i < times.Length; i++)
        {
            batch.Prepare();
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            batch.Run();
            long end = Stopwatch.GetTimestamp();
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            times[i] = (end - start) * (1e9 / Stopwatch.Frequency) / batch.Operations;
            cancellation.ThrowIfCancellationRequested();
        }

        Array.Sort(times);
        return new Measurement(times[times.Length / 2], (double)allocated / times.Length / batch.Operations);
    }
}
