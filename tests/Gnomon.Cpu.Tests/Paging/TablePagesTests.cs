using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Tests.Paging;

/// <summary>Where page tables lie in the host's memory is looked up anew after every flush.</summary>
// SAFETY: host pages are those of a TestRam, which lives as long as each test.
public sealed unsafe class TablePagesTests
{
    private const uint Code = 0x1000;
    private const uint Data = 0x5000;
    private const uint Directory = 0x2000;
    private const uint Table = 0x3000;
    private const uint Elsewhere = 0x4000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Flush_AfterTheTablesMoved_WalksUseTheNewOnes(bool onePage)
    {
        using TestRam ram = new(0x10000);
        MovableMemory memory = new(ram);
        using Processor processor = new(memory);
        Write(ram, Directory, Table | 3);
        for (uint page = 0; page < 16; page++)
        {
            Write(ram, Table + (page * 4), (page << 12) | 3);
            Write(ram, Elsewhere + (page * 4), (page << 12) | 3);
        }

        Write(ram, Elsewhere + (Data >> 10), (Data + 0x1000) | 3);
        Write(ram, Data, 11);
        Write(ram, Data + 0x1000, 22);
        ram.Bytes(Code, 5)[0] = 0xA1; // MOV EAX, [Data]
        Write(ram, Code + 1, Data);
        Start(processor.Registers);

        Assert.Equal(11u, Load(processor));
        memory.Moved = (Table >> 12, Elsewhere);
        if (onePage)
        {
            processor.FlushPage(Data);
        }
        else
        {
            processor.FlushTranslations();
        }

        Assert.Equal(22u, Load(processor));
    }

    private static void Start(ProcessorRegisters registers)
    {
        registers.Cr0 = Cr0.ProtectionEnable | Cr0.ExtensionType;
        registers.SetSegment(SegmentName.Cs, new SegmentValue(8, 0, uint.MaxValue, 0xC09B));
        foreach (SegmentName name in new[] { SegmentName.Es, SegmentName.Ss, SegmentName.Ds })
        {
            registers.SetSegment(name, new SegmentValue(16, 0, uint.MaxValue, 0xC093));
        }

        registers.Cr3 = Directory;
        registers.Cr0 |= Cr0.Paging;
    }

    private static uint Load(Processor processor)
    {
        processor.Registers.Eip = Code;
        Assert.Equal(CpuExitReason.Budget, processor.Run(1).Reason);
        return processor.Registers[GeneralRegister.Eax];
    }

    private static void Write(TestRam ram, uint address, uint value) => BitConverter.GetBytes(value).CopyTo(ram.Bytes(address, 4));

    /// <summary>Memory of which one page can be elsewhere.</summary>
    private sealed class MovableMemory(TestRam ram) : PhysicalMemory
    {
        public (ulong Page, uint Host) Moved { get; set; }

        public override PhysicalPage Find(ulong page, bool write) =>
            page != 0 && page == Moved.Page ? PhysicalPage.Memory(ram.At(Moved.Host)) : ram.Find(page, write);
    }
}
