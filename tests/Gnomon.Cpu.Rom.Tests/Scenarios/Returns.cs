using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>RETF and IRET: to the same and to an outer level, what they check and what they empty (Intel SDM vol. 3, 5.8.6, vol. 2 RET, IRET).</summary>
internal static class Returns
{
    public static void Write(Scenario s)
    {
        Privilege(s);
        OuterStacks(s);
        Data(s);
        Flags(s);
        Widths(s);
    }

    private static void Privilege(Scenario s)
    {
        foreach (bool iret in (bool[])[false, true])
        {
            string op = iret ? "iret" : "retf";
            foreach ((string name, byte access) in ((string, byte)[])[("code", 0x9A), ("conf", 0x9E)])
            {
                foreach (int cpl in (int[])[0, 1, 3])
                {
                    foreach (int rpl in (int[])[0, 1, 3])
                    {
                        foreach (int dpl in (int[])[0, 1, 3])
                        {
                            s.Case($"{op}/{name}-c{cpl}r{rpl}d{dpl}", () =>
                            {
                                s.Gdt(Free, Descriptor.Flat((byte)(access | dpl << 5)));
                                if (cpl != 0)
                                {
                                    s.ToRing(cpl, 0x3002);
                                }
                                s.Asm.push(rpl == 1 ? Flat1 : UserFlat);
                                s.Asm.push((int)UserStack - 0x40);
                                Return(s, iret, (ushort)(Free | rpl));
                            });
                        }
                    }
                }
            }
            foreach ((string name, int selector, byte access) in ((string, int, byte)[])[
                ("null", 0, 0), ("null3", 3, 0), ("beyond", 0x100, 0), ("no-ldt", 0x0C, 0), ("data", Free, 0x92), ("system", Free, 0x8C), ("absent", Free, 0x1A), ("absent-outer", Free | 3, 0x7A)])
            {
                s.Case($"{op}/{name}", () =>
                {
                    s.Gdt(Free, Descriptor.Flat(access));
                    s.Asm.push(UserFlat);
                    s.Asm.push((int)UserStack - 0x40);
                    Return(s, iret, (ushort)selector);
                }, "hsp");
            }
            s.Case($"{op}/beyond-limit", () =>
            {
                s.Gdt(Free, Descriptor.Segment(0, 0xFFF, 0x9A, Descriptor.Big));
                Return(s, iret, Free);
            }, "hsp");
        }
    }

    private static void Return(Scenario s, bool iret, ushort selector)
    {
        if (iret)
        {
            s.Asm.push(0x3002);
        }
        s.Asm.push(selector);
        s.Asm.push((int)s.At("target"));
        s.Mark();
        if (iret)
        {
            s.Asm.iretd();
        }
        else
        {
            s.Asm.retf();
        }
        s.Asm.@int(DoneVector);
        s.Label("target");
        s.Asm.nop();
    }

    private static void OuterStacks(Scenario s)
    {
        (string Name, int Selector, Descriptor Segment)[] stacks =
        [
            ("null", 0, default), ("null3", 3, default), ("rpl", UserFlat & ~3, default), ("beyond", 0x103, default), ("code", UserCode, default),
            ("dpl", Free + 11, Descriptor.Flat(0x92)), ("read-only", Free + 11, Descriptor.Flat(0xF0)), ("absent", Free + 11, Descriptor.Flat(0x72)),
            ("good", Free + 11, Descriptor.Flat(0xF2)), ("small16", Free + 11, Descriptor.Segment(0, 0xFFFF, 0xF2)),
        ];
        foreach (bool iret in (bool[])[false, true])
        {
            foreach ((string name, int selector, Descriptor segment) in stacks)
            {
                s.Case($"{(iret ? "iret" : "retf")}/stack-{name}", () =>
                {
                    s.Gdt(Free + 8, segment);
                    s.Asm.push(selector);
                    s.Asm.push((int)UserStack - 0x40);
                    Return(s, iret, UserCode);
                }, $"d{Free + 8:X}");
            }
        }
        s.Case("retf/parameters-outer", () =>
        {
            s.Asm.push(UserFlat);
            s.Asm.push((int)UserStack - 0x40);
            s.Asm.push(0x77);
            s.Asm.push(0x88);
            s.Asm.push(UserCode);
            s.Asm.push((int)s.At("target"));
            s.Mark();
            s.Asm.retf(8);
            s.Label("target");
            s.Asm.nop();
        });
    }

    // Going out, DS, ES, FS and GS are emptied when the outer level may not use them; conforming code stays.
    private static void Data(Scenario s)
    {
        foreach (bool iret in (bool[])[false, true])
        {
            s.Case($"{(iret ? "iret" : "retf")}/empties", () =>
            {
                s.Gdt(Free, Descriptor.Flat(0x9E));
                s.Asm.mov(eax, (uint)Flat1);
                s.Asm.mov(es, ax);
                s.Asm.mov(eax, (uint)UserFlat);
                s.Asm.mov(fs, ax);
                s.Asm.mov(eax, (uint)Free);
                s.Asm.mov(gs, ax);
                s.Asm.push(UserFlat);
                s.Asm.push((int)UserStack - 0x40);
                Return(s, iret, UserCode);
            }, "ds es fs gs");
        }
    }

    // Which flags IRET and POPF change at which level: IOPL only in ring 0, IF only when CPL <= IOPL.
    private static void Flags(Scenario s)
    {
        foreach (int ring in (int[])[0, 1, 3])
        {
            foreach (uint iopl in (uint[])[0, 1, 3])
            {
                foreach (uint image in (uint[])[0x3202, 0x0002, 0x244AD7])
                {
                    s.Case($"iret/flags-ring{ring}-iopl{iopl}-{image:X}", () =>
                    {
                        s.ToRing(ring, 2 | iopl << 12);
                        s.Asm.push((int)image);
                        s.Asm.push(ring switch { 0 => FlatCode, 1 => Code1, _ => UserCode });
                        s.Asm.push((int)s.At("target"));
                        s.Mark();
                        s.Asm.iretd();
                        s.Label("target");
                        s.Asm.nop();
                    });
                    s.Case($"popf/flags-ring{ring}-iopl{iopl}-{image:X}", () =>
                    {
                        s.ToRing(ring, 2 | iopl << 12);
                        s.Asm.push((int)image);
                        s.Mark();
                        s.Asm.popfd();
                    });
                }
            }
        }
    }

    private static void Widths(Scenario s)
    {
        s.Case("iret/16-bit", () =>
        {
            s.Asm.push(ax);
            s.Asm.db([0x66, 0x68, 0x02, 0x30]); // PUSH 3002h, a word
            s.Asm.db([0x66, 0x68, (byte)Code16, 0]);
            ushort target = s.Rom.Offset(s.Name("target"));
            s.Asm.db([0x66, 0x68, (byte)target, (byte)(target >> 8)]);
            s.Mark();
            s.Asm.db([0x66, 0xCF]);
            s.Rom.Bits(16);
            s.Label("target");
            s.Asm.nop();
        }, "hsp");
        s.Case("retf/16-bit", () =>
        {
            s.Asm.db([0x66, 0x68, (byte)Code16, 0]);
            ushort target = s.Rom.Offset(s.Name("target"));
            s.Asm.db([0x66, 0x68, (byte)target, (byte)(target >> 8)]);
            s.Mark();
            s.Asm.db([0x66, 0xCB]);
            s.Rom.Bits(16);
            s.Label("target");
            s.Asm.nop();
        }, "hsp");
        s.Case("iret/nt-without-link", () =>
        {
            s.Asm.push(0x4002);
            s.Asm.popfd();
            s.Mark();
            s.Asm.iretd();
        });
    }
}
