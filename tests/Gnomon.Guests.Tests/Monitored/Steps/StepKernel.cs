using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Guests.Tests.Monitored.Steps;

/// <summary>
/// A kernel for one instruction that touches all that an instruction can: its own bytes, its source, its destination and its stack each
/// lie across two pages, every page has a leaf table of its own, and those that are written hold page tables: the top one too.
/// </summary>
internal sealed class StepKernel
{
    /// <summary>The last byte of the first code page.</summary>
    public const uint CodeEnd = 0x0080_0000;

    /// <summary>Where the source's second page begins.</summary>
    public const uint Source = 0x0100_0000;

    /// <summary>Where the destination's second page begins: a leaf table. The first holds the top table.</summary>
    public const uint Destination = 0x0180_0000;

    /// <summary>Where the stack's second page begins: a leaf table, as the first.</summary>
    public const uint Stack = 0x0200_0000;

    /// <summary>Where registers are kept at the end.</summary>
    public const uint Results = 0x0014_0000;

    /// <summary>The word that says where the kernel goes on.</summary>
    public const uint Back = 0x0014_0080;

    /// <summary>Physical memory that the test compares.</summary>
    public const uint Base = 0x0010_0000;

    public const int Length = 0x5_0000;

    private const uint Data = 0x0010_8000;
    private const uint PlainStack = 0x0010_B000;
    private const uint FirstTable = 0x0011_0000;
    private const uint Pages = 0x0013_0000;
    private const uint Flags = 0x67;

    private readonly byte[] _memory = new byte[Length];
    private readonly Dictionary<(int Level, uint First), uint> _tables = [];
    private readonly HashSet<uint> _entries = [];
    private readonly bool _pae;
    private uint _nextTable = FirstTable;
    private uint _nextPage = Pages;

    /// <summary>Makes the kernel.</summary>
    /// <param name="pae">Its format.</param>
    /// <param name="instruction">The instruction; behind it the kernel goes on as <see cref="Back"/> says.</param>
    /// <param name="before">How many of its bytes lie in the first page.</param>
    /// <param name="setUp">What is done first: registers, memory.</param>
    public StepKernel(bool pae, Action<Assembler> instruction, int before, Action<Assembler> setUp)
    {
        _pae = pae;
        Top = NewTable();
        for (uint page = 0; page < 0x20_0000; page += 0x1000)
        {
            Map(page, page);
        }

        byte[] code = Assemble(CodeEnd - (uint)before, a =>
        {
            instruction(a);
            a.jmp(__dword_ptr[Back]);
        });
        (uint first, uint second) = (NewPage(), NewPage());
        MapWindow(CodeEnd, first, second);
        code.AsSpan(0, before).CopyTo(At(first + 0x1000 - (uint)before));
        code.AsSpan(before).CopyTo(At(second));
        (first, second) = (NewPage(), NewPage());
        MapWindow(Source, first, second);
        for (int i = 0; i < 64; i++)
        {
            At(first + 0x1000 - 64)[i] = (byte)(0x40 + i);
            At(second)[i] = (byte)(0x80 + i);
        }

        // Each window's first page has the last entry of its leaf table, and its second page the first entry of another one. So the
        // end of the one, and the beginning of the other, is room. Nothing may be written before it is known which page it is.
        Table(Destination - 1, 1);
        Table(Destination, 1);
        Table(Stack - 1, 1);
        Table(Stack, 1);
        MapWindow(Destination, Top, Table(CodeEnd - 1, 1));
        MapWindow(Stack, Table(CodeEnd, 1), Table(Source - 1, 1));
        AssembleMain(setUp, CodeEnd - (uint)before).CopyTo(At(Base));
        At(Data + 24)[..64].Fill(0xFF);
        Put(Data + 1376, uint.MaxValue);
        Put(Data + 1380, 0xC000_0000);
        Put(Data + 1384, 0x80);
        "done\0"u8.CopyTo(At(Data + 2048));
    }

    /// <summary>The top-level table.</summary>
    public uint Top { get; }

    /// <summary>Entries of tables that map something: the processor and the host set bits in them.</summary>
    public IReadOnlySet<uint> Entries => _entries;

    /// <summary>The kernel as an ELF file of one segment.</summary>
    public byte[] ToElf() => ElfFile.Of(_memory, Base);

    // Twice: the second time it is known where its labels are.
    private byte[] AssembleMain(Action<Assembler> setUp, uint window)
    {
        (uint Back, uint Trap) marks = (Base, Base);
        byte[] code = [];
        for (int pass = 0; pass < 2; pass++)
        {
            Assembler a = new(32);
            (Label back, Label trap) = WriteMain(a, setUp, window, marks.Back, marks.Trap);
            using MemoryStream stream = new();
            AssemblerResult result = a.Assemble(new StreamCodeWriter(stream), Base, BlockEncoderOptions.ReturnNewInstructionOffsets);
            marks = ((uint)result.GetLabelRIP(back), (uint)result.GetLabelRIP(trap));
            code = stream.ToArray();
        }

        return code;
    }

    private (Label Back, Label Trap) WriteMain(Assembler a, Action<Assembler> setUp, uint window, uint backAt, uint trapAt)
    {
        Label back = a.CreateLabel();
        Label trap = a.CreateLabel();
        a.mov(esp, PlainStack);
        Call(a, 1, Data);
        Gate(a, 0, trapAt);
        Gate(a, 0x80, trapAt);
        Gate(a, 3, trapAt);
        Call(a, 4, Top);
        Call(a, 8, 0);
        a.fninit();
        a.mov(__dword_ptr[Back], backAt);
        setUp(a);
        a.jmp(window);

        // A frame of three words was pushed: keep it, it names the instruction.
        a.Label(ref trap);
        a.mov(edx, __dword_ptr[esp]);
        a.mov(__dword_ptr[Results + 0x40], edx);
        a.Label(ref back);
        a.mov(__dword_ptr[Results], eax);
        a.mov(__dword_ptr[Results + 4], ecx);
        a.mov(__dword_ptr[Results + 8], edx);
        a.mov(__dword_ptr[Results + 12], ebx);
        a.mov(__dword_ptr[Results + 16], esp);
        a.mov(__dword_ptr[Results + 20], esi);
        a.mov(__dword_ptr[Results + 24], edi);
        a.mov(__dword_ptr[Results + 32], ebp);
        a.mov(esp, PlainStack);
        a.pushfd();
        a.pop(eax);
        a.mov(__dword_ptr[Results + 28], eax);
        Call(a, 2, Data + 2048, 1);
        return (back, trap);
    }

    private static void Call(Assembler a, uint number, uint first, uint second = 0)
    {
        a.mov(eax, number);
        a.mov(ebx, first);
        a.mov(ecx, second);
        a.xor(edx, edx);
        a.xor(esi, esi);
        a.@int(0x1F);
    }

    // A trap gate of level 1: it goes to the guest without the host.
    private static void Gate(Assembler a, int vector, uint handler)
    {
        a.mov(edx, (handler & 0xFFFF_0000) | 0x8F00 | (3 << 13));
        a.mov(ecx, (handler & 0xFFFF) | 0x61_0000);
        a.mov(eax, 6);
        a.mov(ebx, vector);
        a.@int(0x1F);
    }

    private static byte[] Assemble(uint at, Action<Assembler> write)
    {
        Assembler code = new(32);
        write(code);
        using MemoryStream stream = new();
        code.Assemble(new StreamCodeWriter(stream), at);
        return stream.ToArray();
    }

    private void MapWindow(uint second, uint firstPage, uint secondPage)
    {
        Map(second - 0x1000, firstPage);
        Map(second, secondPage);
    }

    private void Map(uint address, uint physical)
    {
        uint place = Table(address, 1) + (_pae ? ((address >> 12) & 511) * 8 : ((address >> 12) & 1023) * 4);
        Put(place, physical | Flags);
        _entries.Add(place);
    }

    // The table of a level that an address goes through, made and linked if it is not there.
    private uint Table(uint address, int level)
    {
        int top = _pae ? 3 : 2;
        if (level == top)
        {
            return Top;
        }

        int shift = _pae ? 12 + (9 * level) : 22;
        (int, uint) key = (level, address >> shift);
        if (!_tables.TryGetValue(key, out uint table))
        {
            _tables[key] = table = NewTable();
            uint place = Table(address, level + 1) + (_pae ? (address >> shift) % (level + 1 == top ? 4u : 512u) * 8 : (address >> shift) * 4);
            Put(place, table | (_pae && level + 1 == top ? 1u : Flags));
            _entries.Add(place);
        }

        return table;
    }

    private uint NewTable() => Next(ref _nextTable);

    private uint NewPage() => Next(ref _nextPage);

    private static uint Next(ref uint page)
    {
        uint made = page;
        page += 0x1000;
        return made;
    }

    private Span<byte> At(uint physical) => _memory.AsSpan((int)(physical - Base));

    private void Put(uint physical, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(At(physical), value);
}
