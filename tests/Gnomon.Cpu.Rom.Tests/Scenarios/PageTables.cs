using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>
/// Page tables for the scenarios, two-level and PAE: the first megabytes map themselves for everybody, <see cref="Test"/> begins a region of
/// one table whose entries are the case's own.
/// </summary>
internal static class PageTables
{
    public const uint Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, Large = 0x80, Global = 0x100;
    public const uint All = Present | Writable | User;

    /// <summary>Frames of the test region.</summary>
    public const uint TestFrame = 0x50000;

    private const uint Directory = 0x40000, Identity = 0x41000, Table = 0x42000;
    private const uint Pointers = 0x48000, PaeDirectory = 0x49000, PaeIdentity = 0x4A000, PaeTable = 0x4B000;

    /// <summary>The linear address of the test region, two-level and PAE.</summary>
    public static uint Test(bool pae) => pae ? 0x200000u : 0x400000u;

    /// <summary>Where the entry of page <paramref name="page"/> of the test region is.</summary>
    public static uint Leaf(bool pae, uint page = 0) => pae ? PaeTable + page * 8 : Table + page * 4;

    /// <summary>Where the directory's entry <paramref name="index"/> is; entry 1 is that of the test region.</summary>
    public static uint Upper(bool pae, uint index = 1) => pae ? PaeDirectory + index * 8 : Directory + index * 4;

    /// <summary>What CR3 holds.</summary>
    public static uint Root(bool pae) => pae ? Pointers : Directory;

    /// <summary>Emits the two routines that write the tables; execution jumps over them.</summary>
    public static void Emit(RomWriter rom)
    {
        rom.Asm.jmp(rom["tables.end"]);
        EmitTables(rom, "tables.two", 1024, 4, Identity, Table, Directory);
        EmitTables(rom, "tables.pae", 512, 8, PaeIdentity, PaeTable, PaeDirectory);
        rom.Define("tables.end");
    }

    /// <summary>Writes the tables, and loads CR3 (and CR4.PAE); paging stays off. Only EAX changes.</summary>
    public static void SetUp(Scenario s, bool pae, uint cr4Bits = 0)
    {
        s.Asm.call(s.Rom[pae ? "tables.pae" : "tables.two"]);
        if (pae)
        {
            for (uint pointer = 0; pointer < 4; pointer++)
            {
                s.Poke(Pointers + pointer * 8, pointer == 0 ? PaeDirectory | Present : 0);
                s.Poke(Pointers + pointer * 8 + 4, 0);
            }
        }
        s.Asm.mov(eax, cr4Bits | (pae ? 0x20u : 0));
        s.Asm.mov(cr4, eax);
        s.Asm.mov(eax, Root(pae));
        s.Asm.mov(cr3, eax);
    }

    /// <summary>Maps a page of the test region.</summary>
    public static void Map(Scenario s, bool pae, uint page, uint entry, uint high = 0)
    {
        s.Poke(Leaf(pae, page), entry);
        if (pae)
        {
            s.Poke(Leaf(pae, page) + 4, high);
        }
    }

    /// <summary>Turns paging on, with CR0.WP or without.</summary>
    public static void Enable(Scenario s, bool writeProtect = true)
    {
        s.Asm.mov(eax, writeProtect ? 0x80010011 : 0x80000011);
        s.Asm.mov(cr0, eax);
    }

    private static void EmitTables(RomWriter rom, string name, uint entries, uint size, uint identity, uint table, uint directory)
    {
        rom.Define(name);
        Assembler asm = rom.Asm;
        asm.pushad();
        asm.xor(eax, eax);
        asm.mov(edi, identity);
        asm.mov(ecx, 0x400);
        asm.rep.stosd();
        asm.mov(edi, table);
        asm.mov(ecx, 0x400);
        asm.rep.stosd();
        asm.mov(edi, directory);
        asm.mov(ecx, 0x400);
        asm.rep.stosd();
        asm.mov(edi, TestFrame);
        asm.mov(ecx, 0x1000);
        asm.rep.stosd();
        asm.mov(edi, identity);
        asm.mov(ecx, entries);
        asm.mov(eax, All);
        rom.Define(name + ".next");
        asm = rom.Asm;
        asm.mov(__dword_ptr[edi], eax);
        asm.add(eax, 0x1000);
        asm.add(edi, size);
        asm.loop(rom[name + ".next"]);
        asm.mov(__dword_ptr[directory], identity | All);
        asm.mov(__dword_ptr[directory + size], table | All);
        asm.popad();
        asm.ret();
    }
}
