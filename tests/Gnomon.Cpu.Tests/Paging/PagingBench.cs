namespace Gnomon.Cpu.Tests.Paging;

/// <summary>How a processor uses a page.</summary>
public enum Use
{
    /// <summary>MOV EAX, [EBX].</summary>
    Read,

    /// <summary>MOV [EBX], EAX.</summary>
    Write,

    /// <summary>JMP EBX, then the instruction there.</summary>
    Fetch,
}

/// <summary>A processor with page tables that a test writes entry by entry, and one page to be used through them.</summary>
// SAFETY: all addresses written lie below MemoryBytes.
internal sealed unsafe class PagingBench : IDisposable
{
    public const uint Directory = 0x1000;
    public const uint TargetTable = 0x2000;
    public const uint CodeTable = 0x3000;
    public const uint Pointers = 0x4000;
    public const uint CodeDirectory = 0x5000;
    public const uint Code = 0x7000;
    public const uint Target = 0x40_0000;
    public const uint TargetPage = 0x80_0000;
    private const int MemoryBytes = 0xC0_0000;
    private const uint CodeAddress = 0xC000_0000;

    private readonly TestRam _ram = new(MemoryBytes);
    private readonly Processor _processor;
    private readonly bool _pae;

    /// <summary>A processor with paging of one format; the code's own mapping lets everyone do everything.</summary>
    public PagingBench(bool pae)
    {
        _pae = pae;
        _processor = new Processor(_ram) { Intercepts = Intercepts.PageFault };
        Put(Code, [0x8B, 0x03, 0xF4, 0x90]);
        Put(Code + 0x10, [0x89, 0x03, 0xF4, 0x90]);
        Put(Code + 0x20, [0xFF, 0xE3]);
        // INC EAX, all over.
        new Span<byte>(_ram.At(TargetPage), 4096).Fill(0x40);
        if (pae)
        {
            Put64(Pointers + 24, CodeDirectory | 1);
            Put64(CodeDirectory, CodeTable | 7);
            Put64(CodeTable, Code | 7);
        }
        else
        {
            Put32(Directory + (CodeAddress >> 22 << 2), CodeTable | 7);
            Put32(CodeTable, Code | 7);
        }
    }

    /// <summary>Writes a two-level entry.</summary>
    public void Put32(uint address, uint value) => *(uint*)_ram.At(address) = value;

    /// <summary>Writes a PAE entry.</summary>
    public void Put64(uint address, ulong value) => *(ulong*)_ram.At(address) = value;

    /// <summary>Reads an entry.</summary>
    public ulong Get(uint address) => _pae ? *(ulong*)_ram.At(address) : *(uint*)_ram.At(address);

    /// <summary>Uses the page at <see cref="Target"/>.</summary>
    /// <returns>Null where it was allowed, else the page fault's error code.</returns>
    public uint? Try(Use use, bool user, bool writeProtect, bool largePages, bool noExecute)
    {
        ProcessorRegisters r = _processor.Registers;
        r.Cr0 = 0x8000_0011 | (writeProtect ? 1u << 16 : 0);
        r.Cr4 = (_pae ? 1u << 5 : 0) | (largePages ? 1u << 4 : 0);
        r.Efer = noExecute ? 1u << 11 : 0;
        r.Cr3 = _pae ? Pointers : Directory;
        r.LoadPointers(new ReadOnlySpan<ulong>(_ram.At(Pointers), 4));
        ushort dpl = (ushort)(user ? 3 << 5 : 0);
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            r.SetSegment(name, new SegmentValue((ushort)(user ? 0xB : 0x8), 0, uint.MaxValue, (ushort)((name == SegmentName.Cs ? 0xC09B : 0xC093) | dpl)));
        }

        r.Cpl = user ? 3 : 0;
        r[GeneralRegister.Ebx] = Target;
        r[GeneralRegister.Eax] = 0x4040_4040;
        r.Eip = CodeAddress + (use switch { Use.Read => 0u, Use.Write => 0x10u, _ => 0x20u });
        CpuExit exit = _processor.Run(use == Use.Fetch ? 2 : 1);
        if (exit.Reason == CpuExitReason.Budget)
        {
            return null;
        }

        Assert.Equal(CpuExitReason.PageFault, exit.Reason);
        Assert.Equal(Target, exit.Address);
        return exit.Code;
    }

    public void Dispose()
    {
        _processor.Dispose();
        _ram.Dispose();
    }

    private void Put(uint address, ReadOnlySpan<byte> bytes) => bytes.CopyTo(new Span<byte>(_ram.At(address), bytes.Length));
}
