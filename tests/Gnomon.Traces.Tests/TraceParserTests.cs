using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Traces.Tests;

public sealed class TraceParserTests
{
    [Fact]
    public void Header_NotGiven_HasTheDocumentedDefaults()
    {
        TraceHeader header = Text.Parse("gnomon-trace 1\ninit\n").Header;

        Assert.Equal(TraceFormat.TwoLevel, header.Format);
        Assert.Equal(16384, header.MemoryPages);
        Assert.Equal(64, header.Slots);
        Assert.Equal(TracePolicyKind.Lru, header.Policy.Kind);
        Assert.Equal(1, header.Prefault);
        Assert.Equal(0xC000_0000u, header.Kernel);
        Assert.Equal(0xFFC0_0000u, header.SwitcherAddress);
        Assert.Equal(Coherence.Notified, header.Coherence);
        Assert.Equal(FlushPolicy.Resync, header.OnFlush);
        Assert.Empty(header.Devices);
        Assert.Equal(GuestKind.Paravirtual, header.Guest);
        Assert.False(header.Strict);
        Assert.Equal(0xFFE0_0000u, Text.Of("format pae").Header.SwitcherAddress);
    }

    [Fact]
    public void Header_AllGiven_IsRead()
    {
        TraceHeader header = Text.Of("""
            device 0x400000 0x1000
            strict
            format pae
            memory 0x100
            slots 4
            policy random:0xffffffff
            prefault 1024
            kernel 0x80000000
            switcher 0xff000000
            coherence lazy
            on-flush discard
            device 1 1
            guest unmodified
            """).Header;

        Assert.Equal(TraceFormat.Pae, header.Format);
        Assert.Equal(256, header.MemoryPages);
        Assert.Equal(4, header.Slots);
        Assert.Equal(new TracePolicy(TracePolicyKind.Random, uint.MaxValue), header.Policy);
        Assert.Equal(1024, header.Prefault);
        Assert.Equal(0x8000_0000u, header.Kernel);
        Assert.Equal(0xFF00_0000u, header.SwitcherAddress);
        Assert.Equal(Coherence.Lazy, header.Coherence);
        Assert.Equal(FlushPolicy.Discard, header.OnFlush);
        Assert.Equal([new DeviceWindow(new Gpa(0x400000), 0x1000), new DeviceWindow(new Gpa(1), 1)], header.Devices);
        Assert.Equal(GuestKind.Unmodified, header.Guest);
        Assert.True(header.Strict);
    }

    public static TheoryData<string, TraceOperation> Operations => new()
    {
        { "cpu 63", new TraceOperation.Cpu(63) },
        { "store 0x1003 3 0xffffff", new TraceOperation.Store(new Gpa(0x1003), 3, 0xFFFFFF) },
        { "store 0x3fffff8 8 0xffffffffffffffff", new TraceOperation.Store(new Gpa(0x3FFFFF8), 8, ulong.MaxValue) },
        { "poke 0x3fffff8 0xffffffffffffffff", new TraceOperation.Poke(new Gpa(0x3FFFFF8), ulong.MaxValue) },
        { "peek 8", new TraceOperation.Peek(new Gpa(8)) },
        { "stack 0xc0002000 4294967295", new TraceOperation.StackPages(new Gva(0xC0002000), uint.MaxValue) },
        { "load 0x1000", new TraceOperation.Load(new Gpa(0x1000)) },
        { "fault 0xffffffff 6", new TraceOperation.Fault(new Gva(0xFFFFFFFF), PageFaultCode.User | PageFaultCode.Write) },
        { "pin 0xc0001000", new TraceOperation.Pin(new Gva(0xC0001000)) },
        { "set-pte 0xffffffffffffffff 0 0x8000000000005067", new TraceOperation.SetPte(new Gpa(ulong.MaxValue), new Gva(0), 0x8000000000005067) },
        { "set-pgd 0x1000 4294967295", new TraceOperation.SetPgd(new Gpa(0x1000), uint.MaxValue) },
        { "set-pmd 0x3000 4", new TraceOperation.SetPmd(new Gpa(0x3000), 4) },
        { "invlpg 0x400000", new TraceOperation.InvalidatePage(new Gva(0x400000)) },
        { "controls 5", new TraceOperation.Controls(PagingControls.WriteProtect | PagingControls.NoExecute) },
        { "linear", new TraceOperation.EnterLinear() },
        { "flush-user", new TraceOperation.FlushUser() },
        { "clear-all", new TraceOperation.ClearAll() },
        { "translate 0x400123", new TraceOperation.Translate(new Gva(0x400123)) },
        { "map-switcher 254", new TraceOperation.MapSwitcher(254) },
        { "access 1 ru", new TraceOperation.Access(new Gva(1), new PageAccess(PageFaultCode.User)) },
        { "access 1 wk", new TraceOperation.Access(new Gva(1), new PageAccess(PageFaultCode.Write)) },
        { "access 1 xu", new TraceOperation.Access(new Gva(1), new PageAccess(PageFaultCode.Fetch | PageFaultCode.User)) },
        { "reclaim 0x5000", new TraceOperation.Reclaim(new Gpa(0x5000)) },
        { "fail-allocations 3", new TraceOperation.FailAllocations(3) },
        { "dump", new TraceOperation.Dump() },
        { "stats", new TraceOperation.Stats() },
        { "audit", new TraceOperation.Audit() },
    };

    [Theory]
    [MemberData(nameof(Operations), DisableDiscoveryEnumeration = true)]
    public void Operation_WellWritten_IsReadAndWrittenTheSame(string line, TraceOperation expected)
    {
        TraceLine read = Text.Of("format pae", line).Lines[1];

        Assert.Equal(new TraceLine(4, expected), read);
        Assert.Equal(expected, Text.Of("format pae", TraceWriter.Format(expected)).Lines[1].Operation);
    }

    [Theory]
    [InlineData("gnomon-trace 1\r\ninit\r\npoke 0x1000 5\r\n")]
    [InlineData("gnomon-trace 1\ninit\npoke 0x1000 5")]
    [InlineData("  gnomon-trace 1  # yes\n\tinit\n poke\t 0x1000 \t 5 #5\n")]
    [InlineData("gnomon-trace 1#\xff\x00\ninit# poke\npoke 0x00001000 005 # 0xzz\n\n\n")]
    public void Text_InEveryFormThatIsAllowed_IsReadTheSame(string text)
    {
        Trace trace = Text.Parse(text);

        Assert.Equal(
            [new TraceLine(2, new TraceOperation.Init()), new TraceLine(3, new TraceOperation.Poke(new Gpa(0x1000), 5))],
            trace.Lines);
    }

    [Fact]
    public void Trace_WithSeveralCpus_CountsThem()
    {
        Trace trace = Text.Of("", "cpu 3", "cpu 1", "map-switcher 7", "map-switcher 2");

        Assert.Equal((4, 8), (trace.Cpus, trace.HostCpus));
    }

    [Fact]
    public void Memory_AtItsLimits_IsAccepted()
    {
        Assert.Equal(1, Text.Of("memory 1", "peek 0xffc").Header.MemoryPages);
        Assert.Equal(1048576, Text.Of("memory 1048576", "peek 0xfffffffc").Header.MemoryPages);
    }
}
