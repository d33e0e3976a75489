using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Far JMP and CALL, direct and through call gates (Intel SDM vol. 3, 5.8).</summary>
internal static class FarTransfers
{
    private const byte Gate32 = 0x8C, Gate16 = 0x84;

    public static void Write(Scenario s)
    {
        Direct(s);
        Targets(s);
        GatePrivilege(s);
        Parameters(s);
        BrokenGates(s);
        InnerStacks(s);
    }

    private static void Direct(Scenario s)
    {
        foreach ((string name, byte access) in ((string, byte)[])[("code", 0x9A), ("conf", 0x9E)])
        {
            foreach (int cpl in (int[])[0, 1, 3])
            {
                foreach (int rpl in (int[])[0, 3])
                {
                    foreach (int dpl in (int[])[0, 1, 3])
                    {
                        byte privilege = (byte)(access | dpl << 5);
                        s.Case($"jmp/{name}-c{cpl}r{rpl}d{dpl}", () => Far(s, Descriptor.Flat(privilege), cpl, rpl, call: false));
                        s.Case($"call/{name}-c{cpl}r{rpl}d{dpl}", () => Far(s, Descriptor.Flat(privilege), cpl, rpl, call: true), "hsp");
                    }
                }
            }
        }
    }

    private static void Far(Scenario s, Descriptor target, int cpl, int rpl, bool call)
    {
        s.Gdt(Free, target);
        Ring(s, cpl);
        s.Mark();
        Go(s, (ushort)(Free | rpl), s.At("target"), call);
    }

    private static void Go(Scenario s, ushort selector, uint offset, bool call)
    {
        if (call)
        {
            s.Asm.call(selector, offset);
        }
        else
        {
            s.Asm.jmp(selector, offset);
        }
        s.Asm.@int(DoneVector);
        s.Label("target");
        s.Asm.nop();
    }

    private static void Ring(Scenario s, int ring)
    {
        if (ring != 0)
        {
            s.ToRing(ring, 0x3002);
        }
    }

    private static void Targets(Scenario s)
    {
        // The busy TSS, the LDT, gates of interrupts and reserved types are no targets; data is none; absence is looked at last.
        foreach (byte type in (byte[])[0x00, 0x02, 0x03, 0x06, 0x07, 0x08, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x16])
        {
            byte access = (byte)(0x80 | type);
            s.Case($"jmp/type{type:X2}", () => Far(s, Descriptor.Flat(access), 0, 0, call: false));
            s.Case($"call/type{type:X2}", () => Far(s, Descriptor.Flat(access), 0, 0, call: true), "hsp");
        }
        foreach (byte access in (byte[])[0x1A, 0x1E, 0x3A, 0x12, 0x0C])
        {
            s.Case($"jmp/absent{access:X2}", () => Far(s, Descriptor.Flat(access), 0, 0, call: false));
            s.Case($"call/absent{access:X2}", () => Far(s, Descriptor.Flat(access), 0, 0, call: true), "hsp");
        }
        foreach (ushort selector in (ushort[])[0, 3, 0x100, 0x0C])
        {
            s.Case($"jmp/selector{selector:X}", () => { s.Mark(); Go(s, selector, s.At("target"), call: false); });
            s.Case($"call/selector{selector:X}", () => { s.Mark(); Go(s, selector, s.At("target"), call: true); });
        }
        s.Case("jmp/beyond-limit", () => Far(s, Descriptor.Segment(0, 0xFFF, 0x9A, Descriptor.Big), 0, 0, call: false), $"d{Free:X}");
        s.Case("jmp/accessed", () => Far(s, Descriptor.Flat(0x9A), 0, 0, call: false), $"d{Free:X}");
        s.Case("call/return", () =>
        {
            s.Mark();
            s.Asm.call(FlatCode, s.At("target"));
            s.Asm.mov(ebx, esp);
            s.Asm.@int(DoneVector);
            s.Label("target");
            s.Asm.mov(eax, esp);
            s.Asm.retf();
        }, $"eax ebx w{MainStack - 4:X}");
        s.Case("call/memory", () =>
        {
            s.Poke(Scratch, s.At("target"));
            s.Poke(Scratch + 4, FlatCode);
            s.Mark();
            s.Asm.call(__fword_ptr[Scratch]);
            s.Asm.@int(DoneVector);
            s.Label("target");
            s.Asm.nop();
        }, "hsp");
    }

    private static void GatePrivilege(Scenario s)
    {
        foreach (int cpl in (int[])[0, 1, 3])
        {
            foreach (int rpl in (int[])[0, 3])
            {
                foreach (int gate in (int[])[0, 1, 3])
                {
                    s.Case($"gate/c{cpl}r{rpl}g{gate}", () => Through(s, FlatCode, Gate32, cpl, rpl, gate, call: true), "hsp hss");
                }
            }
        }
        foreach ((string name, ushort target) in ((string, ushort)[])[("code0", FlatCode), ("code1", Code1), ("code2", Code2), ("code3", UserCode), ("conf0", Free + 8), ("conf1", Free + 0x10)])
        {
            foreach (int cpl in (int[])[0, 1, 3])
            {
                s.Case($"gate/call-c{cpl}-{name}", () => Through(s, target, Gate32, cpl, cpl, 3, call: true), "hsp hss");
                s.Case($"gate/jmp-c{cpl}-{name}", () => Through(s, target, Gate32, cpl, cpl, 3, call: false), "hsp hss");
            }
        }
        s.Case("gate/accessed", () => Through(s, Free + 8, Gate32, 0, 0, 0, call: true), $"d{Free + 8:X}");
    }

    private static void Through(Scenario s, ushort target, byte type, int cpl, int rpl, int gate, bool call, byte count = 0)
    {
        s.Gdt(Free + 8, Descriptor.Flat(0x9E));
        s.Gdt(Free + 0x10, Descriptor.Flat(0xBE));
        s.Gdt(Free, Descriptor.Gate(target, s.At("target"), (byte)(type | gate << 5), count));
        Ring(s, cpl);
        s.Mark();
        Go(s, (ushort)(Free | rpl), 0xFFFFFFFF, call); // the offset of the instruction does not count
    }

    private static void Parameters(Scenario s)
    {
        foreach (byte count in (byte[])[0, 1, 3, 31, 33])
        {
            s.Case($"parameters/32-{count}", () =>
            {
                s.Gdt(Free, Descriptor.Gate(FlatCode, s.At("target"), 0xEC, count));
                s.ToRing(3, 0x3002);
                for (int parameter = 0; parameter < 4; parameter++)
                {
                    s.Asm.push(0x51000000 + parameter);
                }
                s.Mark();
                Go(s, Free, 0, call: true);
            }, $"hsp w{Ring0Stack - 4:X} m{Ring0Stack - 8:X} {(count > 1 ? $"m{Ring0Stack - 12:X} m{Ring0Stack - 16:X} " : "")}w{Ring0Stack - 12 - (count & 31) * 4:X}");
            s.Case($"parameters/same-{count}", () =>
            {
                s.Gdt(Free, Descriptor.Gate(FlatCode, s.At("target"), 0x8C, count));
                s.Asm.push(0x51);
                s.Mark();
                Go(s, Free, 0, call: true);
            }, $"hsp w{MainStack - 8:X}");
            s.Case($"parameters/16-{count}", () =>
            {
                s.Gdt(Free, Descriptor.Gate(Code16, s.Rom.Offset(s.Name("target")), 0xE4, count));
                s.ToRing(3, 0x3002);
                s.Asm.push(0x51525354);
                s.Asm.push(0x61626364);
                s.Mark();
                s.Asm.call(Free, 0u);
                s.Rom.Bits(16);
                s.Label("target");
                s.Asm.nop();
            }, $"hsp w{Ring0Stack - 2:X} w{Ring0Stack - 4:X} {(count > 1 ? $"w{Ring0Stack - 6:X} w{Ring0Stack - 8:X} " : "")}w{Ring0Stack - 6 - (count & 31) * 2:X}");
        }
        s.Case("parameters/return", () =>
        {
            s.Gdt(Free, Descriptor.Gate(FlatCode, s.At("target"), 0xEC, 2));
            s.ToRing(3, 0x3002);
            s.Asm.push(0x51);
            s.Asm.push(0x52);
            s.Mark();
            s.Asm.call(Free, 0u);
            s.Asm.mov(ebx, esp);
            s.Asm.@int(DoneVector);
            s.Label("target");
            s.Asm.mov(eax, esp);
            s.Asm.retf(8);
        }, "eax ebx ds");
    }

    private static void BrokenGates(Scenario s)
    {
        foreach (bool call in (bool[])[false, true])
        {
            string op = call ? "call" : "jmp";
            s.Case($"broken/{op}-absent", () => Gate(s, Descriptor.Gate(FlatCode, s.At("target"), 0x0C), call));
            s.Case($"broken/{op}-null", () => Gate(s, Descriptor.Gate(0, s.At("target"), 0x8C), call));
            s.Case($"broken/{op}-null3", () => Gate(s, Descriptor.Gate(3, s.At("target"), 0x8C), call));
            s.Case($"broken/{op}-data", () => Gate(s, Descriptor.Gate(Flat, s.At("target"), 0x8C), call));
            s.Case($"broken/{op}-tss", () => Gate(s, Descriptor.Gate(Tss2Sel, s.At("target"), 0x8C), call));
            s.Case($"broken/{op}-beyond", () => Gate(s, Descriptor.Gate(0x100, s.At("target"), 0x8C), call));
            s.Case($"broken/{op}-outer", () => Gate(s, Descriptor.Gate(UserCode, s.At("target"), 0x8C), call));
            s.Case($"broken/{op}-target-absent", () =>
            {
                s.Gdt(Free + 8, Descriptor.Flat(0x1A));
                Gate(s, Descriptor.Gate(Free + 8, s.At("target"), 0x8C), call);
            });
            s.Case($"broken/{op}-offset-beyond", () =>
            {
                s.Gdt(Free + 8, Descriptor.Segment(0, 0xFFF, 0x9A, Descriptor.Big));
                Gate(s, Descriptor.Gate(Free + 8, s.At("target"), 0x8C), call);
            });
        }
    }

    private static void Gate(Scenario s, Descriptor gate, bool call)
    {
        s.Gdt(Free, gate);
        s.Mark();
        Go(s, Free, 0, call);
    }

    // A call to ring 2 whose stack is not what it should be: #TS with the selector, or #SS if it is absent.
    private static void InnerStacks(Scenario s)
    {
        (string Name, uint Selector, Descriptor Segment)[] stacks =
        [
            ("null", 0, default), ("rpl", Flat2 & ~3u, default), ("beyond", 0x102, default), ("code", Code2, default),
            ("dpl", Free + 10, Descriptor.Flat(0xF2)), ("read-only", Free + 10, Descriptor.Flat(0xD0)), ("absent", Free + 10, Descriptor.Flat(0x52)),
            ("system", Free + 10, Descriptor.Flat(0xC2)), ("good", Free + 10, Descriptor.Flat(0xD2)),
            ("small", Free + 10, Descriptor.Segment(0, 0x87F8, 0xD2, Descriptor.Big)),
        ];
        foreach ((string name, uint selector, Descriptor segment) in stacks)
        {
            s.Case($"stack/call-{name}", () =>
            {
                s.Gdt(Free, Descriptor.Gate(Code2, s.At("target"), 0xEC));
                InnerStack(s, selector, segment);
                s.Asm.call(Free, 0u);
                s.Label("target");
                s.Asm.nop();
            }, $"d{Free + 8:X}");
            s.Case($"stack/int-{name}", () =>
            {
                s.Idt(0x23, Descriptor.Gate(Code2, s.At("target"), 0xEE));
                InnerStack(s, selector, segment);
                s.Asm.@int(0x23);
                s.Label("target");
                s.Asm.nop();
            }, $"d{Free + 8:X}");
        }
        s.Case("stack/tss-too-small", () =>
        {
            s.Gdt(Free, Descriptor.Gate(Code2, s.At("target"), 0xEC));
            s.Gdt(Free + 8, Descriptor.Segment(Tss, 0x17, 0x89));
            s.Asm.mov(eax, Free + 8);
            s.Asm.ltr(ax);
            s.ToRing(3, 0x3002);
            s.Mark();
            s.Asm.call(Free, 0u);
            s.Label("target");
            s.Asm.nop();
        });
    }

    private static void InnerStack(Scenario s, uint selector, Descriptor segment)
    {
        s.Gdt(Free + 8, segment);
        s.Poke(Tss + 0x18, selector);
        s.ToRing(3, 0x3002);
        s.Mark();
    }
}
