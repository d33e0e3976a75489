using Gnomon.Cpu.Rom.Tests.Assembly;
using Gnomon.Cpu.Rom.Tests.Runtime;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Each vector and its error code, how a gate is checked, and when one exception becomes a double fault (Intel SDM vol. 3, chapter 6).</summary>
internal static class Exceptions
{
    private const uint TaskSwitched = 8, Emulation = 4, Monitor = 2, NumericError = 0x20, AlignmentMask = 0x40000;

    public static void Write(Scenario s)
    {
        Vectors(s);
        FloatingPoint(s);
        Opcodes(s);
        SoftwareInterrupts(s);
        BadGates(s);
        GateTargets(s);
        DoubleFaults(s);
        HandlerFlags(s);
        ResumeFlag(s);
    }

    private static void Vectors(Scenario s)
    {
        s.Case("de/div", () => { s.Asm.mov(ecx, 0); s.Mark(); s.Asm.div(ecx); }, "eax edx");
        s.Case("de/div-overflow", () => { s.Asm.mov(ecx, 2); s.Asm.mov(edx, 2); s.Mark(); s.Asm.div(ecx); }, "eax edx");
        s.Case("de/idiv-min", () =>
        {
            s.Asm.mov(eax, 0x80000000);
            s.Asm.mov(edx, 0xFFFFFFFF);
            s.Asm.mov(ecx, 0xFFFFFFFF);
            s.Mark();
            s.Asm.idiv(ecx);
        }, "eax edx");
        s.Case("de/div8", () => { s.Asm.mov(eax, 0x1000); s.Asm.mov(cl, 0x10); s.Mark(); s.Asm.div(cl); }, "eax");
        s.Case("de/idiv8-min", () => { s.Asm.mov(eax, 0xFF80); s.Asm.mov(cl, 1); s.Mark(); s.Asm.idiv(cl); }, "eax ecx");
        s.Case("de/idiv16-quotient", () => { s.Asm.mov(eax, 0x8000); s.Asm.mov(edx, 0); s.Asm.mov(ecx, 1); s.Mark(); s.Asm.idiv(cx); }, "eax edx");
        s.Case("de/aam0", () => { s.Mark(); s.Asm.db(0xD4, 0x00); });
        s.Case("db/icebp", () => { s.Mark(); s.Asm.db(0xF1); });
        s.Case("bp/int3", () => { s.Mark(); s.Asm.int3(); });
        s.Case("bp/int-3", () => { s.Mark(); s.Asm.db(0xCD, 0x03); });
        s.Case("of/into", () => { s.Asm.mov(al, 0x7F); s.Asm.add(al, 1); s.Mark(); s.Asm.into(); });
        s.Case("of/into-clear", () => { s.Mark(); s.Asm.into(); });
        Bound(s, "inside", 5);
        Bound(s, "lower", 2);
        Bound(s, "upper", 8);
        Bound(s, "below", 1);
        Bound(s, "above", 9);
        Bound(s, "signed", 0xFFFFFFFF);
        s.Case("br/bound16", () =>
        {
            s.Poke(Scratch, 0x00080002);
            s.Asm.mov(eax, 0x00059);
            s.Mark();
            s.Asm.bound(ax, __dword_ptr[Scratch]);
        });
        s.Case("gp/long-instruction", () => { s.Mark(); s.Asm.db([.. Enumerable.Repeat((byte)0x66, 15), 0x90]); });
        s.Case("gp/long-undefined", () => { s.Mark(); s.Asm.db([.. Enumerable.Repeat((byte)0x66, 14), 0xFE, 0xF8]); });
        s.Case("ud/longest-undefined", () => { s.Mark(); s.Asm.db([.. Enumerable.Repeat((byte)0x66, 13), 0xFE, 0xF8]); });
        s.Case("nop/longest-instruction", () => { s.Mark(); s.Asm.db([.. Enumerable.Repeat((byte)0x66, 14), 0x90]); });
    }

    private static void Bound(Scenario s, string name, uint index) => s.Case($"br/bound-{name}", () =>
    {
        s.Poke(Scratch, 2);
        s.Poke(Scratch + 4, 8);
        s.Asm.mov(eax, index);
        s.Mark();
        s.Asm.bound(eax, __qword_ptr[Scratch]);
    }, "eax");

    private static void FloatingPoint(Scenario s)
    {
        (string Name, uint Bits)[] states = [("none", 0), ("ts", TaskSwitched), ("em", Emulation), ("mp", Monitor), ("ts-mp", TaskSwitched | Monitor)];
        foreach ((string name, uint bits) in states)
        {
            s.Case($"nm/fnop-{name}", () => { Cr0(s, bits); s.Mark(); s.Asm.fnop(); });
            s.Case($"nm/wait-{name}", () => { Cr0(s, bits); s.Mark(); s.Asm.wait(); });
            s.Case($"nm/emms-{name}", () => { Cr0(s, bits); s.Mark(); s.Asm.emms(); });
        }
        s.Case("mf/divide", () =>
        {
            Cr0(s, NumericError);
            s.Poke(Scratch, 0x037B); // the divide exception is not masked
            s.Asm.fninit();
            s.Asm.fldcw(__word_ptr[Scratch]);
            s.Asm.fld1();
            s.Asm.fldz();
            s.Asm.fdivp(st1, st0);
            s.Asm.nop();
            s.Mark();
            s.Asm.wait();
        });
    }

    private static void Cr0(Scenario s, uint bits)
    {
        s.Asm.mov(eax, cr0);
        s.Asm.or(eax, bits);
        s.Asm.mov(cr0, eax);
        s.Asm.push(2);
        s.Asm.popfd();
    }

    private static void Opcodes(Scenario s)
    {
        (string Name, byte[] Bytes)[] opcodes =
        [
            ("ud2", [0x0F, 0x0B]), ("ud1", [0x0F, 0xB9, 0xC0]), ("lock-nop", [0xF0, 0x90]), ("lock-add-register", [0xF0, 0x01, 0xC0]),
            ("lock-cmp", [0xF0, 0x39, 0x05, 0, 0xA0, 0, 0]), ("lock-mov", [0xF0, 0x89, 0x05, 0, 0xA0, 0, 0]), ("lock-bt", [0xF0, 0x0F, 0xA3, 0x05, 0, 0xA0, 0, 0]),
            ("grp5-7", [0xFF, 0xF8]), ("grp4-2", [0xFE, 0xD0]), ("pop-1", [0x8F, 0xC8]), ("mov-imm-1", [0xC7, 0xC8, 0, 0, 0, 0]),
            ("lea-register", [0x8D, 0xC0]), ("les-register", [0xC4, 0xC0]), ("bound-register", [0x62, 0xC0]), ("call-far-register", [0xFF, 0xD8]), ("jmp-far-register", [0xFF, 0xE8]),
            ("mov-from-sreg6", [0x8C, 0xF0]), ("mov-to-sreg7", [0x8E, 0xF8]), ("mov-to-cs", [0x8E, 0xC8]), ("cmpxchg8b-register", [0x0F, 0xC7, 0xC8]),
            ("mov-cr1", [0x0F, 0x20, 0xC8]), ("mov-cr5", [0x0F, 0x20, 0xE8]), ("mov-cr7", [0x0F, 0x22, 0xF8]), ("lgdt-register", [0x0F, 0x01, 0xD0]), ("sidt-register", [0x0F, 0x01, 0xC8]),
            ("grp6-6", [0x0F, 0x00, 0xF0]), ("grp8-0", [0x0F, 0xBA, 0xC0, 0x01]), ("0f-ff", [0x0F, 0xFF]), ("0f-04", [0x0F, 0x04]),
        ];
        foreach ((string name, byte[] bytes) in opcodes)
        {
            s.Case($"ud/{name}", () => { s.Mark(); s.Asm.db(bytes); });
        }
        s.RealCase("ud/real-arpl", () => { s.Mark(); s.Asm.db(0x63, 0xC0); });
        s.RealCase("ud/real-lldt", () => { s.Mark(); s.Asm.db(0x0F, 0x00, 0xD0); });
        s.RealCase("ud/real-verr", () => { s.Mark(); s.Asm.db(0x0F, 0x00, 0xE0); });
        s.RealCase("ud/real-lar", () => { s.Mark(); s.Asm.db(0x0F, 0x02, 0xC0); });
        s.RealCase("real/divide", () => { s.Asm.mov(cx, 0); s.Mark(); s.Asm.div(cx); });
        s.RealCase("real/int3", () => { s.Mark(); s.Asm.int3(); });
        s.RealCase("real/bound", () => { s.Asm.mov(__dword_ptr[Scratch], 0x00080002); s.Asm.mov(ax, 9); s.Mark(); s.Asm.bound(ax, __dword_ptr[Scratch]); });
        s.RealCase("real/idt-limit", () =>
        {
            // A vector beyond the limit of the IDT is #GP; vector 13 is still inside.
            s.Asm.mov(__word_ptr[Scratch], 14 * 4 - 1);
            s.Asm.mov(__dword_ptr[Scratch + 2], 0);
            s.Asm.lidt(__[Scratch]);
            s.Mark();
            s.Asm.@int(0x20);
        });
    }

    private static void SoftwareInterrupts(Scenario s)
    {
        foreach (int vector in (int[])[0, 3, 6, 8, 13, 14, 0x20, 0x47, 0x48, 0xFF])
        {
            foreach (int ring in (int[])[0, 1, 3])
            {
                s.Case($"int/{vector:X2}-ring{ring}", () => Software(s, vector, ring, () => s.Asm.db(0xCD, (byte)vector)));
            }
        }
        foreach (int dpl in (int[])[0, 1, 2, 3])
        {
            foreach (int ring in (int[])[0, 1, 2, 3])
            {
                s.Case($"int/dpl{dpl}-ring{ring}", () =>
                {
                    s.Idt(0x21, Descriptor.Gate(FlatCode, s.Rom[Recorder.Stub(0x21)], (byte)(0x8E | dpl << 5)));
                    Software(s, 0x21, ring, () => s.Asm.@int(0x21));
                });
            }
        }
        foreach ((string name, int vector, byte[] bytes) in ((string, int, byte[])[])[("int3", 3, [0xCC]), ("into", 4, [0xCE]), ("icebp", 1, [0xF1]), ("ud2", 6, [0x0F, 0x0B])])
        {
            s.Case($"dpl0/{name}", () =>
            {
                s.Idt(vector, Descriptor.Gate(FlatCode, s.Rom[Recorder.Stub(vector)], 0x8E));
                s.ToRing(3, 0x802);
                s.Mark();
                s.Asm.db(bytes);
            });
        }
    }

    private static void Software(Scenario s, int vector, int ring, Action body)
    {
        if (vector is 8 or 13 or 14 && ring == 0)
        {
            s.Poke(NoError, 1);
        }
        if (ring != 0)
        {
            s.ToRing(ring);
        }
        s.Mark();
        body();
    }

    private static void BadGates(Scenario s)
    {
        (string Name, int Vector, byte[] Bytes)[] causes = [("int", 0x22, [0xCD, 0x22]), ("int3", 3, [0xCC]), ("icebp", 1, [0xF1]), ("ud2", 6, [0x0F, 0x0B])];
        foreach ((string name, int vector, byte[] bytes) in causes)
        {
            s.Case($"gate/absent-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(FlatCode, 0x1000, 0x6E)));
            for (byte type = 0; type < 16; type++)
            {
                // 5 is a task gate, 6, 7, E and F are those that may be here.
                if (type is not (5 or 6 or 7 or 14 or 15) && (name == "int" || type is 9 or 12))
                {
                    byte access = (byte)(0xE0 | type);
                    s.Case($"gate/type{type:X}-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(FlatCode, 0x1000, access)));
                }
            }
            s.Case($"gate/segment-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(FlatCode, 0x1000, 0xF2)));
            s.Case($"gate/null-target-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(0, 0x1000, 0xEE)));
            s.Case($"gate/data-target-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(Flat, 0x1000, 0xEE)));
            s.Case($"gate/target-beyond-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(0x100, 0x1000, 0xEE)));
            s.Case($"gate/no-ldt-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(0x0C, 0x1000, 0xEE)));
            s.Case($"gate/outer-target-{name}", () => Broken(s, vector, bytes, Descriptor.Gate(UserCode, 0x1000, 0xEE)));
            s.Case($"gate/absent-target-{name}", () =>
            {
                s.Gdt(Free, Descriptor.Flat(0x1A));
                Broken(s, vector, bytes, Descriptor.Gate(Free, 0x1000, 0xEE));
            }, $"d{Free:X}");
            s.Case($"gate/offset-beyond-{name}", () =>
            {
                s.Gdt(Free, Descriptor.Segment(0, 0xFFF, 0x9A, Descriptor.Big));
                Broken(s, vector, bytes, Descriptor.Gate(Free, s.At("handler"), 0xEE));
                s.Label("handler");
            }, $"d{Free:X}");
        }
    }

    private static void Broken(Scenario s, int vector, byte[] bytes, Descriptor gate)
    {
        s.Idt(vector, gate);
        s.Mark();
        s.Asm.db(bytes);
    }

    // 16- and 32-bit gates, rings, conforming handlers.
    private static void GateTargets(Scenario s)
    {
        foreach ((string name, byte access) in ((string, byte)[])[("int32", 0xEE), ("trap32", 0xEF)])
        {
            foreach ((string code, ushort selector) in ((string, ushort)[])[("ring0", FlatCode), ("ring1", Code1), ("ring2", Code2), ("ring3", UserCode)])
            {
                s.Case($"target/{name}-from3-to-{code}", () =>
                {
                    s.Idt(0x23, Descriptor.Gate(selector, s.At("handler"), access));
                    s.ToRing(3, 0x3202);
                    s.Mark();
                    s.Asm.@int(0x23);
                    s.Label("handler");
                    s.Asm.pushfd();
                    s.Asm.pop(eax);
                }, $"eax w{Ring0Stack - 4:X} m{Ring0Stack - 8:X} m{Ring0Stack - 12:X} w{Ring0Stack - 16:X} w{Ring1Stack - 4:X} m{Ring1Stack - 8:X} w{Ring2Stack - 4:X} m{Ring2Stack - 8:X}");
            }
            s.Case($"target/{name}-conforming", () =>
            {
                s.Gdt(Free, Descriptor.Flat(0x9E));
                s.Idt(0x23, Descriptor.Gate(Free, s.At("handler"), access));
                s.ToRing(3, 0x3202);
                s.Mark();
                s.Asm.@int(0x23);
                s.Label("handler");
                s.Asm.nop();
            }, $"w{UserStack - 8:X} m{UserStack - 4:X}");
        }
        foreach ((string name, byte access) in ((string, byte)[])[("int16", 0xE6), ("trap16", 0xE7)])
        {
            s.Case($"target/{name}-same", () => Gate16(s, access, 0), $"hsp w{MainStack - 2:X} w{MainStack - 4:X}");
            s.Case($"target/{name}-from3", () => Gate16(s, access, 3), $"hsp w{Ring0Stack - 2:X} w{Ring0Stack - 4:X} w{Ring0Stack - 6:X} w{Ring0Stack - 8:X}");
        }
    }

    private static void Gate16(Scenario s, byte access, int ring)
    {
        s.Idt(0x23, Descriptor.Gate(Code16, s.Rom.Offset(s.Name("handler16")), access));
        if (ring != 0)
        {
            s.ToRing(ring, 0x3202);
        }
        s.Mark();
        s.Asm.@int(0x23);
        s.Rom.Bits(16);
        s.Label("handler16");
        s.Asm.nop();
    }

    private static void DoubleFaults(Scenario s)
    {
        // The second exception comes from the absent gate of the first.
        (string Name, int Vector, Action<Assembler> Cause)[] first =
        [
            ("de", 0, asm => { asm.mov(ecx, 0); asm.div(ecx); }),
            ("ud", 6, asm => asm.ud2()),
            ("ts", 10, asm => { asm.push(0x4002); asm.popfd(); asm.iretd(); }),
            ("np", 11, asm => { asm.mov(eax, (uint)Free); asm.mov(ds, ax); }),
            ("ss", 12, asm => { asm.mov(eax, (uint)Free); asm.mov(ss, ax); }),
            ("gp", 13, asm => { asm.mov(eax, 0x100); asm.mov(ds, ax); }),
            ("br", 5, asm => asm.bound(eax, __qword_ptr[Scratch])),
        ];
        foreach ((string name, int vector, Action<Assembler> cause) in first)
        {
            s.Case($"df/{name}-absent-gate", () =>
            {
                s.Gdt(Free, Descriptor.Flat(0x12));
                s.Idt(vector, Descriptor.Gate(FlatCode, 0x1000, 0x0E));
                cause(s.Asm);
            });
            s.Case($"df/{name}-data-target", () =>
            {
                s.Gdt(Free, Descriptor.Flat(0x12));
                s.Idt(vector, Descriptor.Gate(Flat, 0x1000, 0x8E));
                cause(s.Asm);
            });
        }
    }

    // What the handler finds in EFLAGS: interrupt gates clear IF, both clear TF, NT, RF; AC and the arithmetic flags stay.
    private static void HandlerFlags(Scenario s)
    {
        foreach ((string name, byte access) in ((string, byte)[])[("int32", 0x8E), ("trap32", 0x8F)])
        {
            foreach (uint eflags in (uint[])[0x202, 0x4202, 0x40ED7, 0x200AD7])
            {
                s.Case($"flags/{name}-{eflags:X}", () =>
                {
                    s.Idt(0x23, Descriptor.Gate(FlatCode, s.At("handler"), access));
                    s.Asm.push((int)eflags);
                    s.Asm.popfd();
                    s.Mark();
                    s.Asm.@int(0x23);
                    s.Label("handler");
                    s.Asm.pushfd();
                    s.Asm.pop(eax);
                    s.Asm.push(2);
                    s.Asm.popfd();
                }, $"eax m{MainStack - 4:X}");
            }
        }
    }

    private static void ResumeFlag(Scenario s)
    {
        s.Case("rf/ud", () => s.Asm.ud2(), "rf");
        s.Case("rf/gp", () => { s.Asm.mov(eax, 0x100); s.Mark(); s.Asm.mov(ds, ax); }, "rf");
        s.Case("rf/int3", () => s.Asm.int3(), "rf");
        s.Case("rf/int", () => s.Asm.nop(), "rf");
        s.Case("rf/icebp", () => s.Asm.db(0xF1), "rf");
        s.Case("ac/ring3-word", () => Alignment(s, 3, () => s.Asm.mov(ax, __word_ptr[Scratch + 1])));
        s.Case("ac/ring3-dword", () => Alignment(s, 3, () => s.Asm.mov(eax, __dword_ptr[Scratch + 2])));
        s.Case("ac/ring3-dword-aligned", () => Alignment(s, 3, () => s.Asm.mov(eax, __dword_ptr[Scratch + 4])));
        s.Case("ac/ring3-push", () => Alignment(s, 3, () => { s.Asm.dec(esp); s.Asm.push(eax); }));
        s.Case("ac/ring3-les", () => Alignment(s, 3, () => s.Asm.les(eax, __fword_ptr[Scratch + 1])));
        s.Case("ac/ring0-dword", () => Alignment(s, 0, () => s.Asm.mov(eax, __dword_ptr[Scratch + 1])));
        s.Case("ac/ring1-dword", () => Alignment(s, 1, () => s.Asm.mov(eax, __dword_ptr[Scratch + 1])));
    }

    private static void Alignment(Scenario s, int ring, Action access)
    {
        Cr0(s, AlignmentMask);
        s.ToRing(ring, 0x43002);
        s.Mark();
        access();
    }
}
