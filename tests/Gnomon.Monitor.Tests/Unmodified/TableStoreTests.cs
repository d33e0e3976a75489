using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Stores to the guest's own page tables while they are shadowed, by every kind of instruction, and what is visible then.</summary>
public sealed class TableStoreTests
{
    private const uint Moved = 0x4_0000;
    private const uint Target = 0x5_0000;

    /// <summary>The ways in which <see cref="Store"/> puts an entry into a table.</summary>
    public static TheoryData<PcKind, bool, string> Ways
    {
        get
        {
            TheoryData<PcKind, bool, string> ways = [];
            foreach (string way in (string[])["mov", "bytes", "xchg", "cmpxchg", "cmpxchg8b", "push", "stos", "rep stos", "rep movs", "add", "call", "pop", "fistp", "bts"])
            {
                foreach (PcKind kind in Enum.GetValues<PcKind>())
                {
                    ways.Add(kind, false, way);
                    ways.Add(kind, true, way);
                }
            }

            return ways;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Store_OfAnEntryInEveryForm_IsTheNextAccessesTranslation(PcKind kind, bool pae, string way)
    {
        SmallTables tables = new((_, _) => { }, pae);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);

            // The table's page is mapped writable before it is watched, and Moved is in the shadows.
            p.SayAt(Moved);
            Store(p, way, tables.Entry(Moved), Target | SmallTables.Open);
            p.Code.invlpg(__byte_ptr[Moved]);
            p.SayAt(Moved);
            p.SayAt(tables.Entry(Moved));
            p.SayAt(tables.Entry(Moved - 0x1000));
            p.Code.cmp(esp, SmallProgram.Stack);
            p.Code.sete(bl);
            p.Code.movzx(ebx, bl);
            p.Say(ebx);
            p.Off();
        }, pae, pc =>
        {
            Prepare(pc);

            // What BTS changes is one bit: the entry is there but for it.
            if (way == "bts")
            {
                pc.Tables.Map(Moved, Moved & ~0x1_0000u, SmallTables.Open);
                pc.Write32(Moved & ~0x1_0000u, 0x11);
            }
        });

        uint target = way == "bts" ? Moved | 0x1_0000 : Target;
        uint[] said = pc.RunToEnd();
        Assert.Equal([0x11, 0x22, target | 0x27, (Moved - 0x1000) | 0x07, 1], said);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Store_MisalignedOverTwoEntries_IsSeenInBoth(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(Moved);
            p.SayAt(Moved + 0x1000);

            // Bytes 1 to 3 of this entry, in two-level also byte 0 of the next.
            p.Store(tables.Entry(Moved) + 1, ((Target | SmallTables.Open) >> 8) | (pae ? 0u : 0x06u << 24));
            p.Code.invlpg(__byte_ptr[Moved]);
            p.Code.invlpg(__byte_ptr[Moved + 0x1000]);
            p.SayAt(Moved);
            p.Try("next", c => c.mov(ebx, __dword_ptr[Moved + 0x1000]));
            p.Off();
        }, pae, Prepare);

        Assert.Equal([0x11, 0x12, 0x22, .. pae ? [] : pc.Fault(14, "next", 0, Moved + 0x1000)], pc.RunToEnd());
    }

    // The last entry of one leaf table and the first of what lies behind it, in two-level ordinary memory.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Store_AcrossTheTablesEnd_WritesBothPages(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        uint last = pae ? 0x1F_F000u : 0x3F_F000;
        uint end = (tables.Entry(last) | 0xFFF) + 1;
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(last);
            p.SayAt(0x20_0000);

            // Two bytes before the end and two behind it; the tables are mapped.
            p.Code.mov(ebx, __dword_ptr[end - 2]);
            p.Code.xor(ebx, pae ? 0 : (int)((last ^ Target) >> 16));
            p.Code.xor(ebx, 0x0100_0000 << 4);
            p.Code.mov(__dword_ptr[end - 2], ebx);
            p.Code.invlpg(__byte_ptr[last]);
            p.Code.invlpg(__byte_ptr[0x20_0000]);
            p.SayAt(end - 4);
            p.SayAt(end);
            p.SayAt(pae ? 0x20_0000 : last);
            p.Off();
        }, pae, pc =>
        {
            Prepare(pc);
            pc.Tables.Map(last, last & 0xF000, SmallTables.Open);
            pc.Write32(last & 0xF000, 0x31);
            pc.Write32(0x20_0000, 0x32);
            pc.Write32(0x20_1000, 0x33);
            pc.Write32((last & 0xF000) | ((last ^ Target) & 0xFFFF_0000), 0x34);
        });

        uint[] said = pc.RunToEnd();
        uint moved = ((last & 0xF000) ^ ((last ^ Target) & 0xFFFF_0000));
        uint[] expected = pae
            ? [0x31, 0x32, 0, (0x20_0000u | 0x27) ^ 0x1000, 0x33]
            : [0x31, 0x32, (said[2] & 0x60) | moved | SmallTables.Open, 0x1000, 0x34];
        Assert.Equal(expected, said);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void ReadModifyWrite_OfAWatchedTable_ReadsTheTable(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(Moved);
            p.Code.mov(ebx, 0x100);
            p.Code.@lock.xadd(__dword_ptr[tables.Entry(Moved)], ebx);
            p.Say(ebx);
            p.Code.or(__dword_ptr[tables.Entry(Moved)], 0x400);
            p.Code.btr(__dword_ptr[tables.Entry(Moved)], 8);
            p.Code.setc(bl);
            p.Code.movzx(ebx, bl);
            p.Say(ebx);
            p.SayAt(tables.Entry(Moved));

            // An instruction that reads the table and writes it: REP MOVS from one entry to the next.
            p.Code.mov(esi, tables.Entry(Moved));
            p.Code.mov(edi, tables.Entry(Moved + 0x1000));
            p.Code.movsd();
            p.Code.invlpg(__byte_ptr[Moved + 0x1000]);
            p.SayAt(Moved + 0x1000);
            p.Off();
        }, pae, Prepare);

        Assert.Equal([0x11, Moved | 0x27, 1, Moved | 0x427, 0x11], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Stale_BeforeInvlpg_OnlyWhereTablesMayBe(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(Moved);
            p.Store(tables.Entry(Moved), Target | SmallTables.Open);
            p.SayAt(Moved);
            p.Code.invlpg(__byte_ptr[Moved]);
            p.SayAt(Moved);

            // And by a load of the tables.
            p.Store(tables.Entry(Moved), Moved | SmallTables.Open);
            p.SayAt(Moved);
            p.LoadTables(SmallTables.Directory);
            p.SayAt(Moved);
            p.Off();
        }, pae, Prepare);

        // Nested paging has the processor's own TLB, which is stale as in hardware.
        uint[] said = pc.RunToEnd();
        Assert.Equal(kind == PcKind.Watched ? [0x11, 0x22, 0x22, 0x11, 0x11] : [0x11, 0x11, 0x22, 0x22, 0x11], said);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void UpperEntry_Replaced_LeadsToTheOtherTable(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        uint address = tables.UpperReach * 2;
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(address + Moved);
            p.Store(tables.UpperEntry(address), tables.Leaves(SmallTables.Other) | SmallTables.Open);
            p.LoadTables(SmallTables.Directory);
            p.SayAt(address + Moved);
            p.Store(tables.UpperEntry(address), 0);
            p.LoadTables(SmallTables.Directory);
            p.Try("gone", c => c.mov(ebx, __dword_ptr[address + Moved]));
            p.Off();
        }, pae, pc =>
        {
            Prepare(pc);
            pc.Tables.Lay(SmallTables.Other);
            pc.Tables.Map(Moved, Target, SmallTables.Open, SmallTables.Other);
            pc.Write32(pc.Tables.UpperEntry(address), pc.Tables.Leaves() | SmallTables.Open);
        });

        Assert.Equal([0x11, 0x22, .. pc.Fault(14, "gone", 0, address + Moved)], pc.RunToEnd());
    }

    // The top-level table is its own leaf table: its entries are seen at one page, as some kernels map them.
    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Lazy)]
    [InlineData(PcKind.Nested)]
    public void Recursive_Directory_IsReadAndWrittenThroughItself(PcKind kind)
    {
        const uint window = 0xFFC0_0000;
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae: false);
            p.SayAt(Moved);
            p.SayAt(0xFFFF_FFFC);
            p.SayAt(window + ((Moved >> 12) * 4));
            p.Store(window + ((Moved >> 12) * 4), Target | SmallTables.Open);
            p.Code.invlpg(__byte_ptr[Moved]);
            p.SayAt(Moved);

            // A new leaf table, through the directory's own page; its entries through the window.
            p.Store(0xFFFF_F000 + 4, SmallTables.Other | SmallTables.Open);
            p.Store(window + 0x1000 + ((Moved >> 12) * 4), Target | SmallTables.Open);
            p.SayAt(0x40_0000 + Moved);

            // The window's own entry goes.
            p.Store(0xFFFF_FFFC, 0);
            p.LoadTables(SmallTables.Directory);
            p.Try("gone", c => c.mov(ebx, __dword_ptr[window]));
            p.Off();
        }, prepare: pc =>
        {
            Prepare(pc);
            pc.Write32(SmallTables.Directory + 0xFFC, SmallTables.Directory | SmallTables.Open);
        });

        uint[] said = pc.RunToEnd();

        // As a leaf the last entry is accessed; it was written through, so it is dirty later, not yet.
        Assert.Equal([0x11, SmallTables.Directory | 0x27, Moved | 0x27, 0x22, 0x22, .. pc.Fault(14, "gone", 0, window)], said);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Code_InAPageThatIsAlsoATable_MayChangeItself(PcKind kind, bool pae)
    {
        // The leaf table of a second range lies in the page from which the code runs; a few of its entries are used.
        SmallTables tables = new((_, _) => { }, pae);
        const uint page = 0x6_0000;
        uint address = tables.UpperReach * 2;
        uint entry = page + 0x800;
        uint covered = address + (0x800 / tables.Width << 12);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(covered);
            foreach (int constant in (int[])[0x99, 0x77])
            {
                p.Code.mov(ecx, constant);
                p.Code.mov(eax, page);
                p.Code.call(eax);
                p.Say(ebx);
                p.SayAt(covered);
            }

            p.Off();
        }, pae, pc =>
        {
            Prepare(pc);
            pc.Write32(pc.Tables.UpperEntry(address), page | SmallTables.Open);
            pc.Write32(entry, Moved | SmallTables.Open);
            Assembler code = new(32);
            code.mov(ebx, 1);
            code.mov(__dword_ptr[entry], Target | SmallTables.Open);

            // The constant of the instruction behind this one: 5 + 10 + 6 + 1 + 1 bytes are before it.
            code.mov(__dword_ptr[page + 23], ecx);
            code.nop();
            code.mov(ebx, 0x55);
            code.invlpg(__byte_ptr[covered]);
            code.ret();
            using MemoryStream stream = new();
            code.Assemble(new StreamCodeWriter(stream), page);
            byte[] bytes = stream.ToArray();
            for (int i = 0; i < (bytes.Length + 3) / 4; i++)
            {
                pc.Write32(page + ((uint)i * 4), BitConverter.ToUInt32([.. bytes, 0, 0, 0], i * 4));
            }
        });

        Assert.Equal([0x11, 0x99, 0x22, 0x77, 0x22], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Code_OfThePageThatIsRemapped_GoesOnInTheNewPage(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        const uint page = 0x6_0000;
        const uint copy = 0x7_0000;
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(eax, page);
            p.Code.call(eax);
            p.Say(ebx);
            p.Off();
        }, pae, pc =>
        {
            Put(page, 0x55);
            Put(copy, 0x66);

            void Put(uint at, uint constant)
            {
                Assembler code = new(32);
                code.mov(__dword_ptr[tables.Entry(page)], copy | SmallTables.Open);
                code.invlpg(__byte_ptr[page]);
                code.mov(ebx, constant);
                code.ret();
                using MemoryStream stream = new();
                code.Assemble(new StreamCodeWriter(stream), page);
                byte[] bytes = stream.ToArray();
                for (int i = 0; i < (bytes.Length + 3) / 4; i++)
                {
                    pc.Write32(at + ((uint)i * 4), BitConverter.ToUInt32([.. bytes, 0, 0, 0], i * 4));
                }
            }
        });

        Assert.Equal([0x66], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Stack_InAWatchedTable_TakesAnExceptionsFrame(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        uint end = (tables.Entry(0x10_0000) | 0xFFF) - 0x7F;
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.SayAt(0x10_0000);
            p.Code.mov(esp, end);
            p.Try("undefined", c => c.ud2());
            p.Code.push(0x1234_5678);
            p.Code.mov(ebx, esp);
            p.Say(ebx);
            p.Code.pop(ebx);
            p.Say(ebx);
            p.Off();
        }, pae, pc => pc.Write32(0x10_0000, 0x44));

        Assert.Equal([0x44, .. pc.Fault(6, "undefined"), end - 4, 0x1234_5678], pc.RunToEnd());
    }

    private static void Prepare(SmallPc pc)
    {
        pc.Write32(Moved, 0x11);
        pc.Write32(Moved + 0x1000, 0x12);
        pc.Write32(Target, 0x22);
    }

    private static void Store(SmallProgram p, string way, uint entry, uint value)
    {
        Assembler c = p.Code;
        switch (way)
        {
            case "mov":
                p.Store(entry, value);
                break;
            case "bytes":
                c.mov(__byte_ptr[entry + 2], (byte)(value >> 16));
                c.mov(__word_ptr[entry], (ushort)value);
                break;
            case "xchg":
                c.mov(ebx, value);
                c.xchg(__dword_ptr[entry], ebx);
                break;
            case "cmpxchg":
                c.mov(eax, __dword_ptr[entry]);
                c.mov(ebx, value);
                c.@lock.cmpxchg(__dword_ptr[entry], ebx);
                break;
            case "cmpxchg8b":
                c.mov(eax, __dword_ptr[entry]);
                c.mov(edx, __dword_ptr[entry + 4]);
                c.mov(ebx, value);
                c.mov(ecx, edx);
                c.@lock.cmpxchg8b(__qword_ptr[entry]);
                break;
            case "push":
                c.mov(ebx, esp);
                c.mov(esp, entry + 4);
                c.push((int)value);
                c.mov(esp, ebx);
                break;
            case "pop":
                c.push((int)value);
                c.pop(__dword_ptr[entry]);
                break;
            case "call":
                // The way back is what is stored: 0x50007.
                c.mov(ebx, esp);
                c.mov(esp, entry + 4);
                p.Load(eax, "landed");
                c.mov(__byte_ptr[value - 5], 0xE8);
                c.sub(eax, value);
                c.mov(__dword_ptr[value - 4], eax);
                c.mov(eax, value - 5);
                c.jmp(eax);
                p.Mark("landed");
                c.mov(esp, ebx);
                p.Store(Target, 0x22);
                break;
            case "stos":
                c.mov(edi, entry);
                c.mov(eax, value);
                c.stosd();
                break;
            case "rep stos":
                c.mov(edi, entry);
                c.mov(eax, value);
                c.mov(ecx, 1);
                c.rep.stosd();
                break;
            case "rep movs":
                c.mov(ebx, __dword_ptr[entry + 4]);
                c.mov(__dword_ptr[0x9000], value);
                c.mov(__dword_ptr[0x9004], ebx);
                c.mov(esi, 0x9000);
                c.mov(edi, entry);
                c.mov(ecx, 2);
                c.rep.movsd();
                break;
            case "add":
                c.mov(ebx, value);
                c.sub(ebx, __dword_ptr[entry]);
                c.add(__dword_ptr[entry], ebx);
                break;
            case "fistp":
                c.fninit();
                c.mov(__dword_ptr[0x9000], value);
                c.fild(__dword_ptr[0x9000]);
                c.fistp(__dword_ptr[entry]);
                break;
            default:
                c.bts(__dword_ptr[entry], 16);
                break;
        }
    }
}
