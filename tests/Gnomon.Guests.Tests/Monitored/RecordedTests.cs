using System.Text;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;
using Gnomon.Traces.Recording;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>A run of sundial is recorded; the trace alone gives the same faults and ends with the same shadows.</summary>
public sealed class RecordedTests
{
    private const ulong Instructions = 100_000_000;
    private const int DiskBytes = 64 * 512;

    [Theory]
    [InlineData("sundial", Coherence.Notified)]
    [InlineData("sundial", Coherence.Watched)]
    [InlineData("sundial", Coherence.Lazy)]
    [InlineData("sundial-pae", Coherence.Notified)]
    [InlineData("sundial-pae", Coherence.Watched)]
    [InlineData("sundial-pae", Coherence.Lazy)]
    public void Replay_OfARecordedRun_GivesTheSameFaultsInTheSameOrder(string image, Coherence coherence)
    {
        bool pae = image.EndsWith("-pae", StringComparison.Ordinal);
        using StringWriter recorded = new();
        List<string> seen = [];
        ShadowOptions shadow = new() { Coherence = coherence, Slots = 8 };
        List<ShadowLeaf> leaves;
        using (MonitoredMachine machine = new(
            GuestImage.Bytes(image),
            pae,
            "processes=3 forks=4 pages=20",
            new byte[DiskBytes],
            shadow,
            change: options => options with
            {
                Wrap = mmu => new FaultList(new TraceRecorder(mmu, recorded, TraceHeader.Of(mmu)), seen),
            }))
        {
            GuestStop stop = machine.Guest.Run(Instructions);
            Assert.True(stop.Reason == GuestStopReason.Shutdown && stop.Text.EndsWith(" ok", StringComparison.Ordinal), stop.ToString());
            Assert.IsType<FaultList>(machine.Guest.Mmu);
            Assert.Equal(machine.Guest.Statistics.PageFaults, seen.Count);
            leaves = [.. machine.Guest.Mmu.Leaves(0)];
        }

        using MemoryStream stream = new(Encoding.UTF8.GetBytes(recorded.ToString()));
        using TraceReplayer replayer = new(TraceParser.Parse(stream));
        List<string> replayed = [.. replayer.Run().Select(result => result.Text).Where(IsFault)];
        int same = seen.Zip(replayed).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.True(same == seen.Count && same == replayed.Count,
            $"fault {same} of {seen.Count} ({replayed.Count} replayed): {seen.ElementAtOrDefault(same)}, replayed {replayed.ElementAtOrDefault(same)}; {replayer.KillReason}");
        Assert.Null(replayer.KillReason);
        Assert.Equal(leaves, replayer.Mmu.Leaves(0));
        Assert.Null(replayer.Mmu.Audit());
        Assert.Contains("mapped", seen);
        Assert.Contains(seen, text => text.StartsWith("guest-fault", StringComparison.Ordinal));
        Assert.Contains(seen, text => text.StartsWith("device", StringComparison.Ordinal));
        Assert.Equal(coherence != Coherence.Notified, seen.Any(text => text.StartsWith("watched", StringComparison.Ordinal)));
    }

    private static bool IsFault(string text) => text == "mapped"
        || text.StartsWith("guest-fault", StringComparison.Ordinal)
        || text.StartsWith("device", StringComparison.Ordinal)
        || text.StartsWith("watched", StringComparison.Ordinal);

    /// <summary>Notes what the monitor was answered.</summary>
    private sealed class FaultList(IShadowMmu inner, List<string> faults) : IShadowMmu
    {
        public GuestMemory Memory => inner.Memory;

        public ShadowOptions Options => inner.Options;

        public ShadowStatistics Statistics => inner.Statistics;

        public string? KillReason => inner.KillReason;

        public string FormatName => inner.FormatName;

        public ShadowCpu Cpu(int cpu) => inner.Cpu(cpu);

        public FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
        {
            FaultOutcome outcome = inner.DemandPage(cpu, address, code);
            faults.Add(outcome.Kind switch
            {
                FaultKind.Mapped => "mapped",
                FaultKind.GuestFault => $"guest-fault 0x{(uint)outcome.Code:x}",
                FaultKind.Device => $"device {outcome.Address}",
                _ => $"watched {outcome.Address}",
            });
            return outcome;
        }

        public void PinPage(int cpu, Gva address) => inner.PinPage(cpu, address);

        public void SetStack(int cpu, Gva top, int pages) => inner.SetStack(cpu, top, pages);

        public void SetPte(int cpu, Gpa directory, Gva address, ulong entry) => inner.SetPte(cpu, directory, address, entry);

        public void SetPgd(int cpu, Gpa directory, uint index) => inner.SetPgd(cpu, directory, index);

        public void SetPmd(int cpu, Gpa table, uint index) => inner.SetPmd(cpu, table, index);

        public bool LoadPageTable(int cpu, Gpa directory) => inner.LoadPageTable(cpu, directory);

        public void EnterLinear(int cpu) => inner.EnterLinear(cpu);

        public void SetControls(int cpu, PagingControls controls) => inner.SetControls(cpu, controls);

        public void FlushUser(int cpu) => inner.FlushUser(cpu);

        public void ClearAll(int cpu) => inner.ClearAll(cpu);

        public void InvalidatePage(int cpu, Gva address) => inner.InvalidatePage(cpu, address);

        public void PrepareToRun(int cpu, int hostCpu) => inner.PrepareToRun(cpu, hostCpu);

        public void SetGuestData(Gva kernelAddress) => inner.SetGuestData(kernelAddress);

        public Gpa TranslateGuest(int cpu, Gva address) => inner.TranslateGuest(cpu, address);

        public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation) => inner.TryTranslateGuest(cpu, address, out translation);

        public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation) =>
            inner.TryWalkShadow(cpu, address, access, out translation);

        public bool TryGetGuestPage(int cpu, Gva address, out Gfn page) => inner.TryGetGuestPage(cpu, address, out page);

        public IEnumerable<ShadowLeaf> Leaves(int cpu) => inner.Leaves(cpu);

        public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last) => inner.GuestLeaves(cpu, first, last);

        public int Trim(int tables) => inner.Trim(tables);

        public string? Audit() => inner.Audit();

        public void Dispose() => inner.Dispose();
    }
}
