using System.Diagnostics;
using System.Globalization;
using System.Text;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>Several campaigns at once, each with a host and a tested processor of its own. The cases are those of a single one.</summary>
internal sealed class ParallelCampaign : IDisposable
{
    private const int MostWorkers = 4;

    private readonly List<HostProcessor> _hosts = [];
    private readonly List<ITestedProcessor> _tested = [];
    private readonly List<Campaign> _campaigns = [];
    private int _batches;

    /// <summary>Starts a host and a tested processor for each of the machine's processors, four at most.</summary>
    public ParallelCampaign(Func<ITestedProcessor> make)
    {
        for (int i = 0; i < Math.Clamp(Environment.ProcessorCount, 1, MostWorkers); i++)
        {
            _hosts.Add(HostProcessor.Start());
            _tested.Add(make());
            _campaigns.Add(new Campaign(_hosts[i], _tested[i]));
        }
    }

    /// <summary>The first case of each instruction that differs, in the order of seeds.</summary>
    public IReadOnlyList<InstructionCase> Failures => [.. _campaigns.SelectMany(campaign => campaign.Failures).OrderBy(c => c.Seed)
        .DistinctBy(c => c.Decode().Code)];

    /// <summary>How long the runs took.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs cases of these instructions by turns, from a seed on.</summary>
    public void Run(IReadOnlyList<Code> codes, ulong firstSeed, int cases)
    {
        Stopwatch watch = Stopwatch.StartNew();
        _batches = -1;
        Task[] workers = [.. _campaigns.Select(campaign => Task.Factory.StartNew(
            () => Work(campaign, codes, firstSeed, cases), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(workers);
        Elapsed = watch.Elapsed;
    }

    /// <summary>Explains a failure.</summary>
    public string Explain(in InstructionCase c) => _campaigns[0].Explain(c);

    /// <summary>The instructions that differ, each with how many of its cases do.</summary>
    public string Differing() => string.Join(", ", Profile.Codes.Where(code => Count(code).Failed > 0)
        .Select(code => string.Create(CultureInfo.InvariantCulture, $"{code} {Count(code).Failed}/{Count(code).Cases}")));

    /// <summary>How many cases each instruction had, and how many of them faulted or failed.</summary>
    public string Table() => Campaign.Table(Count, whole: true);

    /// <summary>The same for each category.</summary>
    public string Summary() => Campaign.Table(Count, whole: false);

    public void Dispose()
    {
        _hosts.ForEach(host => host.Dispose());
        foreach (ITestedProcessor tested in _tested)
        {
            (tested as IDisposable)?.Dispose();
        }
    }

    private void Work(Campaign campaign, IReadOnlyList<Code> codes, ulong firstSeed, int cases)
    {
        while (true)
        {
            int done = Interlocked.Increment(ref _batches) * AddressMap.Slots;
            if (done >= cases)
            {
                return;
            }

            campaign.Run(codes, firstSeed + (ulong)done, Math.Min(AddressMap.Slots, cases - done));
        }
    }

    private (int Cases, int Faults, int Failed) Count(Code code)
    {
        (int cases, int faults, int failed) = (0, 0, 0);
        foreach (Campaign campaign in _campaigns)
        {
            (int c, int f, int x) = campaign.Counts.GetValueOrDefault(code);
            (cases, faults, failed) = (cases + c, faults + f, failed + x);
        }

        return (cases, faults, failed);
    }
}
