using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Runtime;

/// <summary>The handlers of protected mode: they record what the processor pushed and all registers, and land or return.</summary>
internal static class Recorder
{
    private static readonly byte[] WithError = [8, 10, 11, 12, 13, 14, 17];

    /// <summary>The symbol of the handler of <paramref name="vector"/>.</summary>
    public static string Stub(int vector) => $"stub.{vector:X2}";

    public static void Emit(RomWriter rom)
    {
        for (int vector = 0; vector < IdtSize / 8; vector++)
        {
            rom.Define(Stub(vector));
            if (WithError.Contains((byte)vector))
            {
                rom.Asm.push(vector);
                rom.Asm.jmp(rom["recorder.error"]);
            }
            else
            {
                rom.Asm.push(0);
                rom.Asm.push(vector);
                rom.Asm.jmp(rom["recorder"]);
            }
        }
        EmitNoError(rom);
        EmitRecord(rom);
        EmitLand(rom);
    }

    // An INT n with the number of an exception pushes no error code: put a zero where it would be.
    private static void EmitNoError(RomWriter rom)
    {
        rom.Define("recorder.error");
        rom.Asm.cmp(__dword_ptr.cs[NoError], 0);
        rom.Asm.je(rom["recorder"]);
        rom.Asm.push(__dword_ptr[esp]);
        rom.Asm.mov(__dword_ptr.ss[esp + 4], 0);
    }

    private static void EmitRecord(RomWriter rom)
    {
        rom.Define("recorder");
        Assembler asm = rom.Asm;
        asm.pushad();
        asm.push(gs);
        asm.push(fs);
        asm.push(es);
        asm.push(ds);
        asm.mov(ebp, esp);
        asm.mov(eax, (uint)Flat);
        asm.mov(ds, ax);
        asm.mov(es, ax);
        asm.cld();
        asm.mov(edx, __dword_ptr[Count]);
        asm.inc(__dword_ptr[Count]);
        asm.cmp(edx, RecordLimit);
        asm.jae(rom["land"]);
        asm.shl(edx, 7);
        asm.add(edx, Records);
        asm.mov(edi, edx);
        asm.mov(esi, ebp);
        asm.mov(ecx, Frame.Copied / 4);
        asm.db([0x36, 0xF3, 0xA5]); // REP MOVSD from SS:ESI: the stack may not be flat
        asm.movzx(eax, __word_ptr[edx + Frame.Ds]);
        for (uint segment = Frame.Ds; segment <= Frame.Gs; segment += 4)
        {
            asm.mov(__word_ptr[edx + (segment + 2)], 0); // a push of a segment register may leave the upper half as it was
        }
        asm.mov(__word_ptr[edx + (Frame.Cs + 2)], 0);
        asm.mov(eax, cr0);
        asm.mov(__dword_ptr[edx + Frame.Cr0], eax);
        asm.mov(eax, cr2);
        asm.mov(__dword_ptr[edx + Frame.Cr2], eax);
        asm.mov(eax, ss);
        asm.mov(__dword_ptr[edx + Frame.HandlerSs], eax);
        asm.xor(eax, eax);
        asm.str(ax);
        asm.mov(__dword_ptr[edx + Frame.Tr], eax);
        asm.mov(eax, dr6); // last: with DR7.GD it is an exception, unless it is the handler of #DB that does it
        asm.mov(__dword_ptr[edx + Frame.Dr6], eax);
        asm.mov(ecx, __dword_ptr.ss[ebp + Frame.Vector]);
        asm.cmp(ecx, 32);
        asm.jae(rom["land"]);
        asm.bt(__dword_ptr[Resume], ecx);
        asm.jnc(rom["land"]);
        asm.pop(ds);
        asm.pop(es);
        asm.pop(fs);
        asm.pop(gs);
        asm.popad();
        asm.add(esp, 8);
        asm.iretd();
    }

    private static void EmitLand(RomWriter rom)
    {
        rom.Define("land");
        Startup.LoadFlat(rom.Asm);
        rom.Asm.mov(esp, ReportStack);
        rom.Asm.push(2);
        rom.Asm.popfd();
        rom.Asm.jmp(__dword_ptr[Landing]);
    }
}
