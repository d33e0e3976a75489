using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Tests.Paging;

/// <summary>A processor over the host's own frames, as under shadow tables: what it keeps goes when it is told, and never outlives a frame.</summary>
public sealed unsafe class HostFramesTests : IDisposable
{
    private const byte IncEax = 0x40;
    private const byte IncEcx = 0x41;
    private const uint Address = 0x1000;

    private readonly HostMemory _host = new(2);
    private readonly Processor _processor;
    private readonly Pfn _directory;
    private readonly Pfn _table;

    public HostFramesTests()
    {
        _directory = Take();
        _table = Take();
        *(uint*)_host.Address(_directory) = (_table.Value << 12) | 7;
        _processor = new Processor(new HostFrames(_host));
        ProcessorRegisters r = _processor.Registers;
        r.Cr3 = _directory.Value << 12;
        r.Cr0 = 0x8001_0011;
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            r.SetSegment(name, new SegmentValue(8, 0, uint.MaxValue, (ushort)(name == SegmentName.Cs ? 0xC09B : 0xC093)));
        }
    }

    [Fact]
    public void Frame_ThatIsReusedForOtherCode_IsDecodedAnew()
    {
        Pfn frame = Take();
        Map(frame);
        Fill(frame, IncEax);
        RunFrom(5);
        Assert.Equal(5u, _processor.Registers[GeneralRegister.Eax]);

        // The page is taken away, and the same frame comes back with other bytes that the processor never saw being written.
        Map(Pfn.None);
        _processor.Invalidate(Invalidation.OfPage(new Gva(Address), InvalidationKind.Translations));
        _host.DropReference(frame);
        Pfn again = Take();
        Assert.Equal(frame, again);
        Fill(again, IncEcx);
        Map(again);
        RunFrom(5);
        Assert.Equal(5u, _processor.Registers[GeneralRegister.Eax]);
        Assert.Equal(5u, _processor.Registers[GeneralRegister.Ecx]);
        _host.DropReference(again);
    }

    [Fact]
    public void Invalidate_OfTranslations_MakesTheNextAccessWalk()
    {
        Pfn frame = Take();
        Map(frame);
        Fill(frame, IncEax);
        RunFrom(3);
        Map(Pfn.None);
        _processor.Intercepts = Intercepts.PageFault;

        // Not told yet: what it holds may still be used. Told: it is not.
        Assert.Equal(CpuExitReason.Budget, RunFrom(3).Reason);
        _processor.Invalidate(Invalidation.OfPage(new Gva(Address), InvalidationKind.Translations));
        Assert.Equal(CpuExitReason.PageFault, RunFrom(3).Reason);
        _host.DropReference(frame);
    }

    [Fact]
    public void Invalidate_OfWriteAccess_MakesTheNextStoreFault_AndLeavesReads()
    {
        Pfn frame = Take();
        Map(frame);

        // MOV [EBX], EAX; MOV EAX, [EBX].
        new byte[] { 0x89, 0x03, 0x8B, 0x03 }.CopyTo(_host.Bytes(frame));
        Pfn data = Take();
        *((uint*)_host.Address(_table) + 2) = (data.Value << 12) | 7;
        _processor.Registers[GeneralRegister.Ebx] = 0x2000;
        Assert.Equal(CpuExitReason.Budget, RunFrom(2).Reason);
        *((uint*)_host.Address(_table) + 2) &= ~2u;
        _processor.Invalidate(Invalidation.OfPage(new Gva(0x2000), InvalidationKind.WriteAccess));
        _processor.Intercepts = Intercepts.PageFault;
        CpuExit exit = RunFrom(2);
        Assert.Equal((CpuExitReason.PageFault, 3u), (exit.Reason, exit.Code));
        _processor.Registers.Eip = Address + 2;
        Assert.Equal(CpuExitReason.Budget, _processor.Run(1).Reason);
        _host.DropReference(frame);
        _host.DropReference(data);
    }

    public void Dispose()
    {
        _processor.Dispose();
        _host.DropReference(_directory);
        _host.DropReference(_table);
        Assert.Equal(0, _host.FramesInUse);
        _host.Dispose();
    }

    private Pfn Take()
    {
        Assert.True(_host.TryAllocate(out Pfn frame));
        return frame;
    }

    private void Map(Pfn frame) => *((uint*)_host.Address(_table) + (Address >> 12)) = frame == Pfn.None ? 0 : (frame.Value << 12) | 7;

    private void Fill(Pfn frame, byte value) => _host.Bytes(frame).Fill(value);

    private CpuExit RunFrom(int instructions)
    {
        _processor.Registers.Eip = Address;
        return _processor.Run(instructions);
    }
}
