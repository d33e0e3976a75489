using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>What sundial does over and over, per round: the difference between a long run and a short one, so that the start and the
/// end of the guest drop out.</summary>
/// <param name="Format">The format of its tables.</param>
/// <param name="Policy">How the shadow tables behave.</param>
/// <param name="Spaces">Address spaces that are alive beside the one that works; null for fork and exec.</param>
internal sealed record ForkBenchmark(TraceFormat Format, ForkPolicy Policy, int? Spaces)
{
    private const int WarmUpRounds = 20;
    private const int Repetitions = 7;

    // A kernel update is three microseconds, a fork a hundred times as many: it takes more rounds to see its time.
    private const int UpdatesTimedPerRound = 200;

    /// <summary>Counts. The same on every machine.</summary>
    public ForkLine Count(int rounds)
    {
        ForkCounts before = SundialRun.Count(Format, Policy, CommandLine(WarmUpRounds));
        ForkCounts after = SundialRun.Count(Format, Policy, CommandLine(WarmUpRounds + rounds));
        return new ForkLine(this, after.Per(before, rounds), null, null);
    }

    /// <summary>Measures several together, in turn, so that what disturbs one disturbs all.</summary>
    /// <returns>The lines with their times: medians.</returns>
    public static IReadOnlyList<ForkLine> Time(IReadOnlyList<ForkLine> lines, int rounds, CancellationToken cancellation)
    {
        double[][] whole = [.. lines.Select(_ => new double[Repetitions])];
        double[][] tables = [.. lines.Select(_ => new double[Repetitions])];

        // The first repetition warms up and is written over.
        for (int repetition = -1; repetition < Repetitions; repetition++)
        {
            for (int i = 0; i < lines.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                int place = Math.Max(repetition, 0);
                whole[i][place] = lines[i].Benchmark.Difference(SundialRun.Time, rounds);
                tables[i][place] = lines[i].Benchmark.Difference(SundialRun.TimeInTables, rounds);
            }
        }

        return [.. lines.Select((line, i) => line with { Microseconds = Median(whole[i]), MicrosecondsInTables = Median(tables[i]) })];
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }

    private double Difference(Func<TraceFormat, ForkPolicy, string, double> measure, int rounds)
    {
        rounds *= Spaces is null ? 1 : UpdatesTimedPerRound;
        double before = measure(Format, Policy, CommandLine(WarmUpRounds));
        return (measure(Format, Policy, CommandLine(WarmUpRounds + rounds)) - before) / rounds;
    }

    // One clock tick a second: the others sleep for fifty, and do not disturb.
    private string CommandLine(int rounds) => Spaces is int spaces
        ? $"loop=kernel:{rounds} processes={spaces} tick=1000000"
        : $"loop=fork:{rounds}";
}

/// <summary>What came of it, per round.</summary>
/// <param name="Benchmark">What was run.</param>
/// <param name="Counts">What was counted.</param>
/// <param name="Microseconds">Time, guest and host; null where none was measured.</param>
/// <param name="MicrosecondsInTables">The part of it that the shadow tables took.</param>
internal sealed record ForkLine(ForkBenchmark Benchmark, ForkCounts Counts, double? Microseconds, double? MicrosecondsInTables);
