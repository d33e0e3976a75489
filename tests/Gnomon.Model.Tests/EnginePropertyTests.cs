using System.Diagnostics;
using System.Globalization;
using CsCheck;
using Gnomon.Model.Tests.Driving;
using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests;

/// <summary>
/// Random operation sequences, hostile values included, against the obvious model, over every combination of options.
/// GNOMON_STEPS sets the number of steps, GNOMON_SEED the seed; a failure prints both and a short trace.
/// </summary>
public sealed class EnginePropertyTests
{
    private const int DefaultSteps = 220_000;

    private static int Steps => TestSettings.Steps(DefaultSteps);

    private static ulong Seed => ulong.TryParse(Environment.GetEnvironmentVariable("GNOMON_SEED"), CultureInfo.InvariantCulture, out ulong seed) ? seed : 20_260_101;

    /// <summary>Format, coherence and kind of guest.</summary>
    public static TheoryData<bool, ModelCoherence, bool> Rows { get; } = new()
    {
        { false, ModelCoherence.Notified, false },
        { true, ModelCoherence.Notified, false },
        { false, ModelCoherence.Watched, false },
        { true, ModelCoherence.Watched, false },
        { false, ModelCoherence.Watched, true },
        { true, ModelCoherence.Watched, true },
        { false, ModelCoherence.Lazy, false },
        { true, ModelCoherence.Lazy, false },
        { false, ModelCoherence.Lazy, true },
        { true, ModelCoherence.Lazy, true },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void RandomSteps_AnyCombination_AgreeWithTheModel(bool pae, ModelCoherence coherence, bool unmodified)
    {
        Combination[] combinations =
        [
            .. from replacement in Enum.GetValues<Replacement>()
               from prefault in new[] { 1, 16 }
               from discard in new[] { false, true }
               select new Combination(pae, unmodified, coherence, replacement, prefault, discard),
        ];
        int each = Math.Max(1, Steps / Rows.Count / combinations.Length);
        foreach (Combination combination in combinations)
        {
            Check(combination, each);
        }
    }

    private static void Check(Combination combination, int wanted)
    {
        Gen<Scenario> gen = ScenarioGen.Of(combination);
        PCG random = new((uint)combination.GetHashCode(), Seed);
        Stopwatch clock = Stopwatch.StartNew();
        int done = 0, sequences = 0;
        string name = "";
        while (done < wanted)
        {
            string state = random.ToString();
            Scenario scenario = gen.Generate(random, null, out _);
            name = scenario.Combination;
            Deviation? deviation = ScenarioRun.Run(scenario, out int steps);
            if (deviation is not null)
            {
                if (Environment.GetEnvironmentVariable("GNOMON_DEBUG") is not null) { Console.Error.WriteLine($"FAIL {name} {scenario.Steps.Count} step {deviation.Step}: {deviation.Message}"); if (deviation.Hangs) { Console.Error.WriteLine(TraceWriter.Write(scenario with { Steps = [.. scenario.Steps.Take(deviation.Step + 1)] })); } }
                int length = scenario.Steps.Count;
                scenario = Shrinker.Shrink(scenario, ref deviation, s => ScenarioRun.Run(s, out _));
                if (Environment.GetEnvironmentVariable("GNOMON_DEBUG") is not null) { Console.Error.WriteLine($"SHRUNK {scenario.Steps.Count} step {deviation.Step}: {deviation.Message}\n{TraceWriter.Write(scenario)}\n=====\n"); if (!deviation.Hangs) { return; } Environment.Exit(1); }
                Assert.Fail(
                    $"{name}, seed {Seed}, generator {state}, {length} steps shrunk to {scenario.Steps.Count}\n"
                    + $"step {deviation.Step + 1}: {deviation.Message}\n\n{TraceWriter.Write(scenario)}");
            }

            done += steps;
            sequences++;
        }

        if (Environment.GetEnvironmentVariable("GNOMON_DEBUG") is not null) { Console.Error.WriteLine($"{name}: {done} steps in {sequences} sequences, {clock.ElapsedMilliseconds} ms, seed {Seed}"); }
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {done} steps in {sequences} sequences, {clock.ElapsedMilliseconds} ms, seed {Seed}");
    }
}
