using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Docs.Tests.Samples;

/// <summary>The ROM of docs/run.md, docs/samples/hello-rom.bin: from the reset vector through real mode into protected mode.</summary>
internal static class HelloRom
{
    /// <summary>Where it is kept.</summary>
    public const string Path = "docs/samples/hello-rom.bin";

    // The ROM is 64 KiB, at the end of the first MiB: offsets in the segment F000 are offsets in the file.
    private const int Size = 0x1_0000;
    private const uint Base = 0xF_0000;
    private const int RealCode = 0, ProtectedCode = 0x100, Table = 0x200, TableRegister = 0x218, RealText = 0x300, ProtectedText = 0x340;
    private const int ResetVector = 0xFFF0;
    private const int CodeSelector = 8, DataSelector = 0x10;
    private const int ProtectionEnable = 1;
    private const ushort PostPort = 0x190;
    private const byte TextPort = 0xE9;

    /// <summary>Its bytes.</summary>
    public static byte[] Assemble()
    {
        byte[] rom = new byte[Size];

        // Null, then code and data of 4 GiB from 0; the register's six bytes lie behind.
        BinaryPrimitives.WriteUInt64LittleEndian(rom.AsSpan(Table + CodeSelector), 0x00CF_9B00_0000_FFFF);
        BinaryPrimitives.WriteUInt64LittleEndian(rom.AsSpan(Table + DataSelector), 0x00CF_9300_0000_FFFF);
        BinaryPrimitives.WriteUInt16LittleEndian(rom.AsSpan(TableRegister), DataSelector + 7);
        BinaryPrimitives.WriteUInt32LittleEndian(rom.AsSpan(TableRegister + 2), Base + Table);
        "Hello from real mode.\n\0"u8.CopyTo(rom.AsSpan(RealText));
        "Hello from protected mode.\n\0"u8.CopyTo(rom.AsSpan(ProtectedText));

        // The first instruction after a reset lies 16 bytes below 4 GiB; it jumps to F000:0000.
        Put(rom, ResetVector, 16, a => a.AddInstruction(Instruction.CreateBranch(Code.Jmp_ptr1616, 0xF000, RealCode)));
        Put(rom, RealCode, 16, a =>
        {
            Post(a, 0x01);
            a.push(cs);
            a.pop(ds);
            a.mov(si, RealText);
            Print(a);
            a.lgdt(__[TableRegister]);
            a.mov(eax, cr0);
            a.or(eax, ProtectionEnable);
            a.mov(cr0, eax);
            a.AddInstruction(Instruction.CreateBranch(Code.Jmp_ptr1632, CodeSelector, Base + ProtectedCode));
        });
        Put(rom, ProtectedCode, 32, a =>
        {
            Post(a, 0x02);
            a.mov(eax, DataSelector);
            a.mov(ds, eax);
            a.mov(esi, Base + ProtectedText);
            Print(a);
            a.cli();
            a.hlt();
        });
        return rom;
    }

    // The zero-terminated text at DS:SI or DS:ESI.
    private static void Print(Assembler a)
    {
        Label next = a.CreateLabel(), end = a.CreateLabel();
        a.Label(ref next);
        a.lodsb();
        a.test(al, al);
        a.je(end);
        a.@out(TextPort, al);
        a.jmp(next);
        a.Label(ref end);
        a.nop();
    }

    private static void Post(Assembler a, sbyte code)
    {
        a.mov(dx, PostPort);
        a.mov(al, code);
        a.@out(dx, al);
    }

    private static void Put(byte[] rom, int at, int bitness, Action<Assembler> write)
    {
        Assembler a = new(bitness);
        write(a);
        using MemoryStream bytes = new(rom, at, rom.Length - at);
        a.Assemble(new StreamCodeWriter(bytes), rip: bitness == 16 ? (ulong)at : Base + (ulong)at);
    }
}
