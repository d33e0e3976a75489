using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Instructions of the system: which levels may run them, and what they refuse (Intel SDM vol. 3, 5.9, 2.5, 2.8).</summary>
internal static class Privileged
{
    private const uint SysenterCs = 0x174, SysenterEsp = 0x175, SysenterEip = 0x176;

    public static void Write(Scenario s)
    {
        Levels(s);
        ControlRegisters(s);
        DebugRegisters(s);
        Tables(s);
        LoadTaskAndLdt(s);
        Msrs(s);
        FastCalls(s);
    }

    private static void Levels(Scenario s)
    {
        (string Name, byte[] Bytes)[] instructions =
        [
            ("hlt", [0xF4]), ("clts", [0x0F, 0x06]), ("invd", [0x0F, 0x08]), ("wbinvd", [0x0F, 0x09]), ("lgdt", [0x0F, 0x01, 0x15, 0, 0xA0, 0, 0]),
            ("lidt", [0x0F, 0x01, 0x1D, 0, 0xA0, 0, 0]), ("sgdt", [0x0F, 0x01, 0x05, 0, 0xA0, 0, 0]), ("sidt", [0x0F, 0x01, 0x0D, 0, 0xA0, 0, 0]),
            ("lldt", [0x0F, 0x00, 0xD0]), ("sldt", [0x0F, 0x00, 0xC0]), ("ltr", [0x0F, 0x00, 0xD8]), ("str", [0x0F, 0x00, 0xC8]), ("lmsw", [0x0F, 0x01, 0xF0]), ("smsw", [0x0F, 0x01, 0xE0]),
            ("mov-from-cr0", [0x0F, 0x20, 0xC0]), ("mov-to-cr0", [0x0F, 0x22, 0xC0]), ("mov-from-cr2", [0x0F, 0x20, 0xD0]), ("mov-from-cr3", [0x0F, 0x20, 0xD8]), ("mov-from-cr4", [0x0F, 0x20, 0xE0]),
            ("mov-from-dr0", [0x0F, 0x21, 0xC0]), ("mov-to-dr7", [0x0F, 0x23, 0xF8]), ("invlpg", [0x0F, 0x01, 0x3D, 0, 0xA0, 0, 0]), ("rdmsr", [0x0F, 0x32]), ("wrmsr", [0x0F, 0x30]),
            ("sysexit", [0x0F, 0x35]), ("mov-cr1", [0x0F, 0x20, 0xC8]),
        ];
        foreach ((string name, byte[] bytes) in instructions)
        {
            foreach (int ring in (int[])[1, 3])
            {
                s.Case($"{name}/ring{ring}", () => { s.ToRing(ring, 0x3002); s.Mark(); s.Asm.db(bytes); });
            }
        }
        s.Case("rdtsc/ring3", () => { s.ToRing(3); s.Mark(); s.Asm.rdtsc(); });
        s.Case("rdtsc/ring3-tsd", () => { Cr4(s, 4); s.ToRing(3); s.Mark(); s.Asm.rdtsc(); });
        s.Case("rdtsc/ring0-tsd", () => { Cr4(s, 4); s.Mark(); s.Asm.rdtsc(); });
        s.Case("rdpmc/ring3", () => { s.ToRing(3); s.Asm.mov(ecx, 0); s.Mark(); s.Asm.rdpmc(); });
        s.RealCase("smsw/in-real", () => { s.Asm.smsw(ax); s.Asm.and(ax, 1); }, "ax");
        s.RealCase("mov-cr0/in-real", () => { s.Asm.mov(eax, cr0); s.Asm.and(eax, 1); }, "eax");
        s.RealCase("lmsw/keeps-pe", () => { s.Asm.smsw(ax); s.Asm.or(ax, 2); s.Asm.lmsw(ax); s.Asm.smsw(ax); s.Asm.and(ax, 3); }, "ax");
    }

    private static void Cr4(Scenario s, uint value)
    {
        s.Asm.mov(eax, value);
        s.Mark();
        s.Asm.mov(cr4, eax);
    }

    private static void ControlRegisters(Scenario s)
    {
        foreach (uint value in (uint[])[0x20000011, 0x00000011, 0x40000011, 0x60000011])
        {
            s.Case($"cr0/{value:X8}", () => SetCr0(s, value), "eax");
        }
        foreach (uint bit in (uint[])[1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400])
        {
            s.Case($"cr4/bit-{bit:X3}", () => { Cr4(s, bit); s.Asm.mov(eax, cr4); }, "eax");
        }
        // A reserved bit of CR4 is #GP; QEMU 7.2 never comes back from it, so no scenario sets one.
        s.Case("cr3/read-back", () => { s.Asm.mov(eax, 0x12345018); s.Asm.mov(cr3, eax); s.Asm.mov(eax, cr3); }, "eax");
        s.Case("cr2/read-back", () => { s.Asm.mov(eax, 0x12345678); s.Asm.mov(cr2, eax); s.Asm.mov(ebx, cr2); }, "ebx");
        s.Case("lmsw/sets-ts", () => { s.Asm.mov(eax, 0x8); s.Asm.lmsw(ax); s.Asm.mov(eax, cr0); }, "eax");
        s.Case("lmsw/upper-ignored", () => { s.Asm.mov(eax, 0xFFF1); s.Asm.lmsw(ax); s.Asm.mov(eax, cr0); }, "eax");
        s.Case("clts", () => { s.Asm.mov(eax, 0x8); s.Asm.lmsw(ax); s.Asm.clts(); s.Asm.mov(eax, cr0); }, "eax");
        s.Case("smsw/32-bit", () => { s.Asm.smsw(eax); s.Asm.and(eax, 0xFFFF); }, "eax");
        s.Case("mov-cr/mod-ignored", () => { s.Asm.db(0x0F, 0x20, 0x00); }, "eax");
    }

    private static void SetCr0(Scenario s, uint value)
    {
        s.Asm.mov(eax, value);
        s.Mark();
        s.Asm.mov(cr0, eax);
        s.Asm.mov(eax, cr0);
    }

    private static void DebugRegisters(Scenario s)
    {
        s.Case("dr/read-back", () =>
        {
            s.Asm.mov(eax, 0x12345678);
            s.Asm.mov(dr0, eax);
            s.Asm.mov(dr3, eax);
            s.Asm.mov(ebx, dr3);
            s.Asm.xor(eax, eax);
            s.Asm.mov(dr6, eax);
            s.Asm.mov(edx, dr6);
            s.Asm.mov(dr7, eax);
            s.Asm.mov(ecx, dr7);
        }, "ebx ecx edx");
        s.Case("dr/fixed-bits", () => { s.Asm.mov(eax, 0x0000D000); s.Asm.mov(dr7, eax); s.Asm.mov(ecx, dr7); s.Asm.xor(eax, eax); s.Asm.mov(dr7, eax); }, "ecx");
        s.Case("dr4/alias", () => { s.Asm.mov(eax, 0xFFFF0FF1); s.Asm.mov(dr6, eax); s.Asm.db(0x0F, 0x21, 0xE3); }, "ebx");
        s.Case("dr5/alias", () => { s.Asm.db(0x0F, 0x21, 0xEB); }, "ebx");
        s.Case("dr4/de", () => { Cr4(s, 8); s.Asm.db(0x0F, 0x21, 0xE3); });
        s.Case("dr5/de", () => { Cr4(s, 8); s.Asm.db(0x0F, 0x23, 0xEB); });
    }

    private static void Tables(Scenario s)
    {
        s.Case("sgdt", () => s.Asm.sgdt(__[Scratch]), $"w{Scratch:X} m{Scratch + 2:X}");
        s.Case("sidt", () => s.Asm.sidt(__[Scratch]), $"w{Scratch:X} m{Scratch + 2:X}");
        s.Case("lgdt/16-bit-operand", () =>
        {
            s.Poke(Scratch, 0x200000FF);
            s.Poke(Scratch + 4, 0x0000AB00);
            s.Asm.db([0x66, 0x0F, 0x01, 0x15, 0x00, 0xA0, 0x00, 0x00]);
            s.Asm.sgdt(__[Scratch + 8]);
        }, $"w{Scratch + 8:X} m{Scratch + 10:X}");
        s.Case("lgdt/limit-kept", () =>
        {
            s.Asm.mov(__word_ptr[Scratch], 0x0047);
            s.Asm.mov(__dword_ptr[Scratch + 2], Gdt);
            s.Asm.lgdt(__[Scratch]);
            s.Asm.mov(eax, (uint)Tss2Sel);
            s.Mark();
            s.Asm.ltr(ax);
            s.Asm.mov(eax, (uint)Tss16Sel);
            s.Asm.ltr(ax);
        });
        s.Case("sldt/str", () =>
        {
            s.Asm.mov(eax, (uint)LdtSel);
            s.Asm.lldt(ax);
            s.Asm.xor(eax, eax);
            s.Asm.sldt(ax);
            s.Asm.xor(ebx, ebx);
            s.Asm.str(bx);
        }, "ax ebx");
    }

    private static void LoadTaskAndLdt(Scenario s)
    {
        for (byte type = 0; type < 32; type++)
        {
            byte access = (byte)(0x80 | type);
            s.Case($"ltr/type{type:X2}", () => Load(s, access, ltr: true), $"d{Free:X}");
            s.Case($"lldt/type{type:X2}", () => Load(s, access, ltr: false), $"d{Free:X}");
        }
        s.Case("ltr/absent", () => Load(s, 0x09, ltr: true), $"d{Free:X}");
        s.Case("lldt/absent", () => Load(s, 0x02, ltr: false), $"d{Free:X}");
        foreach (int selector in (int[])[0, 3, 0x100, 0x0C])
        {
            s.Case($"ltr/selector{selector:X}", () => { s.Asm.mov(eax, selector); s.Mark(); s.Asm.ltr(ax); });
            s.Case($"lldt/selector{selector:X}", () => { s.Asm.mov(eax, selector); s.Mark(); s.Asm.lldt(ax); });
        }
        s.Case("ltr/rpl", () => { s.Asm.mov(eax, Tss2Sel | 3); s.Mark(); s.Asm.ltr(ax); s.Asm.xor(ebx, ebx); s.Asm.str(bx); }, $"ebx d{Tss2Sel:X}");
    }

    private static void Load(Scenario s, byte access, bool ltr)
    {
        s.Gdt(Free, Descriptor.Segment(Tss2, 0x67, access));
        s.Asm.mov(eax, (uint)Free);
        s.Mark();
        if (ltr)
        {
            s.Asm.ltr(ax);
        }
        else
        {
            s.Asm.lldt(ax);
        }
    }

    private static void Msrs(Scenario s)
    {
        foreach (uint msr in (uint[])[0x40001234, 0xC0001234])
        {
            s.Case($"rdmsr/unknown-{msr:X8}", () => { s.Asm.mov(ecx, msr); s.Mark(); s.Asm.rdmsr(); });
            s.Case($"wrmsr/unknown-{msr:X8}", () => { s.Asm.mov(ecx, msr); s.Asm.xor(eax, eax); s.Asm.xor(edx, edx); s.Mark(); s.Asm.wrmsr(); });
        }
        foreach (uint msr in (uint[])[SysenterCs, SysenterEsp, SysenterEip])
        {
            s.Case($"msr/{msr:X}-read-back", () => { Msr(s, msr, 0x1234); s.Asm.xor(eax, eax); s.Asm.rdmsr(); Msr0(s, msr); }, "ebx");
        }
    }

    private static void Msr0(Scenario s, uint msr)
    {
        s.Asm.mov(ebx, eax);
        Msr(s, msr, 0);
    }

    private static void Msr(Scenario s, uint msr, uint value)
    {
        s.Asm.mov(ecx, msr);
        s.Asm.mov(eax, value);
        s.Asm.xor(edx, edx);
        s.Asm.wrmsr();
    }

    private static void FastCalls(Scenario s)
    {
        s.Case("sysenter/cs-null", () => { Msr(s, SysenterCs, 0); s.ToRing(3); s.Mark(); s.Asm.db(0x0F, 0x34); });
        s.Case("sysenter/cs-rpl-only", () => Enter(s, 3, 3));
        s.Case("sysenter/from-ring3", () => Enter(s, 3), "hsp hss ds");
        s.Case("sysenter/from-ring0", () => Enter(s, 0), "hsp hss");
        s.Case("sysexit/cs-null", () => { Msr(s, SysenterCs, 0); s.Mark(); s.Asm.db(0x0F, 0x35); });
        s.Case("sysexit/to-ring3", () =>
        {
            // CS of the MSR + 16 and + 24 are code and data of ring 3.
            Msr(s, SysenterCs, FlatCode);
            s.Asm.mov(edx, s.At("target"));
            s.Asm.mov(ecx, UserStack);
            s.Mark();
            s.Asm.db(0x0F, 0x35);
            s.Asm.@int(DoneVector);
            s.Label("target");
            s.Asm.nop();
        }, "ds");
        s.RealCase("sysenter/in-real", () => { s.Mark(); s.Asm.db(0x0F, 0x34); });
        s.RealCase("sysexit/in-real", () => { s.Mark(); s.Asm.db(0x0F, 0x35); });
    }

    private static void Enter(Scenario s, int ring, ushort code = FlatCode)
    {
        Msr(s, SysenterCs, code);
        Msr(s, SysenterEsp, Ring0Stack);
        Msr(s, SysenterEip, s.At("target"));
        s.ToRing(ring, 0x43202);
        s.Mark();
        s.Asm.db(0x0F, 0x34);
        s.Asm.@int(DoneVector);
        s.Label("target");
        s.Asm.nop();
    }
}
