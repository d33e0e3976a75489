using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>What the limit, the type and the size of a segment allow (Intel SDM vol. 3, 5.3, 3.4.5), 16-bit stacks and code, real mode.</summary>
internal static class SegmentLimits
{
    public static void Write(Scenario s)
    {
        Limits(s);
        Types(s);
        SmallStacks(s);
        SmallCode(s);
        Real(s);
    }

    private static void Limits(Scenario s)
    {
        (string Name, Descriptor Segment, uint[] Offsets)[] segments =
        [
            ("bytes", Descriptor.Segment(Scratch, 0x0F, 0x92, Descriptor.Big), [0, 0xC, 0xD, 0xE, 0xF, 0x10, 0xFFFFFFFF]),
            ("one-byte", Descriptor.Segment(Scratch, 0, 0x92, Descriptor.Big), [0, 1]),
            ("pages", Descriptor.Segment(Scratch, 0, 0x92, Descriptor.Big | Descriptor.Pages), [0xFFC, 0xFFD, 0xFFF, 0x1000]),
            ("down16", Descriptor.Segment(Scratch, 0xFF, 0x96), [0xFD, 0xFF, 0x100, 0xFFC, 0xFFFF, 0x10000]),
            ("down32", Descriptor.Segment(Scratch, 0xFF, 0x96, Descriptor.Big), [0xFD, 0xFF, 0x100, 0x3FC, 0xFFFFFFFD]),
            ("down-pages", Descriptor.Segment(0, 0, 0x96, Descriptor.Big | Descriptor.Pages), [0xFFC, 0xFFF, 0x1000]),
        ];
        foreach ((string name, Descriptor segment, uint[] offsets) in segments)
        {
            foreach (uint offset in offsets)
            {
                s.Case($"read/{name}-{offset:X}", () => { Fs(s, segment); s.Asm.mov(ebx, offset); s.Mark(); s.Asm.mov(eax, __dword_ptr.fs[ebx]); });
                s.Case($"byte/{name}-{offset:X}", () => { Fs(s, segment); s.Asm.mov(ebx, offset); s.Mark(); s.Asm.mov(al, __byte_ptr.fs[ebx]); });
            }
        }
        s.Case("write/bytes-D", () => { Fs(s, segments[0].Segment); s.Mark(); s.Asm.mov(__dword_ptr.fs[0xD], eax); }, $"m{Scratch + 0xC:X}");
        s.Case("rmw/bytes-D", () => { Fs(s, segments[0].Segment); s.Mark(); s.Asm.add(__dword_ptr.fs[0xD], eax); }, $"m{Scratch + 0xC:X}");
        s.Case("movs/bytes-run-out", () =>
        {
            s.Gdt(Free, segments[0].Segment);
            s.Asm.mov(eax, (uint)Free);
            s.Asm.mov(es, ax);
            s.Asm.xor(edi, edi);
            s.Asm.mov(esi, 0xF0000);
            s.Asm.mov(ecx, 8);
            s.Mark();
            s.Asm.rep.movsd();
        }, "ecx esi edi");
        s.Case("ss/limit-by-bp", () =>
        {
            s.Gdt(Free, Descriptor.Segment(0, 0x7FFF, 0x92, Descriptor.Big));
            s.Asm.mov(eax, (uint)Free);
            s.Asm.mov(ss, ax);
            s.Asm.mov(ebp, 0x8000);
            s.Mark();
            s.Asm.mov(al, __byte_ptr[ebp]);
        });
        s.Case("ds/limit-by-override", () =>
        {
            s.Gdt(Free, Descriptor.Segment(0, 0x7FFF, 0x92, Descriptor.Big));
            s.Asm.mov(eax, (uint)Free);
            s.Asm.mov(ds, ax);
            s.Asm.mov(ebp, 0x8000);
            s.Mark();
            s.Asm.mov(al, __byte_ptr.ds[ebp]);
        });
    }

    private static void Fs(Scenario s, Descriptor segment)
    {
        s.Gdt(Free, segment);
        s.Asm.mov(eax, (uint)Free);
        s.Asm.mov(fs, ax);
    }

    private static void Types(Scenario s)
    {
        s.Case("write/read-only", () => { Fs(s, Descriptor.Flat(0x90)); s.Mark(); s.Asm.mov(__byte_ptr.fs[Scratch], al); });
        s.Case("read/read-only", () => { Fs(s, Descriptor.Flat(0x90)); s.Mark(); s.Asm.mov(al, __byte_ptr.fs[Scratch]); });
        s.Case("rmw/read-only", () => { Fs(s, Descriptor.Flat(0x90)); s.Mark(); s.Asm.inc(__byte_ptr.fs[Scratch]); });
        s.Case("write/code", () => s.Asm.mov(__byte_ptr.cs[Scratch], al), $"b{Scratch:X}");
        s.Case("read/code", () => s.Asm.mov(al, __byte_ptr.cs[Scratch]));
        s.Case("read/execute-only", () =>
        {
            s.Gdt(Free, Descriptor.Flat(0x98));
            s.Asm.jmp(Free, s.At("in"));
            s.Label("in");
            s.Mark();
            s.Asm.mov(al, __byte_ptr.cs[Scratch]);
        }, $"d{Free:X}");
        s.Case("write/readable-code", () => { Fs(s, Descriptor.Flat(0x9A)); s.Mark(); s.Asm.mov(__byte_ptr.fs[Scratch], al); });
    }

    // With B clear, SP wraps at 64 KiB and the upper half of ESP stays.
    private static void SmallStacks(Scenario s)
    {
        s.Case("stack16/push", () => { Stack16(s, 0x12347000); s.Asm.push(eax); });
        s.Case("stack16/push-esp", () =>
        {
            Stack16(s, 0x12347000);
            s.Asm.push(0x55667788);
            s.Asm.mov(eax, esp);
            s.Asm.mov(esp, 0x7000);
        }, $"eax m{0x6FFC:X}");
        s.Case("stack16/pop-wraps", () =>
        {
            Stack16(s, 0x1234FFFC);
            s.Asm.pop(ebx);
            s.Asm.mov(eax, esp);
            s.Asm.mov(esp, 0x7000);
        }, "eax");
        s.Case("stack16/call-ret", () =>
        {
            Stack16(s, 0x12347000);
            s.Asm.call(s.At("in"));
            s.Asm.mov(ebx, esp);
            s.Asm.mov(esp, 0x7000);
            s.Asm.@int(DoneVector);
            s.Label("in");
            s.Asm.mov(eax, esp);
            s.Asm.ret(4);
        }, "eax ebx");
        s.Case("stack16/enter-leave", () =>
        {
            Stack16(s, 0x12347000);
            s.Asm.mov(ebp, 0x56786000);
            s.Asm.enter(0x10, 0);
            s.Asm.mov(eax, esp);
            s.Asm.mov(edx, ebp);
            s.Asm.leave();
            s.Asm.mov(ebx, esp);
            s.Asm.mov(esp, 0x7000);
        }, "eax edx ebx ebp");
        s.Case("stack16/pusha", () =>
        {
            Stack16(s, 0x12347000);
            s.Asm.pushad();
            s.Asm.mov(eax, esp);
            s.Asm.mov(esp, 0x7000);
        }, $"eax m{0x7000 - 0x14:X}");
        s.Case("stack16/push-wraps", () =>
        {
            Stack16(s, 0x12340000);
            s.Gdt(Free + 8, Descriptor.Segment(0x10000, 0xFFFF, 0x92));
            s.Asm.mov(eax, Free + 8);
            s.Asm.mov(ss, ax);
            s.Asm.push(0x11223344);
            s.Asm.mov(eax, esp);
            s.Asm.mov(ebx, (uint)Flat);
            s.Asm.mov(ss, bx);
            s.Asm.mov(esp, 0x7000);
        }, "eax m1FFFC");
        s.Case("stack32/inc-esp-wrap", () =>
        {
            s.Asm.xor(esp, esp);
            s.Asm.mov(eax, esp);
            s.Asm.mov(esp, 0x7000);
        }, "eax");
        s.Case("stack/push16-in-32", () => { s.Asm.push(ax); s.Asm.mov(ebx, esp); }, "ebx");
        s.Case("stack/push-segment", () => { s.Asm.push(0x11223344); s.Asm.pop(eax); s.Asm.push(fs); s.Asm.mov(ebx, esp); }, "ebx w6FFC");
        s.Case("stack/pop-segment", () => { s.Asm.push(0x11220010); s.Asm.pop(fs); s.Asm.mov(ebx, esp); }, "ebx fs");
        s.Case("stack/pop-esp", () => { s.Asm.push(0x6F00); s.Asm.pop(esp); s.Asm.mov(ebx, esp); }, "ebx");
        s.Case("stack/push-esp", () => { s.Asm.push(esp); s.Asm.pop(ebx); }, "ebx");
        s.Case("stack/pop-memory-esp", () => { s.Asm.push(0x77); s.Asm.pop(__dword_ptr[esp - 8]); s.Asm.mov(ebx, esp); }, "ebx m6FF8");
    }

    private static void Stack16(Scenario s, uint top)
    {
        s.Gdt(Free, Descriptor.Segment(0, 0xFFFF, 0x92));
        s.Asm.mov(eax, (uint)Free);
        s.Asm.mov(ss, ax);
        s.Asm.mov(esp, top);
        s.Mark();
    }

    private static void SmallCode(Scenario s)
    {
        s.Case("code16/defaults", () =>
        {
            Code16Run(s, () =>
            {
                s.Asm.push(cx);
                s.Asm.mov(eax, esp);
                s.Asm.pop(cx);
            });
        }, "eax");
        s.Case("code16/jump-cuts-ip", () => Code16Run(s, () =>
        {
            // A 16-bit near jump clears the upper half of EIP.
            s.Asm.jmp(s.Rom.Offset(s.Name("there")));
            s.Label("there");
            s.Asm.nop();
        }));
        s.Case("code16/limit", () =>
        {
            s.Gdt(Free, Descriptor.Segment(RomWriter.Base, 0x0FFF, 0x9A));
            s.Mark();
            s.Asm.jmp(Free, 0x1000u);
        });
        s.Case("code32/run-over-limit", () =>
        {
            // The instruction lies across the limit of the segment.
            s.Gdt(Free, Descriptor.Segment(Scratch, 3, 0x9A, Descriptor.Big));
            s.Poke(Scratch, 0xB8909090); // NOP, NOP, NOP, MOV EAX, 40CD40CD
            s.Poke(Scratch + 4, 0x40CD40CD);
            s.Poke(Scratch + 8, 0x40CD40CD);
            s.Poke(Mark, 0);
            s.Asm.jmp(Free, 0u);
        }, "eax");
        s.Case("code32/near-jump-beyond", () =>
        {
            s.Gdt(Free, Descriptor.Segment(0, s.At("out") - 1, 0x9A, Descriptor.Big));
            s.Asm.jmp(Free, s.At("in"));
            s.Label("in");
            s.Asm.mov(eax, s.At("out"));
            s.Mark();
            s.Asm.jmp(eax);
            s.Label("out");
        });
        s.Case("code32/near-call-beyond", () =>
        {
            s.Gdt(Free, Descriptor.Segment(0, s.At("out") - 1, 0x9A, Descriptor.Big));
            s.Asm.jmp(Free, s.At("in"));
            s.Label("in");
            s.Asm.mov(eax, s.At("out"));
            s.Mark();
            s.Asm.call(eax);
            s.Label("out");
        }, "hsp");
    }

    private static void Code16Run(Scenario s, Action body)
    {
        s.Asm.jmp(Code16, s.Rom.Offset(s.Name("in16")));
        s.Rom.Bits(16);
        s.Label("in16");
        s.Mark();
        body();
    }

    private static void Real(Scenario s)
    {
        s.RealCase("real/read-word-FFFF", () => { s.Mark(); s.Asm.mov(ax, __word_ptr[0xFFFF]); });
        s.RealCase("real/read-dword-FFFD", () => { s.Mark(); s.Asm.mov(eax, __dword_ptr[0xFFFD]); });
        s.RealCase("real/read-32-bit-address", () => { s.Asm.mov(ebx, 0x10000); s.Mark(); s.Asm.mov(al, __byte_ptr[ebx]); });
        s.RealCase("real/stack-word-at-1", () => { s.Asm.mov(bp, 0xFFFF); s.Mark(); s.Asm.mov(ax, __word_ptr[bp]); });
        s.RealCase("real/index-wraps", () =>
        {
            s.Asm.mov(__word_ptr[Scratch], 0x1234);
            s.Asm.mov(bx, 0xFFFF);
            s.Asm.mov(si, (ushort)(Scratch + 1));
            s.Asm.mov(ax, __word_ptr[bx + si]);
        }, "ax");
        s.RealCase("real/segment-base", () =>
        {
            s.Asm.mov(ax, (short)(Scratch >> 4));
            s.Asm.mov(es, ax);
            s.Asm.mov(__dword_ptr.es[4], 0x11335577);
        }, $"m{Scratch + 4:X} es");
        s.RealCase("real/write-code", () => s.Asm.mov(__byte_ptr.cs[0], al));
        s.RealCase("real/push-wraps", () =>
        {
            s.Asm.mov(cx, 0x2000);
            s.Asm.mov(ss, cx);
            s.Asm.mov(esp, 0);
            s.Asm.push(0x1234);
            s.Asm.mov(bx, sp);
            s.Asm.mov(esp, 0x7000);
        }, "ebx w2FFFE");
        s.RealCase("real/push-esp-1", () => { s.Asm.mov(eax, esp); s.Asm.push(sp); s.Asm.pop(bx); }, "eax ebx");
        BigReal(s);
    }

    // A limit loaded in protected mode stays in real mode until the segment register is loaded... and then only its base changes.
    private static void BigReal(Scenario s)
    {
        s.Case("real/big-limit", () =>
        {
            s.Asm.mov(ecx, (uint)s.Rom.Offset(s.Name("real")));
            s.Asm.mov(__dword_ptr[RealEntry], ecx);
            s.Poke(0x12000, 0xCAFEBABE);
            s.Asm.jmp(Code16, s.Rom.Offset(s.Name("protected16")));
            s.Rom.Bits(16);
            s.Label("protected16");
            s.Asm.mov(eax, cr0);
            s.Asm.and(al, 0xFE);
            s.Asm.mov(cr0, eax);
            ushort real = s.Rom.Offset(s.Name("real"));
            s.Asm.db([0xEA, (byte)real, (byte)(real >> 8), 0x00, 0xF0]);
            s.Label("real");
            s.Asm.mov(ebx, 0x12000);
            s.Asm.mov(edx, __dword_ptr[ebx]);
            s.Asm.xor(ax, ax);
            s.Asm.mov(ds, ax);
            s.Asm.mov(esi, __dword_ptr[ebx]);
            s.Asm.mov(eax, cr0);
            s.Asm.or(al, 1);
            s.Asm.mov(cr0, eax);
            Runtime.Startup.FarJump16(s.Rom, FlatCode, s.At("back"));
            s.Rom.Bits(32);
            s.Label("back");
            s.Asm.mov(eax, (uint)Flat);
            s.Asm.mov(ds, ax);
        }, "edx esi");
    }
}
