using Gnomon.Shadow;

namespace Gnomon.Traces.Tests;

public sealed class TraceReplayerTests
{
    [Fact]
    public void Replayer_FewerSlotsThanCpus_IsRefused()
    {
        Trace trace = Text.Of("", "cpu 3");

        ArgumentException error = Assert.Throws<ArgumentException>(() => new TraceReplayer(trace, new ReplayOptions { Slots = 3 }));

        Assert.Contains("4 virtual CPUs", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_Options_ReplaceTheHeaders()
    {
        ReplayOptions options = new()
        {
            Slots = 2,
            Prefault = 8,
            Policy = new TracePolicy(TracePolicyKind.Clock, 0),
            Coherence = Coherence.Lazy,
            OnFlush = FlushPolicy.Discard,
        };

        TraceHeader header = options.Apply(new TraceHeader { Strict = true });

        Assert.Equal((2, 8, "clock", Coherence.Lazy, FlushPolicy.Discard, true),
            (header.Slots, header.Prefault, header.Policy.ToString(), header.Coherence, header.OnFlush, header.Strict));
    }

    [Fact]
    public void Peek_OfAStoredPage_BringsNothingBack()
    {
        using TraceReplayer replayer = new(Text.Of("", "poke 0x5000 7", "reclaim 0x5000", "peek 0x5000", "fail-allocations 9", "peek 0x5000"));

        Assert.Equal(["ok", "ok", "ok", "0x7", "ok", "0x7"], replayer.Run().Select(result => result.Text));
        Assert.Equal(1, replayer.Mmu.Memory.PagesStored);
    }

    [Fact]
    public void Poke_WithoutMemory_IsTriedAgainThenKills()
    {
        Assert.Equal("5: ok", Text.Replay(Text.Of("", "fail-allocations 3", "poke 0x5000 7"))[^1]);
        Assert.StartsWith("5: killed: the guest stores to 0x5000",
            Text.Replay(Text.Of("", "fail-allocations 1000", "poke 0x5000 7"))[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Stack_OfAnyCount_IsReportedAsTheGuestSaidIt() =>
        Assert.Contains("0xffffffff", Text.Replay(Text.Of("", "stack 0xc0002000 0xffffffff"))[^1], StringComparison.Ordinal);

    [Fact]
    public void Memory_OfTheLargestGuest_IsReplayed()
    {
        Assert.Equal("5: 0xfffff123", Text.Replay(Text.Of("memory 1048576", "poke 0xfffffffc 1", "translate 0xfffff123"))[^1]);
    }

    [Fact]
    public void Dispose_AfterAnyTrace_LeavesNoGuestBehind()
    {
        for (int i = 0; i < 200; i++)
        {
            Assert.NotEmpty(Text.Replay(Text.Of("memory 64", "access 0x1000 wk")));
        }
    }
}
