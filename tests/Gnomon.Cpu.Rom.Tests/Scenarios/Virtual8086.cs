using Gnomon.Cpu.Rom.Tests.Assembly;
using Gnomon.Cpu.Rom.Tests.Runtime;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Virtual-8086 mode: entering, leaving, and what depends on IOPL (Intel SDM vol. 3, chapter 20).</summary>
internal static class Virtual8086
{
    private const uint Iopl3 = 0x3000;

    public static void Write(Scenario s)
    {
        Sensitive(s);
        Interrupts(s);
        Memory(s);
        Returns(s);
        Extensions(s);
    }

    private static void Sensitive(Scenario s)
    {
        (string Name, byte[] Bytes)[] instructions =
        [
            ("cli", [0xFA]), ("sti", [0xFB]), ("pushf", [0x9C]), ("pushfd", [0x66, 0x9C]), ("popf", [0x9D]), ("popfd", [0x66, 0x9D]), ("int20", [0xCD, 0x20]),
            ("int3", [0xCC]), ("into", [0xCE]), ("icebp", [0xF1]), ("hlt", [0xF4]), ("clts", [0x0F, 0x06]), ("mov-cr0", [0x0F, 0x20, 0xC0]), ("mov-dr7", [0x0F, 0x21, 0xF8]),
            ("lgdt", [0x0F, 0x01, 0x17]), ("sgdt", [0x0F, 0x01, 0x07]), ("lmsw", [0x0F, 0x01, 0xF0]), ("smsw", [0x0F, 0x01, 0xE0]), ("invlpg", [0x0F, 0x01, 0x3F]), ("invd", [0x0F, 0x08]),
            ("wbinvd", [0x0F, 0x09]), ("sldt", [0x0F, 0x00, 0xC0]), ("str", [0x0F, 0x00, 0xC8]), ("lldt", [0x0F, 0x00, 0xD0]), ("ltr", [0x0F, 0x00, 0xD8]), ("verr", [0x0F, 0x00, 0xE0]),
            ("lar", [0x0F, 0x02, 0xC0]), ("arpl", [0x63, 0xC0]), ("rdmsr", [0x0F, 0x32]), ("in", [0xE4, 0x80]), ("out", [0xE6, 0x80]), ("iret", [0xCF]), ("lock-nop", [0xF0, 0x90]), ("ud2", [0x0F, 0x0B]),
        ];
        foreach ((string name, byte[] bytes) in instructions)
        {
            foreach (uint iopl in (uint[])[0, Iopl3])
            {
                if (name == "smsw" || name == "iret" && iopl != 0)
                {
                    continue;
                }
                s.Case($"{name}-iopl{iopl >> 12}", () =>
                {
                    s.OpenVector(0x20);
                    s.ToV86(iopl | 0x802);
                    s.Mark();
                    s.Asm.db(bytes);
                });
            }
        }
    }

    private static void Interrupts(Scenario s)
    {
        s.Case("int/gate-dpl0", () => { s.ToV86(Iopl3); s.Mark(); s.Asm.@int(0x21); });
        s.Case("int/target-ring1", () =>
        {
            s.Idt(0x21, Descriptor.Gate(Code1, s.At("handler"), 0xEE));
            s.ToV86(Iopl3);
            s.Mark();
            s.Asm.@int(0x21);
            s.Rom.Bits(32);
            s.Label("handler");
            s.Asm.nop();
        });
        s.Case("int/target-conforming", () =>
        {
            s.Gdt(Free, Descriptor.Flat(0x9E));
            s.Idt(0x21, Descriptor.Gate(Free, s.Rom[Recorder.Stub(0x21)], 0xEE));
            s.ToV86(Iopl3);
            s.Mark();
            s.Asm.@int(0x21);
        });
        s.Case("int/handler-state", () =>
        {
            s.Idt(0x21, Descriptor.Gate(FlatCode, s.At("handler"), 0xEF));
            s.ToV86(Iopl3 | 0x200);
            s.Mark();
            s.Asm.@int(0x21);
            s.Rom.Bits(32);
            s.Label("handler");
            s.Asm.pushfd();
            s.Asm.pop(eax);
        }, $"eax ds es fs gs w{Ring0Stack - 4:X} w{Ring0Stack - 8:X} w{Ring0Stack - 12:X} w{Ring0Stack - 16:X} w{Ring0Stack - 20:X} m{Ring0Stack - 24:X} m{Ring0Stack - 28:X} w{Ring0Stack - 32:X}");
        s.Case("int/fault-and-return", () =>
        {
            s.ToV86(Iopl3);
            s.Asm.mov(ax, 0x1234);
            s.Asm.mov(ds, ax);
            s.Mark();
            s.Asm.div(__byte_ptr[0]);
        });
    }

    private static void Memory(Scenario s)
    {
        s.Case("memory/base", () =>
        {
            s.ToV86(Iopl3);
            s.Asm.mov(__dword_ptr[0x10], 0x11223344);
            s.Asm.mov(ax, 0x2000);
            s.Asm.mov(ds, ax);
            s.Asm.mov(__dword_ptr[0x20], 0x55667788);
        }, "m10010 m20020");
        s.Case("memory/word-FFFF", () => { s.ToV86(Iopl3); s.Mark(); s.Asm.mov(ax, __word_ptr[0xFFFF]); });
        s.Case("memory/stack-word-FFFF", () => { s.ToV86(Iopl3); s.Asm.mov(bp, 0xFFFF); s.Mark(); s.Asm.mov(ax, __word_ptr[bp]); });
        s.Case("memory/32-bit-address", () => { s.ToV86(Iopl3); s.Asm.mov(ebx, 0x10000); s.Mark(); s.Asm.mov(al, __byte_ptr[ebx]); });
        s.Case("memory/far-call", () =>
        {
            s.ToV86(Iopl3);
            s.Mark();
            ushort target = s.Rom.Offset(s.Name("target"));
            s.Asm.db([0x9A, (byte)target, (byte)(target >> 8), 0x00, 0xF0]);
            s.Label("target");
            s.Asm.nop();
        }, "w8FEE");
        s.Case("memory/far-jump-elsewhere", () =>
        {
            s.Poke(0x15000, 0x9090_40CD);
            s.Poke(Mark, 0);
            s.ToV86(Iopl3);
            s.Asm.db([0xEA, 0x00, 0x10, 0x00, 0x14]);
        });
    }

    private static void Returns(Scenario s)
    {
        s.Case("return/iret-in-v86", () =>
        {
            s.ToV86(Iopl3);
            s.Asm.push(0x0ED7);
            s.Asm.push(0xF000);
            s.Asm.push(s.Rom.Offset(s.Name("target")));
            s.Mark();
            s.Asm.iret();
            s.Label("target");
            s.Asm.nop();
        });
        s.Case("return/popf-iopl-kept", () => { s.ToV86(Iopl3); s.Asm.push(0x0202); s.Mark(); s.Asm.popf(); });
        s.Case("return/popf-clears-if", () => { s.ToV86(Iopl3 | 0x200); s.Asm.push(0x0002); s.Mark(); s.Asm.popf(); });
        s.Case("return/pushf-image", () => { s.ToV86(Iopl3 | 0x201); s.Asm.pushf(); s.Asm.pop(ax); }, "ax");
        s.Case("return/pushfd-image", () => { s.ToV86(Iopl3 | 0x201); s.Asm.pushfd(); s.Asm.pop(eax); }, "eax");
        s.Case("return/vm-from-ring3-ignored", () =>
        {
            // INT 40h lies where the offset is in the flat segment, and where it is behind the paragraph 001B.
            uint offset = Scratch - (UserCode << 4);
            s.Poke(offset, 0x9090_40CD);
            s.Poke(Scratch, 0x9090_40CD);
            s.Poke(Mark, offset);
            s.ToRing(3, 0x3002);
            foreach (int value in (int[])[0x1300, 0x1200, 0x1000, 0x1100, 0x0800, 0x0FF0, 0x23002, UserCode, (int)offset])
            {
                s.Asm.push(value);
            }
            s.Asm.iretd();
        });
        s.Case("return/vm-by-popf-ignored", () => { s.Asm.push(0x20002); s.Mark(); s.Asm.popfd(); });
    }

    // CR4.VME: with IOPL < 3 and the bit of the vector clear, INT n goes to the 8086 program's own table.
    private static void Extensions(Scenario s)
    {
        foreach (uint iopl in (uint[])[0, Iopl3])
        {
            foreach (bool redirect in (bool[])[false, true])
            {
                s.Case($"vme/int-iopl{iopl >> 12}-{(redirect ? "redirected" : "gate")}", () =>
                {
                    Vme(s, redirect ? 0u : 0xFFFFFFFF);
                    s.OpenVector(0x20);
                    s.Poke(0x20 * 4, 0xF0000000 | s.Rom.Offset(s.Name("handler")));
                    s.ToV86(iopl | 0x80202);
                    s.Mark();
                    s.Asm.@int(0x20);
                    s.Label("handler");
                    s.Asm.hlt();
                }, "w8FEE w8FEC");
            }
            s.Case($"vme/cli-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 0x80202); s.Mark(); s.Asm.cli(); s.Asm.hlt(); });
            s.Case($"vme/sti-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 0x2); s.Mark(); s.Asm.sti(); s.Asm.hlt(); });
            s.Case($"vme/sti-pending-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 0x100002); s.Mark(); s.Asm.sti(); s.Asm.hlt(); });
            s.Case($"vme/pushf-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 0x80002); s.Mark(); s.Asm.pushf(); s.Asm.hlt(); }, "w8FEE");
            s.Case($"vme/popf-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 2); s.Asm.push(0x0202); s.Mark(); s.Asm.popf(); s.Asm.hlt(); });
            s.Case($"vme/popf-tf-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 2); s.Asm.push(0x0102); s.Mark(); s.Asm.popf(); s.Asm.hlt(); });
            s.Case($"vme/pushfd-iopl{iopl >> 12}", () => { Vme(s, 0); s.ToV86(iopl | 2); s.Mark(); s.Asm.pushfd(); s.Asm.hlt(); });
        }
    }

    private static void Vme(Scenario s, uint map)
    {
        s.Gdt(Free, Descriptor.Segment(Tss, 0x200, 0x89));
        for (uint word = 0; word < 8; word++)
        {
            s.Poke(Tss + 0x68 + word * 4, map);
        }
        s.Poke(Tss + 0x64, 0x88 << 16);
        s.Asm.mov(eax, (uint)Free);
        s.Asm.ltr(ax);
        s.Asm.mov(eax, 1);
        s.Asm.mov(cr4, eax);
    }
}
