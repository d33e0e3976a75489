using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Paging;

/// <summary>The two-dimensional walk: a guest's own tables, every address of which goes through the host's.</summary>
public sealed unsafe class NestedTests : IDisposable
{
    private const uint GuestDirectory = 0x1000;
    private const uint GuestTable = 0x2000;
    private const uint GuestCode = 0x3000;
    private const uint GuestData = 0x5000;
    private const uint Code = 0x40_0000;
    private const uint Data = 0x40_1000;
    private const ulong Accessed = 1 << 5;
    private const ulong Dirty = 1 << 6;

    private readonly HostMemory _host = new(4);
    private readonly List<Pfn> _frames = [];
    private readonly Pfn _root;
    private readonly Pfn _table;
    private readonly Processor _processor;

    public NestedTests()
    {
        _root = Frame();
        _table = Frame();
        *Entry32(_root, 0) = (_table.Value << 12) | 7;
        NestedMemory<TwoLevel> memory = new(_host, _root);
        _processor = new Processor(memory);
        foreach (uint page in (uint[])[GuestDirectory, GuestTable, GuestCode, GuestData])
        {
            MapGuestPage(page, writable: true);
        }

        *(uint*)At(GuestDirectory + 4) = GuestTable | 7;
        *(uint*)At(GuestTable) = GuestCode | 7;
        *(uint*)At(GuestTable + 4) = GuestData | 7;
        ProcessorRegisters r = _processor.Registers;
        r.Cr3 = GuestDirectory;
        r.Cr0 = 0x8001_0011;
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            r.SetSegment(name, new SegmentValue(8, 0, uint.MaxValue, (ushort)(name == SegmentName.Cs ? 0xC09B : 0xC093)));
        }

        r.Eip = Code;
        Iced.Intel.Assembler a = new(32);
        a.mov(__dword_ptr[Data + 8], 0x1234_5678);
        a.mov(ebx, __[Data + 8]);
        MemoryStream bytes = new();
        a.Assemble(new Iced.Intel.StreamCodeWriter(bytes), Code);
        bytes.ToArray().CopyTo(new Span<byte>(At(GuestCode), 4096));
    }

    [Fact]
    public void Run_ThroughBothTables_SetsAccessedAndDirtyInBoth()
    {
        Assert.Equal(CpuExitReason.Budget, _processor.Run(2).Reason);
        Assert.Equal(0x1234_5678u, _processor.Registers[GeneralRegister.Ebx]);
        Assert.Equal(0x1234_5678u, *(uint*)(At(GuestData) + 8));
        Assert.Equal(Accessed | Dirty, *(uint*)At(GuestTable + 4) & (Accessed | Dirty));
        Assert.Equal(Accessed, *(uint*)At(GuestTable) & (Accessed | Dirty));

        // The host's: the data page was written, and so was the guest's table, by the processor; the code was not.
        Assert.Equal(Dirty, *Entry32(_table, GuestData >> 12) & Dirty);
        Assert.Equal(Dirty, *Entry32(_table, GuestTable >> 12) & Dirty);
        Assert.Equal(0UL, *Entry32(_table, GuestCode >> 12) & Dirty);
    }

    [Theory]
    [InlineData(GuestDirectory, false)]
    [InlineData(GuestTable, false)]
    [InlineData(GuestCode, false)]
    [InlineData(GuestData, true)]
    public void Run_OverAPageThatTheHostLacks_ExitsAndGoesOnOnceItIsThere(uint missing, bool isWrite)
    {
        uint entry = *Entry32(_table, missing >> 12);
        *Entry32(_table, missing >> 12) = 0;
        CpuExit exit = _processor.Run(2);
        Assert.Equal(CpuExitReason.NestedFault, exit.Reason);
        Assert.Equal(missing, (uint)exit.Physical & 0xFFFF_F000);
        Assert.Equal(isWrite, exit.IsWrite);
        Assert.Equal(0u, exit.Code & 1);
        *Entry32(_table, missing >> 12) = entry;
        while (exit.Reason == CpuExitReason.NestedFault)
        {
            exit = _processor.Run(2 - (int)_processor.Instructions);
        }

        Assert.Equal(CpuExitReason.Budget, exit.Reason);
        Assert.Equal(0x1234_5678u, _processor.Registers[GeneralRegister.Ebx]);
    }

    [Fact]
    public void Run_StoreToAPageThatTheHostProtects_IsRefusedWithItsCode()
    {
        *Entry32(_table, GuestData >> 12) &= ~2u;
        CpuExit exit = _processor.Run(2);
        Assert.Equal((CpuExitReason.NestedFault, true), (exit.Reason, exit.IsWrite));
        Assert.Equal((uint)(PageFaultCode.Present | PageFaultCode.Write | PageFaultCode.User), exit.Code);
        Assert.Equal(0u, *(uint*)(At(GuestData) + 8));
    }

    [Fact]
    public void Run_GuestsOwnFault_IsTheGuests()
    {
        _processor.Intercepts = Intercepts.PageFault;
        *(uint*)At(GuestTable + 4) = 0;
        CpuExit exit = _processor.Run(2);
        Assert.Equal((CpuExitReason.PageFault, Data + 8), (exit.Reason, exit.Address));
    }

    [Fact]
    public void Frame_ThatComesBackWithOtherCode_IsDecodedAnew()
    {
        Assert.Equal(CpuExitReason.Budget, _processor.Run(2).Reason);
        uint entry = *Entry32(_table, GuestCode >> 12);
        Pfn frame = new(entry >> 12);
        _host.DropReference(frame);
        Assert.True(_host.TryAllocate(out Pfn again));
        Assert.Equal(frame, again);

        // INC EBX, all over.
        _host.Bytes(again).Fill(0x43);
        _processor.FlushTranslations();
        _processor.Registers[GeneralRegister.Ebx] = 0;
        _processor.Registers.Eip = Code;
        Assert.Equal(CpuExitReason.Budget, _processor.Run(2).Reason);
        Assert.Equal(2u, _processor.Registers[GeneralRegister.Ebx]);
    }

    public void Dispose()
    {
        _processor.Dispose();
        _frames.ForEach(_host.DropReference);
        Assert.Equal(0, _host.FramesInUse);
        _host.Dispose();
    }

    private Pfn Frame()
    {
        Assert.True(_host.TryAllocate(out Pfn frame));
        _frames.Add(frame);
        return frame;
    }

    private void MapGuestPage(uint address, bool writable) =>
        *Entry32(_table, address >> 12) = (Frame().Value << 12) | 5 | (writable ? 2u : 0);

    private uint* Entry32(Pfn table, uint index) => (uint*)_host.Address(table) + index;

    private byte* At(uint guestPhysical) => _host.Address(new Pfn(*Entry32(_table, guestPhysical >> 12) >> 12)) + (guestPhysical & 0xFFF);
}
