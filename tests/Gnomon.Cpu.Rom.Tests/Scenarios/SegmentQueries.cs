using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>LAR, LSL, VERR, VERW and ARPL: they ask of a descriptor and never fault for it (Intel SDM vol. 3, 5.10).</summary>
internal static class SegmentQueries
{
    public static void Write(Scenario s)
    {
        for (int type = 0; type < 32; type++)
        {
            byte access = (byte)(0x80 | type);
            Ask(s, $"type{type:X2}", access, 0, 0);
        }
        foreach (int cpl in (int[])[0, 1, 3])
        {
            foreach (int rpl in (int[])[0, 3])
            {
                foreach (int dpl in (int[])[0, 1, 3])
                {
                    foreach ((string name, int type) in ((string, int)[])[("data", 0x12), ("code", 0x1A), ("conf", 0x1E), ("tss", 9), ("gate", 12)])
                    {
                        Ask(s, $"{name}/c{cpl}r{rpl}d{dpl}", (byte)(0x80 | type | dpl << 5), cpl, rpl);
                    }
                }
            }
        }
        Ask(s, "absent-data", 0x12, 0, 0);
        Ask(s, "absent-tss", 0x09, 0, 0);
        foreach ((string name, int selector) in ((string, int)[])[("null", 0), ("null3", 3), ("beyond", 0x100), ("no-ldt", 0x0C)])
        {
            s.Case($"select/{name}", () => Query(s, selector), "eax edx ebx");
        }
        s.Case("lsl/bytes", () => Limit(s, Descriptor.Segment(0, 0x12345, 0x92)), "eax");
        s.Case("lsl/pages", () => Limit(s, Descriptor.Segment(0, 0x12345, 0x92, Descriptor.Pages)), "eax");
        s.Case("lsl/16-bit", () =>
        {
            s.Gdt(Free, Descriptor.Segment(0, 0x12345, 0x92));
            s.Asm.mov(ecx, (uint)Free);
            s.Asm.lsl(ax, cx);
        }, "eax");
        s.Case("lar/16-bit", () =>
        {
            s.Gdt(Free, Descriptor.Flat(0x92));
            s.Asm.mov(ecx, (uint)Free);
            s.Asm.lar(ax, cx);
        }, "eax");
        foreach ((int destination, int source) in ((int, int)[])[(0, 0), (0, 3), (3, 0), (1, 2), (2, 1), (3, 3)])
        {
            s.Case($"arpl/{destination}-{source}", () =>
            {
                s.Asm.mov(eax, 0x11110080 + destination);
                s.Asm.mov(ecx, 0x22220040 + source);
                s.Mark();
                s.Asm.arpl(ax, cx);
            }, "eax");
        }
        s.Case("arpl/memory", () =>
        {
            s.Poke(Scratch, 0xFFFF0011);
            s.Asm.mov(ecx, 3);
            s.Asm.arpl(__word_ptr[Scratch], cx);
        }, $"m{Scratch:X}");
    }

    private static void Limit(Scenario s, Descriptor segment)
    {
        s.Gdt(Free, segment);
        s.Asm.mov(ecx, (uint)Free);
        s.Asm.lsl(eax, ecx);
    }

    private static void Ask(Scenario s, string name, byte access, int cpl, int rpl) => s.Case(name, () =>
    {
        s.Gdt(Free, Descriptor.Segment(0x12345678, 0x54321, access, Descriptor.Big | 0x100000));
        if (cpl != 0)
        {
            s.ToRing(cpl);
        }
        Query(s, Free | rpl);
    }, $"eax edx ebx d{Free:X}");

    // EAX = LAR, EDX = LSL, EBX = ZF of LAR, LSL, VERR, VERW from bit 0.
    private static void Query(Scenario s, int selector)
    {
        s.Asm.mov(ecx, selector);
        s.Asm.xor(ebx, ebx);
        s.Mark();
        s.Asm.lar(eax, ecx);
        Flag(s, 1);
        s.Asm.lsl(edx, ecx);
        Flag(s, 2);
        s.Asm.verr(cx);
        Flag(s, 4);
        s.Asm.verw(cx);
        Flag(s, 8);
        s.Asm.and(eax, 0xFFF0FFFF); // LAR leaves bits 16 to 19 undefined
        s.Asm.push(2);
        s.Asm.popfd();
    }

    private static void Flag(Scenario s, byte bit)
    {
        string no = s.Unique("no");
        s.Asm.jne(s.Rom[no]);
        s.Asm.lea(ebx, __[ebx + bit]);
        s.Rom.Define(no);
    }
}
