using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Runtime;

/// <summary>
/// Writes the line of a case from a format: 0 ends it, 1 prints memory (a byte with its size, a double word with its address), 2 prints the
/// record whose address follows, anything else is a character.
/// </summary>
internal static class Reporter
{
    public const byte End = 0;
    public const byte Memory = 1;
    public const byte Record = 2;

    private const int ResumeFlag = 1 << 16;

    public static void Emit(RomWriter rom)
    {
        rom.Bits(32);
        EmitFormat(rom);
        EmitHex(rom);
        EmitText(rom);
        EmitRecord(rom);
    }

    // ESI = format.
    private static void EmitFormat(RomWriter rom)
    {
        rom.Define("report");
        Assembler asm = rom.Asm;
        asm.lodsb();
        asm.cmp(al, Record);
        asm.je(rom["report.record"]);
        asm.jb(rom["report.memory"]);
        asm.mov(dx, TextPort);
        asm.@out(dx, al);
        asm.jmp(rom["report"]);

        rom.Define("report.memory");
        asm = rom.Asm;
        asm.cmp(al, End);
        asm.je(rom["report.end"]);
        asm.lodsb();
        asm.movzx(ecx, al);
        asm.lodsd();
        asm.mov(ebx, __dword_ptr[eax]);
        asm.call(rom["hex"]);
        asm.jmp(rom["report"]);

        rom.Define("report.record");
        asm = rom.Asm;
        asm.lodsd();
        asm.push(esi);
        asm.mov(edi, eax);
        asm.call(rom["record"]);
        asm.pop(esi);
        asm.jmp(rom["report"]);

        rom.Define("report.end");
        rom.Asm.ret();
    }

    // EBX = value, ECX = bytes of it.
    private static void EmitHex(RomWriter rom)
    {
        rom.Define("hex");
        Assembler asm = rom.Asm;
        asm.push(ecx);
        asm.shl(ecx, 3);
        asm.neg(ecx);
        asm.add(ecx, 32);
        asm.shl(ebx, cl);
        asm.pop(ecx);
        asm.shl(ecx, 1);
        asm.mov(dx, TextPort);
        rom.Define("hex.digit");
        asm = rom.Asm;
        asm.rol(ebx, 4);
        asm.mov(al, bl);
        asm.and(al, 15);
        asm.add(al, (sbyte)'0');
        asm.cmp(al, (sbyte)'9');
        asm.jbe(rom["hex.out"]);
        asm.add(al, 'A' - '9' - 1);
        rom.Define("hex.out");
        asm = rom.Asm;
        asm.@out(dx, al);
        asm.loop(rom["hex.digit"]);
        asm.ret();
    }

    // ESI = text that ends with zero.
    private static void EmitText(RomWriter rom)
    {
        rom.Define("text");
        Assembler asm = rom.Asm;
        asm.mov(dx, TextPort);
        rom.Define("text.next");
        asm = rom.Asm;
        asm.lodsb();
        asm.test(al, al);
        asm.je(rom["text.end"]);
        asm.@out(dx, al);
        asm.jmp(rom["text.next"]);
        rom.Define("text.end");
        rom.Asm.ret();
    }

    // EDI = record.
    private static void EmitRecord(RomWriter rom)
    {
        rom.Define("record");
        rom.Asm.cmp(__dword_ptr[edi + Frame.Cs], 0);
        rom.Asm.jne(rom["record.some"]);
        Text(rom, " none");
        rom.Asm.ret();
        rom.Define("record.some");
        Field(rom, " v=", Frame.Vector, 1);
        Field(rom, " e=", Frame.Error, 4);
        Text(rom, " ip=");
        Assembler asm = rom.Asm;
        asm.mov(ebx, __dword_ptr[edi + Frame.Eip]);
        asm.sub(ebx, __dword_ptr[Mark]);
        asm.mov(ecx, 2);
        asm.call(rom["hex"]);
        Field(rom, " cs=", Frame.Cs, 2);
        Text(rom, " fl=");
        rom.Asm.mov(ebx, __dword_ptr[edi + Frame.Eflags]);
        rom.Asm.and(ebx, ~ResumeFlag); // QEMU never pushes RF; one family of scenarios looks at it
        rom.Asm.mov(ecx, 4);
        rom.Asm.call(rom["hex"]);
        rom.Asm.test(__dword_ptr[edi + Frame.Eflags], 0x20000);
        rom.Asm.jne(rom["record.v86"]);
        rom.Asm.test(__byte_ptr[edi + Frame.Cs], 3);
        rom.Asm.je(rom["record.inner"]);
        // A record of real mode has no CPL.
        rom.Asm.test(__dword_ptr[edi + Frame.Cr0], 1);
        rom.Asm.je(rom["record.inner"]);
        Field(rom, " sp=", Frame.Esp, 4);
        Field(rom, " ss=", Frame.Ss, 2);
        rom.Asm.jmp(rom["record.inner"]);
        rom.Define("record.v86");
        Field(rom, " sp=", Frame.Esp, 4);
        Field(rom, " ss=", Frame.Ss, 2);
        Field(rom, " ves=", Frame.V86Es, 2);
        Field(rom, " vds=", Frame.V86Ds, 2);
        Field(rom, " vfs=", Frame.V86Fs, 2);
        Field(rom, " vgs=", Frame.V86Gs, 2);
        rom.Define("record.inner");
        rom.Asm.cmp(__byte_ptr[edi + Frame.Vector], 14);
        rom.Asm.jne(rom["record.nopf"]);
        Field(rom, " cr2=", Frame.Cr2, 4);
        rom.Define("record.nopf");
        rom.Asm.cmp(__byte_ptr[edi + Frame.Vector], 1);
        rom.Asm.jne(rom["record.nodb"]);
        Field(rom, " dr6=", Frame.Dr6, 4);
        rom.Define("record.nodb");
        rom.Asm.ret();
    }

    private static void Field(RomWriter rom, string name, uint offset, uint size)
    {
        Text(rom, name);
        rom.Asm.mov(ebx, __dword_ptr[edi + offset]);
        rom.Asm.mov(ecx, size);
        rom.Asm.call(rom["hex"]);
    }

    private static void Text(RomWriter rom, string text)
    {
        rom.Asm.mov(esi, rom.Data([.. System.Text.Encoding.ASCII.GetBytes(text), 0]));
        rom.Asm.call(rom["text"]);
    }
}
