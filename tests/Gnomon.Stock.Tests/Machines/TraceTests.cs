using Gnomon.Linux;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Stock.Tests.Fixture;
using Gnomon.Traces;

namespace Gnomon.Stock.Tests.Machines;

/// <summary>A recorded boot comes to the same when it is replayed: each fault has the outcome that it had.</summary>
public sealed class TraceTests
{
    [Theory]
    [InlineData(LinuxFlavour.I686, Coherence.Watched, TraceFormat.TwoLevel)]
    [InlineData(LinuxFlavour.I686Pae, Coherence.Watched, TraceFormat.Pae)]
    [InlineData(LinuxFlavour.I686, Coherence.Lazy, TraceFormat.TwoLevel)]
    [InlineData(LinuxFlavour.I686Pae, Coherence.Lazy, TraceFormat.Pae)]
    public void Boot_UpToTheFirstProgram_IsReplayedWithTheSameFaults(LinuxFlavour flavour, Coherence coherence, TraceFormat format)
    {
        using TemporaryFolder folder = new();
        string file = folder.File("boot.gtrace", []);
        List<FaultOutcome> recorded = [];
        using (StreamWriter trace = new(file) { NewLine = "\n" })
        {
            using Machine machine = Machine.Create(StockSystem.Of(flavour).Machine() with
            {
                Trace = trace,
                Paging = new PagingOptions { Coherence = coherence },
                Observer = mmu => new Listener(mmu, recorded),
            });
            Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "Run /init as init process", Timeout = TimeSpan.FromMinutes(5) }));
        }

        Console.WriteLine($"{flavour}: {new FileInfo(file).Length >> 10} KiB, {recorded.Count} faults");
        using FileStream stream = File.OpenRead(file);
        Trace read = TraceParser.Parse(stream, default);
        Assert.Equal((format, GuestKind.Unmodified, coherence), (read.Header.Format, read.Header.Guest, read.Header.Coherence));
        List<FaultOutcome> replayed = [];
        using TraceReplayer replayer = new(read, new ReplayOptions(), mmu => new Listener(mmu, replayed));
        foreach (ReplayResult result in replayer.Run())
        {
            Assert.True(result.Broken is null, $"{result}: {result.Broken}");
        }

        Assert.Null(replayer.Mmu.Audit());
        Assert.True(recorded.Count > 500, $"only {recorded.Count} faults");
        Assert.Equal(recorded.Count, replayed.Count);
        for (int i = 0; i < recorded.Count; i++)
        {
            Assert.True(recorded[i] == replayed[i], $"fault {i} was {recorded[i]} and is {replayed[i]}");
        }
    }

    /// <summary>Faults from the first page table on.</summary>
    private sealed class Listener(IShadowMmu inner, List<FaultOutcome> outcomes) : ShadowObserver(inner)
    {
        private bool _paged;

        public override bool LoadPageTable(int cpu, Gpa directory)
        {
            _paged = true;
            return base.LoadPageTable(cpu, directory);
        }

        public override FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
        {
            FaultOutcome outcome = base.DemandPage(cpu, address, code);
            if (_paged)
            {
                outcomes.Add(outcome);
            }

            return outcome;
        }
    }
}
