using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>
/// Loading DS and SS with a selector of every kind of descriptor (Intel SDM vol. 3, 5.4 to 5.7): type, presence, privilege, the limit of
/// the table, null, and the accessed bit.
/// </summary>
internal static class SegmentLoads
{
    private static readonly (string Name, byte Access)[] Kinds =
    [
        ("data", 0x90), ("data-w", 0x92), ("data-down", 0x94), ("data-down-w", 0x96),
        ("code", 0x98), ("code-r", 0x9A), ("conf", 0x9C), ("conf-r", 0x9E),
        ("tss16", 0x81), ("ldt", 0x82), ("tss16-busy", 0x83), ("call16", 0x84), ("task", 0x85), ("int16", 0x86), ("trap16", 0x87),
        ("res8", 0x88), ("tss32", 0x89), ("resA", 0x8A), ("tss32-busy", 0x8B), ("call32", 0x8C), ("resD", 0x8D), ("int32", 0x8E), ("trap32", 0x8F), ("res0", 0x80),
    ];

    public static void Write(Scenario s)
    {
        foreach ((string name, byte access) in Kinds)
        {
            Load(s, $"ds/{name}", ds, access, 0, 0);
            Load(s, $"ss/{name}", ss, access, 0, 0);
        }
        Privilege(s);
        Presence(s);
        Tables(s);
        Nulls(s);
    }

    // Every CPL and RPL against every DPL, for data, conforming and nonconforming code.
    private static void Privilege(Scenario s)
    {
        foreach (int cpl in (int[])[0, 1, 3])
        {
            foreach (int rpl in (int[])[0, 2, 3])
            {
                foreach (int dpl in (int[])[0, 1, 3])
                {
                    string way = $"c{cpl}r{rpl}d{dpl}";
                    Load(s, $"ds/data-w/{way}", ds, (byte)(0x92 | dpl << 5), cpl, rpl);
                    Load(s, $"ss/data-w/{way}", ss, (byte)(0x92 | dpl << 5), cpl, rpl);
                    if (cpl == 3 || dpl == 1)
                    {
                        Load(s, $"es/code-r/{way}", es, (byte)(0x9A | dpl << 5), cpl, rpl);
                        Load(s, $"fs/conf-r/{way}", fs, (byte)(0x9E | dpl << 5), cpl, rpl);
                    }
                }
            }
        }
    }

    // Not present comes after type and privilege: #NP for data, #SS for the stack.
    private static void Presence(Scenario s)
    {
        foreach ((string name, AssemblerRegisterSegment register) in ((string, AssemblerRegisterSegment)[])[("ds", ds), ("gs", gs), ("ss", ss)])
        {
            Load(s, $"{name}/absent", register, 0x12, 0, 0);
            Load(s, $"{name}/absent-user", register, 0x12, 3, 3);
            Load(s, $"{name}/absent-user3", register, 0x72, 3, 3);
            Load(s, $"{name}/absent-readonly", register, 0x10, 0, 0);
            Load(s, $"{name}/absent-code", register, 0x18, 0, 0);
            Load(s, $"{name}/absent-system", register, 0x02, 0, 0);
        }
    }

    private static void Tables(Scenario s)
    {
        foreach ((string name, AssemblerRegisterSegment register) in ((string, AssemblerRegisterSegment)[])[("es", es), ("ss", ss)])
        {
            s.Case($"{name}/beyond-gdt", () => Move(s, register, 0x100));
            s.Case($"{name}/beyond-gdt-rpl", () => Move(s, register, 0x103));
            s.Case($"{name}/no-ldt", () => Move(s, register, 0x0C));
            s.Case($"{name}/in-ldt", () =>
            {
                s.Ldt(8, Descriptor.Flat(0x92));
                s.Asm.mov(eax, (uint)LdtSel);
                s.Asm.lldt(ax);
                Move(s, register, 0x0C);
            }, $"m{Ldt + 12:X} {name}".Replace(" ss", " hss", StringComparison.Ordinal));
            s.Case($"{name}/beyond-ldt", () =>
            {
                s.Asm.mov(eax, (uint)LdtSel);
                s.Asm.lldt(ax);
                Move(s, register, 0x84);
            });
            s.Case($"{name}/gdt-cut-middle", () =>
            {
                // The limit of the GDT ends in the middle of the descriptor.
                s.Gdt(Free, Descriptor.Flat(0x92));
                s.Asm.sub(esp, 8);
                s.Asm.mov(__word_ptr[esp], Free + 6);
                s.Asm.mov(__dword_ptr[esp + 2], Gdt);
                s.Asm.lgdt(__[esp]);
                Move(s, register, Free);
            });
            s.Case($"{name}/gdt-cut-end", () =>
            {
                s.Gdt(Free, Descriptor.Flat(0x92));
                s.Asm.sub(esp, 8);
                s.Asm.mov(__word_ptr[esp], Free + 7);
                s.Asm.mov(__dword_ptr[esp + 2], Gdt);
                s.Asm.lgdt(__[esp]);
                Move(s, register, Free);
            }, $"d{Free:X}");
        }
        s.Case("les/accessed", () =>
        {
            s.Gdt(Free, Descriptor.Flat(0x92));
            s.Poke(Scratch, 0x12345678);
            s.Poke(Scratch + 4, Free);
            s.Mark();
            s.Asm.les(edx, __fword_ptr[Scratch]);
        }, $"es edx d{Free:X}");
        s.Case("les/fault-keeps-register", () =>
        {
            s.Gdt(Free, Descriptor.Flat(0x82));
            s.Poke(Scratch, 0x12345678);
            s.Poke(Scratch + 4, Free);
            s.Mark();
            s.Asm.les(edx, __fword_ptr[Scratch]);
        }, "es edx");
        s.Case("pop-ds/fault-keeps-esp", () =>
        {
            s.Gdt(Free, Descriptor.Flat(0x82));
            s.Asm.push(Free);
            s.Mark();
            s.Asm.pop(ds);
        }, "ds hsp");
        s.Case("pop-ss/new-stack", () =>
        {
            s.Gdt(Free, Descriptor.Segment(0, 0xFFFF, 0x92));
            s.Asm.push(Free);
            s.Mark();
            s.Asm.pop(ss);
            s.Asm.nop();
        }, $"hss hsp d{Free:X}");
    }

    private static void Nulls(Scenario s)
    {
        foreach (int rpl in (int[])[0, 1, 2, 3])
        {
            s.Case($"ds/null{rpl}", () => Move(s, ds, rpl), "ds");
            s.Case($"ss/null{rpl}", () => Move(s, ss, rpl));
            s.Case($"ds/null{rpl}/read", () =>
            {
                s.Asm.mov(eax, rpl);
                s.Asm.mov(fs, ax);
                s.Mark();
                s.Asm.mov(al, __byte_ptr.fs[Scratch]);
            });
        }
        s.Case("ss/null3/ring3", () =>
        {
            s.ToRing(3);
            Move(s, ss, 3);
        });
        s.Case("gs/null/write", () =>
        {
            s.Asm.xor(eax, eax);
            s.Asm.mov(gs, ax);
            s.Mark();
            s.Asm.mov(__dword_ptr.gs[Scratch], eax);
        });
        s.Case("cs/null/jmp", () => FarJump(s, 0));
        s.Case("cs/null3/jmp", () => FarJump(s, 3));
        s.Case("mov-cs", () => s.Asm.db(0x8E, 0xC8)); // MOV CS, AX: #UD
    }

    private static void FarJump(Scenario s, ushort selector)
    {
        s.Mark();
        s.Asm.jmp(selector, s.At("target"));
        s.Label("target");
    }

    private static void Load(Scenario s, string name, AssemblerRegisterSegment register, byte access, int cpl, int rpl) => s.Case(name, () =>
    {
        // A segment that expands down has all but its limit.
        bool down = (access & 0x1C) == 0x14;
        s.Gdt(Free, down ? Descriptor.Segment(0, 0, access, Descriptor.Big) : Descriptor.Flat(access));
        if (cpl != 0)
        {
            s.ToRing(cpl, 0x3002);
        }
        Move(s, register, Free | rpl);
    }, $"d{Free:X}");

    private static void Move(Scenario s, AssemblerRegisterSegment register, int selector)
    {
        s.Asm.mov(eax, selector);
        s.Mark();
        s.Asm.mov(register, ax);
    }
}
