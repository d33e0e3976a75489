using Gnomon.Memory;
using Gnomon.Model.Tests.Driving;
using Gnomon.Model.Tests.Model;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests;

/// <summary>
/// A workload that uses every way to need a host frame, run again and again with one allocation after the other failing: each run
/// ends in success or in a kill whose reason says that memory was short, and every frame comes back.
/// </summary>
public sealed class FaultInjectionTests
{
    public static TheoryData<bool, ModelCoherence, int> Rows { get; } = new()
    {
        { false, ModelCoherence.Notified, 1 },
        { true, ModelCoherence.Notified, 16 },
        { false, ModelCoherence.Watched, 16 },
        { true, ModelCoherence.Watched, 1 },
        { false, ModelCoherence.Lazy, 1 },
        { true, ModelCoherence.Lazy, 16 },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void Workload_EachAllocationFailsOnce_EndsCleanly(bool pae, ModelCoherence coherence, int prefault)
    {
        Scenario workload = Workload.Of(pae, coherence, prefault);
        int allocations = Undisturbed(workload);
        Outcomes outcomes = new();
        for (int k = 1; k <= allocations; k++)
        {
            outcomes.Add(RunWith(workload, new Injection(FailAfter: k, 0, 0)));
        }

        // One failure must be got over mostly: there are tables to trim and pages to take back.
        Assert.True(outcomes.Lived > outcomes.Killed, $"{allocations} allocations: {outcomes}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{workload.Combination}: {allocations} allocations failed once each: {outcomes}");
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Workload_HostHasOnlyNFrames_EndsCleanly(bool pae, ModelCoherence coherence, int prefault)
    {
        Scenario workload = Workload.Of(pae, coherence, prefault);
        int allocations = Undisturbed(workload);
        Outcomes outcomes = new();
        for (int frames = 1; frames <= allocations; frames++)
        {
            outcomes.Add(RunWith(workload, new Injection(0, FramesLeft: frames, 0)));
        }

        Assert.True(outcomes.Lived > 0, outcomes.ToString());
        TestContext.Current.TestOutputHelper?.WriteLine($"{workload.Combination}: 1 … {allocations} frames: {outcomes}");
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Workload_AllAllocationsFailFromAStepOn_EndsCleanly(bool pae, ModelCoherence coherence, int prefault)
    {
        Scenario workload = Workload.Of(pae, coherence, prefault);
        Outcomes outcomes = new();
        for (int step = FirstStep(workload); step <= workload.Steps.Count; step++)
        {
            outcomes.Add(RunWith(workload, new Injection(0, 0, FailFromStep: step)));
        }

        Assert.True(outcomes.Killed > 0, outcomes.ToString());
        TestContext.Current.TestOutputHelper?.WriteLine($"{workload.Combination}: {outcomes}");
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Create_EachAllocationFails_ThrowsAndKeepsNothing(bool pae, bool unmodified)
    {
        using HostMemory host = new(1);
        using GuestMemory memory = new(host, 16);
        ShadowOptions options = new() { Guest = unmodified ? GuestKind.Unmodified : GuestKind.Paravirtual, Cpus = 3, Slots = 4 };
        int failures = 0;
        for (int k = 1; ; k++)
        {
            Switcher? switcher = unmodified ? null : new Switcher(host, 2);
            int before = host.FramesInUse;
            host.FailAfter = k;
            try
            {
                using IShadowMmu mmu = pae ? ShadowMmu.CreatePae(memory, options, switcher) : ShadowMmu.CreateTwoLevel(memory, options, switcher);
                Assert.Null(mmu.Audit());
                if (host.FailAfter > 0)
                {
                    break;
                }
            }
            catch (InsufficientMemoryException e)
            {
                Assert.Contains("frame", e.Message, StringComparison.OrdinalIgnoreCase);
                failures++;
            }
            finally
            {
                host.FailAfter = 0;
            }

            Assert.Equal(before, host.FramesInUse);
            switcher?.Dispose();
            Assert.Equal(0, host.FramesInUse);
        }

        Assert.True(failures > 0, "no allocation failed");
    }

    [Fact]
    public void Switcher_EachAllocationFails_ThrowsAndKeepsNothing()
    {
        using HostMemory host = new(1);
        for (int k = 1; k <= 4; k++)
        {
            host.FailAfter = k;
            Assert.Throws<InsufficientMemoryException>(() => new Switcher(host, 3));
            Assert.Equal(0, host.FramesInUse);
        }
    }

    private static int FirstStep(Scenario workload) => workload.Steps.TakeWhile(step => step.Kind == OperationKind.Poke).Count() + 1;

    private static int Undisturbed(Scenario workload)
    {
        Deviation? deviation = ScenarioRun.Run(workload, out int steps, out RunSummary summary);
        Assert.True(deviation is null, $"step {deviation?.Step + 1}: {deviation?.Message}\n{TraceWriter.Write(workload)}");
        Assert.Equal(workload.Steps.Count, steps);
        Assert.Null(summary.Kill);
        Assert.True(summary.Allocations > 20, $"only {summary.Allocations} allocations");
        return (int)summary.Allocations;
    }

    private static string? RunWith(Scenario workload, Injection injection)
    {
        Scenario scenario = workload with { Injection = injection };
        Deviation? deviation = ScenarioRun.Run(scenario, out _, out RunSummary summary);
        Assert.True(deviation is null, $"{injection}, step {deviation?.Step + 1}: {deviation?.Message}\n{TraceWriter.Write(scenario)}");
        Assert.True(summary.Kill is null || summary.Kill.Contains("memory", StringComparison.OrdinalIgnoreCase), $"{injection}: killed for {summary.Kill}");
        return summary.Kill;
    }

    private sealed class Outcomes
    {
        public int Lived { get; private set; }

        public int Killed { get; private set; }

        public void Add(string? kill)
        {
            Lived += kill is null ? 1 : 0;
            Killed += kill is null ? 0 : 1;
        }

        public override string ToString() => $"{Lived} lived, {Killed} were killed";
    }
}
