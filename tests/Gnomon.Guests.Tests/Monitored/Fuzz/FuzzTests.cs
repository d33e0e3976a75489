using CsCheck;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored.Fuzz;

/// <summary>
/// Kernels that ask for anything: hypercalls, the ring, descriptors, page tables, stacks. The host lives, gives back what it gave, keeps
/// every invariant on the way, and does a bounded amount of work for each request.
/// </summary>
/// <remarks>GNOMON_STEPS sets the number of kernels, GNOMON_SEED the seed that a failure prints.</remarks>
public sealed class FuzzTests
{
    private const int Kernels = 150;
    private const ulong Instructions = 200_000;

    [Fact]
    public void Kernel_ThatAsksForAnything_HarmsNobody()
    {
        using MonitoredHost host = new(96);
        int empty = host.Memory.FramesInUse;
        Dictionary<string, int> ends = [];
        int deepest = 0;
        FuzzSteps.Cases.Sample(
            one =>
            {
                (string end, int requests) = Run(host, one.Pae, one.Coherence, one.Slots, one.Prefault, one.Small, one.Steps);
                ends[end] = ends.GetValueOrDefault(end) + 1;
                deepest = Math.Max(deepest, requests);
                Assert.Equal(empty, host.Memory.FramesInUse);
            },
            seed: Environment.GetEnvironmentVariable("GNOMON_SEED"),
            iter: TestSettings.Steps(Kernels),
            threads: 1);
        Console.WriteLine($"kernels: {string.Join(", ", ends.Select(end => $"{end.Value} {end.Key}"))}; at most {deepest} requests");
        Assert.True(Environment.GetEnvironmentVariable("GNOMON_SEED") is not null || deepest > 100, $"no kernel has got further than {deepest} requests");
    }

    private static (string End, int Requests) Run(
        MonitoredHost host, bool pae, Coherence coherence, int slots, int prefault, bool small, Step[] steps)
    {
        ShadowOptions shadow = new()
        {
            Coherence = coherence,
            Slots = slots,
            Prefault = prefault,
            TableBudget = small ? ShadowMmu.MinimumTableBudget(pae ? 3 : 2, 1) : 0,
        };
        WorkMeter? meter = null;
        using MonitoredMachine machine = new(
            FuzzKernel.Build(pae, steps),
            pae,
            "",
            shadow: shadow,
            host: host,
            change: options => options with { MemoryMiB = 4, Wrap = mmu => meter = new WorkMeter(mmu) });
        meter!.AsyncCalls = () => machine.Guest.Statistics.AsyncHypercalls;
        GuestStop stop = machine.Guest.Run(Instructions);
        if (stop.Reason != GuestStopReason.Killed)
        {
            Assert.Null(machine.Guest.Mmu.Audit());
        }

        return (stop.Reason.ToString(), meter.Requests);
    }

    /// <summary>Counts what the shadow tables do between two entries of the guest, and audits them.</summary>
    private sealed class WorkMeter(IShadowMmu inner) : ShadowObserver(inner)
    {
        // What one call does besides going through what there is: a walk, two stack pages, a root, each tried again after a reclaim.
        private const long WorkOfACall = 256;

        private long _work;
        private long _calls;
        private long _present;

        public int Requests { get; private set; }

        public Func<long> AsyncCalls { get; set; } = () => 0;

        public override void PrepareToRun(int cpu, int hostCpu)
        {
            base.PrepareToRun(cpu, hostCpu);
            long work = Statistics.All().Where(counter => counter.Key is not ("leaves-present" or "tables-present" or "tables-peak")).Sum(counter => counter.Value);
            long calls = AsyncCalls();
            long present = Statistics.LeavesPresent + Statistics.TablesPresent;
            long allowed = (calls - _calls + 1) * (WorkOfACall + (8 * Math.Max(present, _present)));
            Assert.True(Requests == 0 || work - _work <= allowed, $"request {Requests}: {work - _work} things done, {allowed} allowed");
            (_work, _calls, _present) = (work, calls, present);
            Requests++;
            Assert.Null(Audit());
        }
    }
}
