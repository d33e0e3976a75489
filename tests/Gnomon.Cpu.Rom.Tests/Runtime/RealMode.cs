using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Runtime;

/// <summary>The way to real mode and back: its handlers write the same record and continue in protected mode.</summary>
internal static class RealMode
{
    /// <summary>The symbol of the real-mode handler of <paramref name="vector"/>.</summary>
    public static string Stub(int vector) => vector < 32 || vector == DoneVector ? $"real.{vector:X2}" : "real.other";

    public static void Emit(RomWriter rom)
    {
        EmitEntry(rom);
        EmitStubs(rom);
        EmitRecord(rom);
        rom.Bits(32);
    }

    // CX = the offset of the case in the segment F000.
    private static void EmitEntry(RomWriter rom)
    {
        uint ivt = rom.Data([0xFF, 0x03, 0, 0, 0, 0]);
        rom.Bits(32);
        rom.Define("real.enter");
        Assembler asm = rom.Asm;
        asm.mov(__dword_ptr[RealEntry], ecx);
        asm.lidt(__[ivt]);
        asm.jmp(Code16, rom.Offset("real.protected16"));
        rom.Bits(16);
        rom.Define("real.protected16");
        asm = rom.Asm;
        asm.mov(ax, Data16);
        foreach (AssemblerRegisterSegment segment in (AssemblerRegisterSegment[])[ds, es, fs, gs, ss])
        {
            asm.mov(segment, ax);
        }
        asm.mov(eax, cr0);
        asm.and(al, 0xFE);
        asm.mov(cr0, eax);
        ushort real = rom.Offset("real.real");
        asm.db([0xEA, (byte)real, (byte)(real >> 8), 0x00, 0xF0]);
        rom.Define("real.real");
        asm = rom.Asm;
        asm.xor(ax, ax);
        foreach (AssemblerRegisterSegment segment in (AssemblerRegisterSegment[])[ds, es, fs, gs, ss])
        {
            asm.mov(segment, ax);
        }
        asm.mov(esp, MainStack);
        asm.mov(eax, Startup.InitialRegisters[0]);
        asm.mov(ecx, Startup.InitialRegisters[1]);
        asm.push(2);
        asm.popf();
        asm.jmp(__word_ptr[RealEntry]);
    }

    private static void EmitStubs(RomWriter rom)
    {
        for (int vector = 0; vector < 256; vector++)
        {
            if (vector < 32 || vector == DoneVector)
            {
                rom.Define(Stub(vector));
                rom.Asm.push(vector);
                rom.Asm.jmp(rom.Offset("real.record"));
            }
        }
        rom.Define("real.other");
        rom.Asm.push(0x7F);
    }

    private static void EmitRecord(RomWriter rom)
    {
        uint pointer = rom.Data([0xFF, 0x00, 0x00, 0x20, 0, 0]);
        rom.Define("real.record");
        Assembler asm = rom.Asm;
        asm.pushad();
        asm.push(gs);
        asm.push(fs);
        asm.push(es);
        asm.push(ds);
        asm.xor(ebp, ebp);
        asm.mov(bp, ss);
        asm.mov(ecx, ebp);
        asm.shl(ebp, 4);
        asm.movzx(eax, sp);
        asm.add(ebp, eax);
        asm.db(0x66);
        asm.lgdt(__.cs[(ushort)pointer]);
        asm.mov(eax, cr0);
        asm.or(al, 1);
        asm.mov(cr0, eax);
        Startup.FarJump16(rom, FlatCode, rom["real.done"]);
        rom.Bits(32);
        rom.Define("real.done");
        asm = rom.Asm;
        Startup.LoadFlat(asm);
        asm.mov(esp, ReportStack);
        asm.inc(__dword_ptr[Count]);
        asm.mov(__dword_ptr[Records + Frame.HandlerSs], ecx);
        for (uint segment = 0; segment < 4; segment++)
        {
            asm.movzx(eax, __word_ptr[ebp + segment * 2]);
            asm.mov(__dword_ptr[Records + segment * 4], eax);
        }
        for (uint register = 0; register < 8; register++)
        {
            asm.mov(eax, __dword_ptr[ebp + (8 + register * 4)]);
            asm.mov(__dword_ptr[Records + Frame.Edi + register * 4], eax);
        }
        (uint From, uint To)[] words = [(0x28, Frame.Vector), (0x2A, Frame.Eip), (0x2C, Frame.Cs), (0x2E, Frame.Eflags)];
        foreach ((uint from, uint to) in words)
        {
            asm.movzx(eax, __word_ptr[ebp + from]);
            asm.mov(__dword_ptr[Records + to], eax);
        }
        asm.jmp(rom["land"]);
    }
}
