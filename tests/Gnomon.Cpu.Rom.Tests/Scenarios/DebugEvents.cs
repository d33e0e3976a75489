using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Single step, breakpoints and the shadow of MOV SS (Intel SDM vol. 3, 17.2, 17.3).</summary>
internal static class DebugEvents
{
    private const uint Write1 = 0x00010000, Write4 = 0x000D0000, ReadWrite4 = 0x000F0000, ReadWrite2 = 0x00070000, Io1 = 0x00020000, Local0 = 1, Global0 = 2;

    public static void Write(Scenario s)
    {
        SingleStep(s);
        Instructions(s);
        Data(s);
        Others(s);
    }

    private static void SingleStep(Scenario s)
    {
        Step(s, "nop", () => { s.Asm.nop(); s.Asm.nop(); }, 2);
        Step(s, "int", () => s.Asm.@int(0x20), 0);
        Step(s, "mov-ss", () => { s.Asm.mov(ss, bx); s.Asm.nop(); s.Asm.nop(); }, 2);
        Step(s, "pop-ss", () => { s.Asm.push(ebx); s.Asm.pop(ss); s.Asm.nop(); }, 2);
        Step(s, "mov-ds", () => { s.Asm.mov(ds, bx); s.Asm.nop(); }, 2);
        Step(s, "sti", () => { s.Asm.sti(); s.Asm.cli(); s.Asm.nop(); }, 3);
        Step(s, "rep-stos", () => { s.Asm.rep.stosb(); s.Asm.nop(); }, 4);
        Step(s, "fault", () => s.Asm.ud2(), 0);
        Step(s, "call-ret", () => { s.Asm.call(s.At("sub")); s.Asm.nop(); s.Asm.@int(DoneVector); s.Label("sub"); s.Asm.ret(); }, 3);
        Step(s, "pushf", () => { s.Asm.pushfd(); s.Asm.pop(eax); }, 2);
        s.Case("step/popf-clears", () =>
        {
            s.ResumeAfter(1);
            TrapFlag(s);
            s.Asm.push(2);
            s.Asm.popfd();
            s.Asm.nop();
        }, "n r1");
        s.Case("step/iret-sets", () =>
        {
            s.ResumeAfter(1);
            s.Asm.push(0x102);
            s.Asm.push(FlatCode);
            s.Asm.push((int)s.At("target"));
            s.Asm.iretd();
            s.Label("target");
            s.Mark();
            s.Asm.nop();
            s.Asm.nop();
        }, "n r1");
        s.Case("step/ring3", () =>
        {
            s.ToRing(3, 0x102);
        });
        s.Case("step/v86", () =>
        {
            s.ToV86(0x3102);
            s.Mark();
            s.Asm.nop();
            s.Asm.nop();
        });
    }

    private static void TrapFlag(Scenario s)
    {
        s.Asm.push(0x102);
        s.Asm.popfd();
        s.Mark();
    }

    private static void Step(Scenario s, string name, Action body, int records)
    {
        s.Case($"step/{name}", () =>
        {
            s.ResumeAfter(1);
            s.Asm.mov(ebx, (uint)Flat);
            s.Asm.mov(edi, Scratch);
            s.Asm.mov(ecx, 3);
            TrapFlag(s);
            body();
        }, "n " + string.Join(' ', Enumerable.Range(1, Math.Max(0, records)).Select(record => $"r{record}")));
    }

    private static void Instructions(Scenario s)
    {
        s.Case("exec/hit", () => { Break(s, Local0, s.At("there")); s.Label("there"); s.Mark(); s.Asm.nop(); }, "rf");
        s.Case("exec/global", () => { Break(s, Global0, s.At("there")); s.Label("there"); s.Mark(); s.Asm.nop(); });
        s.Case("exec/disabled", () => { Break(s, 0, s.At("there")); s.Label("there"); s.Mark(); s.Asm.nop(); });
        s.Case("exec/resume-flag", () =>
        {
            Break(s, Local0, s.At("there"));
            s.Asm.push(0x10002);
            s.Asm.push(FlatCode);
            s.Asm.push((int)s.At("there"));
            s.Asm.iretd();
            s.Label("there");
            s.Mark();
            s.Asm.nop();
        });
        s.Case("exec/resume-flag-once", () =>
        {
            // RF lets one instruction run; the second time round the breakpoint hits.
            Break(s, Local0, s.At("there"));
            s.Asm.mov(ecx, 2);
            s.Asm.push(0x10002);
            s.Asm.push(FlatCode);
            s.Asm.push((int)s.At("there"));
            s.Asm.iretd();
            s.Label("there");
            s.Mark();
            s.Asm.nop();
            s.Asm.loop(s.At("there"));
        }, "ecx");
        s.Case("exec/after-mov-ss", () =>
        {
            Break(s, Local0, s.At("there"));
            s.Asm.mov(ebx, (uint)Flat);
            s.Asm.mov(ss, bx);
            s.Label("there");
            s.Mark();
            s.Asm.nop();
            s.Asm.nop();
        });
        s.Case("exec/before-fault", () => { Break(s, Local0, s.At("there")); s.Label("there"); s.Mark(); s.Asm.ud2(); });
        s.Case("exec/in-middle", () => { Break(s, Local0, s.At("there") + 1); s.Label("there"); s.Mark(); s.Asm.mov(eax, 5); });
        s.Case("exec/two-match", () =>
        {
            Break(s, Local0 | 4, s.At("there"));
            s.Asm.mov(eax, s.At("there"));
            s.Asm.mov(dr1, eax);
            s.Label("there");
            s.Mark();
            s.Asm.nop();
        });
    }

    private static void Break(Scenario s, uint dr7Value, uint address)
    {
        s.Asm.mov(eax, address);
        s.Asm.mov(dr0, eax);
        s.Asm.mov(eax, dr7Value);
        s.Asm.mov(dr7, eax);
    }

    private static void Data(Scenario s)
    {
        (string Name, uint Control, Action<Assembler> Access)[] cases =
        [
            ("write4-write", Write4, asm => asm.mov(__dword_ptr[Scratch], eax)), ("write4-read", Write4, asm => asm.mov(eax, __dword_ptr[Scratch])),
            ("write4-byte3", Write4, asm => asm.mov(__byte_ptr[Scratch + 3], al)), ("write4-byte4", Write4, asm => asm.mov(__byte_ptr[Scratch + 4], al)),
            ("write4-across", Write4, asm => asm.mov(__dword_ptr[Scratch - 3], eax)), ("write1-dword-over", Write1, asm => asm.mov(__dword_ptr[Scratch - 2], eax)),
            ("rw4-read", ReadWrite4, asm => asm.mov(eax, __dword_ptr[Scratch])), ("rw4-write", ReadWrite4, asm => asm.mov(__dword_ptr[Scratch], eax)),
            ("rw2-read-byte1", ReadWrite2, asm => asm.mov(al, __byte_ptr[Scratch + 1])), ("rw2-read-byte2", ReadWrite2, asm => asm.mov(al, __byte_ptr[Scratch + 2])),
            ("rw4-add", ReadWrite4, asm => asm.add(__dword_ptr[Scratch], eax)), ("write4-cmp", Write4, asm => asm.cmp(__dword_ptr[Scratch], eax)),
            ("rw4-nop", ReadWrite4, asm => asm.nop()), ("write4-push", Write4, asm => { asm.mov(esp, Scratch + 4); asm.push(eax); }),
        ];
        foreach ((string name, uint control, Action<Assembler> access) in cases)
        {
            s.Case($"data/{name}", () => { Break(s, control | Local0, Scratch); s.Mark(); access(s.Asm); s.Asm.nop(); });
        }
        s.Case("data/rep-stos", () =>
        {
            Break(s, Write4 | Local0, Scratch + 8);
            s.Asm.mov(edi, Scratch);
            s.Asm.mov(ecx, 6);
            s.Mark();
            s.Asm.rep.stosd();
        }, "ecx edi");
        s.Case("data/after-mov-ss", () =>
        {
            // MOV SS reads the breakpoint: what it caused comes after the next instruction, or not at all.
            s.Poke(Scratch, Flat);
            Break(s, ReadWrite4 | Local0, Scratch);
            s.Mark();
            s.Asm.mov(ss, __word_ptr[Scratch]);
            s.Asm.nop();
            s.Asm.nop();
        });
        s.Case("data/not-enabled-match", () =>
        {
            // A register that matches without being enabled may set its bit in DR6 when another one hits.
            Break(s, Write4 | Local0, Scratch);
            s.Mark();
            s.Asm.mov(__dword_ptr[Scratch], eax);
            s.Asm.nop();
        });
        s.Case("data/with-step", () =>
        {
            Break(s, Write4 | Local0, Scratch);
            s.Idt(1, Descriptor.Gate(FlatCode, s.At("handler"), 0x8E));
            TrapFlag(s);
            s.Asm.mov(__dword_ptr[Scratch], eax);
            s.Asm.nop();
            s.Label("handler");
            s.Asm.nop();
        }, "hsp dr6");
    }

    private static void Others(Scenario s)
    {
        s.Case("gd/mov", () =>
        {
            s.Asm.mov(eax, 0x2000);
            s.Asm.mov(dr7, eax);
            s.Mark();
            s.Asm.mov(ebx, dr0);
        });
        s.Case("gd/ring3", () =>
        {
            s.Asm.mov(eax, 0x2000);
            s.Asm.mov(dr7, eax);
            s.ToRing(3);
            s.Mark();
            s.Asm.mov(ebx, dr0);
        });
        s.Case("io/hit", () =>
        {
            s.Asm.mov(eax, 8);
            s.Asm.mov(cr4, eax);
            Break(s, Io1 | Local0, 0x2E8);
            s.Asm.mov(edx, 0x2E8);
            s.Mark();
            s.Asm.@out(dx, al);
            s.Asm.nop();
        });
        s.Case("dr6/sticky", () =>
        {
            s.Asm.mov(eax, 0xFFFF0FF8);
            s.Asm.mov(dr6, eax);
            s.ResumeAfter(1);
            TrapFlag(s);
            s.Asm.nop();
        }, "n");
        s.Case("int1", () => { s.Mark(); s.Asm.db(0xCD, 0x01); });
        s.Case("int3-with-tf", () => { s.ResumeAfter(1); TrapFlag(s); s.Asm.int3(); }, "n");
    }
}
