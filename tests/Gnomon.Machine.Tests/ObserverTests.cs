using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.MachineTests;

/// <summary>What may stand in front of the shadow tables: an observer, the recorder, the auditor.</summary>
public sealed class ObserverTests
{
    private const string Short = "processes=2 forks=2 pages=8";

    [Fact]
    public void Observer_SeesEachFaultAndEachLoad_AndChangesNothing()
    {
        Watcher? watcher = null;
        using Machine plain = Machine.Create(GuestFiles.Options("sundial", Short));
        using Machine observed = Machine.Create(plain.Options with { Observer = mmu => watcher = new Watcher(mmu) });
        plain.Run();
        observed.Run();
        Assert.Equal(plain.StateHash(), observed.StateHash());
        Assert.Equal(observed.Statistics["faults"], watcher!.Faults);
        Assert.Equal(observed.Statistics["loads"], watcher.Loads);
        Assert.True(watcher is { Faults: > 100, Loads: > 10 });
    }

    [Fact]
    public void Observer_OfARestartedGuest_IsMadeAnew()
    {
        int made = 0;
        using Machine machine = Machine.Create(EchoGuest.Options with
        {
            Observer = mmu =>
            {
                made++;
                return mmu;
            },
        });
        machine.Restart();
        Assert.Equal(2, made);
    }

    [Fact]
    public void Audit_OfEachEntry_FindsNothingAndChangesNothing()
    {
        using Machine plain = Machine.Create(EchoGuest.Options);
        using Machine audited = Machine.Create(plain.Options with { AuditEvery = 1 });
        plain.Run();
        audited.Run();
        Assert.Equal(plain.StateHash(), audited.StateHash());
    }

    [Fact]
    public void Audit_ThatFindsSomething_EndsTheMachine()
    {
        // A frame of a table is written behind the engine's back: a leaf that nothing accounts for.
        Breaker? breaker = null;
        using Machine machine = Machine.Create(GuestFiles.Options("sundial", Short) with
        {
            AuditEvery = 100,
            Observer = mmu => breaker = new Breaker(mmu),
        });
        Assert.Equal(RunStop.Ended, machine.Run());
        Assert.True(breaker!.HasBroken);
        Assert.Equal(MachineEndReason.AuditFailed, machine.End?.Reason);
        Assert.NotEmpty(machine.End!.Text);
    }

    [Theory]
    [InlineData("sundial")]
    [InlineData("sundial-pae")]
    public void Trace_OfARun_IsReplayedWithTheSameFaultsAndLoads(string image)
    {
        StringWriter text = new();
        using Machine machine = Machine.Create(GuestFiles.Options(image, Short) with { Trace = text });
        machine.Run();
        Assert.Equal(MachineEndReason.Shutdown, machine.End?.Reason);
        using MemoryStream stream = new(System.Text.Encoding.UTF8.GetBytes(text.ToString()));
        using TraceReplayer replayer = new(TraceParser.Parse(stream, default), new ReplayOptions());
        Assert.All(replayer.Run(), result => Assert.Null(result.Broken));
        Dictionary<string, long> replayed = replayer.Mmu.Statistics.All().ToDictionary();
        Assert.Equal(machine.Statistics["faults"], replayed["faults"]);
        Assert.Equal(machine.Statistics["loads"], replayed["loads"]);
        Assert.Equal(machine.Statistics["fixed"], replayed["fixed"]);
    }

    private sealed class Watcher(IShadowMmu inner) : ShadowObserver(inner)
    {
        public long Faults { get; private set; }

        public long Loads { get; private set; }

        public override FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
        {
            Faults++;
            return base.DemandPage(cpu, address, code);
        }

        public override bool LoadPageTable(int cpu, Gpa directory)
        {
            Loads++;
            return base.LoadPageTable(cpu, directory);
        }
    }

    private sealed class Breaker(IShadowMmu inner) : ShadowObserver(inner)
    {
        public bool HasBroken { get; private set; }

        public override bool LoadPageTable(int cpu, Gpa directory)
        {
            bool loaded = base.LoadPageTable(cpu, directory);
            if (!HasBroken && Inner.Statistics.Loads == 5)
            {
                HasBroken = true;

                // The directory's entry for 0x40000000: present, and of no table.
                Span<byte> root = Memory.Host.Bytes(Inner.Cpu(cpu).Root);
                root[4 * 0x100] = 0x07;
                root[(4 * 0x100) + 1] = 0x10;
            }

            return loaded;
        }
    }
}
