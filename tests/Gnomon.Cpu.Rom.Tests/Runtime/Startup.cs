using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Runtime;

/// <summary>From the reset vector to flat 32-bit code, and the routine that makes the state of every case the same.</summary>
internal static class Startup
{
    /// <summary>The registers a case starts with: EAX, ECX, EDX, EBX, EBP, ESI, EDI. ESP is <see cref="MainStack"/>.</summary>
    public static ReadOnlySpan<uint> InitialRegisters =>
        [0xA0A1A2A3, 0xC0C1C2C3, 0xD0D1D2D3, 0xB0B1B2B3, 0xBAB1BAB3, 0x51525354, 0xD1D2D3D4];

    private const uint Cr0Plain = 0x11; // PE, ET
    private const uint Dr6Plain = 0xFFFF0FF0;
    private const byte Interrupt32 = 0x8E;

    /// <summary>Emits the way from reset to the code that follows, which is 32-bit.</summary>
    public static void EmitReset(RomWriter rom)
    {
        uint gdt = rom.Data(Bytes(GdtTemplate()));
        uint pointer = rom.Data(Pointer(gdt, GdtSize));
        rom.Bits(16);
        rom.Define("reset");
        Assembler asm = rom.Asm;
        asm.cli();
        asm.cld();
        asm.db(0x66);
        asm.lgdt(__.cs[(ushort)pointer]);
        asm.mov(eax, cr0);
        asm.or(al, 1);
        asm.mov(cr0, eax);
        FarJump16(rom, FlatCode, rom["entry32"]);
        rom.Bits(32);
        rom.Define("entry32");
        asm = rom.Asm;
        LoadFlat(asm);
        asm.mov(esp, ReportStack);
        EmitSetupTables(rom, gdt);
    }

    /// <summary>A far jump from 16-bit code to a 32-bit offset.</summary>
    public static void FarJump16(RomWriter rom, ushort selector, uint offset) => rom.Asm.db(
        [0x66, 0xEA, (byte)offset, (byte)(offset >> 8), (byte)(offset >> 16), (byte)(offset >> 24), (byte)selector, (byte)(selector >> 8)]);

    /// <summary>Loads the flat segment of ring 0 into DS, ES, FS, GS and SS.</summary>
    public static void LoadFlat(Assembler asm)
    {
        asm.mov(eax, (uint)Flat);
        asm.mov(ds, ax);
        asm.mov(es, ax);
        asm.mov(fs, ax);
        asm.mov(gs, ax);
        asm.mov(ss, ax);
    }

    // EBX = a case's information: landing, mark, POST code. Everything a case may have changed is as it was, but for memory of its own.
    private static void EmitSetupTables(RomWriter rom, uint gdt)
    {
        uint idt = rom.Data(Bytes(IdtTemplate(rom)));
        uint tss = rom.Words(TssTemplate());
        uint ivt = rom.Words(IvtTemplate(rom));
        uint gdtPointer = rom.Data(Pointer(Gdt, GdtSize));
        uint idtPointer = rom.Data(Pointer(Idt, IdtSize));
        Assembler asm = rom.Asm;
        asm.jmp(rom["start"]);
        rom.Define("setup");
        asm = rom.Asm;
        asm.cli();
        asm.cld();
        asm.mov(eax, Cr0Plain);
        asm.mov(cr0, eax);
        asm.xor(eax, eax);
        asm.mov(cr4, eax);
        asm.mov(cr3, eax);
        asm.mov(dr7, eax);
        asm.mov(dr0, eax);
        asm.mov(dr1, eax);
        asm.mov(dr2, eax);
        asm.mov(dr3, eax);
        asm.mov(eax, Dr6Plain);
        asm.mov(dr6, eax);
        Fill(asm, Work, WorkEnd);
        Fill(asm, Ldt, Ldt + LdtSize);
        Fill(asm, Tss, Tss16 + 0x100);
        Fill(asm, Ring0Stack - 0x40, Ring0Stack);
        Fill(asm, UserStack - 0x100, UserStack);
        Fill(asm, TaskStack - 0x40, TaskStack);
        Fill(asm, Scratch, Scratch + 0x200);
        Copy(asm, ivt, Ivt, 0x400);
        Copy(asm, gdt, Gdt, GdtSize);
        Copy(asm, idt, Idt, IdtSize);
        Copy(asm, tss, Tss, 0x68);
        asm.lgdt(__[gdtPointer]);
        asm.lidt(__[idtPointer]);
        LoadFlat(asm);
        asm.xor(eax, eax);
        asm.lldt(ax);
        asm.mov(eax, (uint)TssSel);
        asm.ltr(ax);
        asm.mov(eax, __dword_ptr[ebx]);
        asm.mov(__dword_ptr[Landing], eax);
        asm.mov(eax, __dword_ptr[ebx + 4]);
        asm.mov(__dword_ptr[Mark], eax);
        asm.mov(al, __byte_ptr[ebx + 8]);
        asm.mov(dx, PostPort);
        asm.@out(dx, al);
        asm.pop(__dword_ptr[Return]);
        asm.mov(esp, MainStack);
        asm.push(2);
        asm.popfd();
        AssemblerRegister32[] registers = [eax, ecx, edx, ebx, ebp, esi, edi];
        for (int index = 0; index < registers.Length; index++)
        {
            asm.mov(registers[index], InitialRegisters[index]);
        }
        asm.jmp(__dword_ptr[Return]);
    }

    private static void Fill(Assembler asm, uint from, uint to)
    {
        asm.xor(eax, eax);
        asm.mov(edi, from);
        asm.mov(ecx, (to - from) / 4);
        asm.rep.stosd();
    }

    private static void Copy(Assembler asm, uint from, uint to, uint size)
    {
        asm.mov(esi, from);
        asm.mov(edi, to);
        asm.mov(ecx, size / 4);
        asm.rep.movsd();
    }

    private static Descriptor[] GdtTemplate()
    {
        Descriptor[] gdt = new Descriptor[GdtSize / 8];
        gdt[FlatCode / 8] = Descriptor.Flat(0x9B);
        gdt[Flat / 8] = Descriptor.Flat(0x93);
        gdt[UserCode / 8] = Descriptor.Flat(0xFB);
        gdt[UserFlat / 8] = Descriptor.Flat(0xF3);
        gdt[Code16 / 8] = Descriptor.Segment(RomWriter.Base, 0xFFFF, 0x9B);
        gdt[Data16 / 8] = Descriptor.Segment(0, 0xFFFF, 0x93);
        gdt[TssSel / 8] = Descriptor.Segment(Tss, 0x67, 0x89);
        gdt[Tss2Sel / 8] = Descriptor.Segment(Tss2, 0x67, 0x89);
        gdt[Tss16Sel / 8] = Descriptor.Segment(Tss16, 0x2B, 0x81);
        gdt[LdtSel / 8] = Descriptor.Segment(Ldt, LdtSize - 1, 0x82);
        gdt[Code1 / 8] = Descriptor.Flat(0xBB);
        gdt[Flat1 / 8] = Descriptor.Flat(0xB3);
        gdt[Code2 / 8] = Descriptor.Flat(0xDB);
        gdt[Flat2 / 8] = Descriptor.Flat(0xD3);
        gdt[UserCode16 / 8] = Descriptor.Segment(RomWriter.Base, 0xFFFF, 0xFB);
        return gdt;
    }

    private static Descriptor[] IdtTemplate(RomWriter rom)
    {
        Descriptor[] idt = new Descriptor[IdtSize / 8];
        for (int vector = 0; vector < idt.Length; vector++)
        {
            // INT3, INTO, BOUND's neighbours and the end of a case may come from ring 3.
            byte dpl = vector is 3 or 4 or DoneVector ? (byte)0x60 : (byte)0;
            idt[vector] = Descriptor.Gate(FlatCode, rom[Recorder.Stub(vector)], (byte)(Interrupt32 | dpl));
        }
        return idt;
    }

    private static uint[] TssTemplate()
    {
        uint[] tss = new uint[0x68 / 4];
        (tss[1], tss[2]) = (Ring0Stack, Flat);
        (tss[3], tss[4]) = (Ring1Stack, Flat1);
        (tss[5], tss[6]) = (Ring2Stack, Flat2);
        tss[25] = 0x68 << 16; // the bitmap of ports would start behind the limit: no port is allowed
        return tss;
    }

    private static uint[] IvtTemplate(RomWriter rom) =>
        [.. Enumerable.Range(0, 256).Select(vector => 0xF0000000 | rom.Offset(RealMode.Stub(vector)))];

    private static byte[] Bytes(Descriptor[] table) =>
        [.. table.SelectMany(one => BitConverter.GetBytes(one.Low).Concat(BitConverter.GetBytes(one.High)))];

    private static byte[] Pointer(uint address, uint size) => [.. BitConverter.GetBytes((ushort)(size - 1)), .. BitConverter.GetBytes(address)];
}
