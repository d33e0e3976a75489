using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Task switching: by JMP, CALL, IRET, interrupts and exceptions (Intel SDM vol. 3, chapter 7).</summary>
internal static class Tasks
{
    private const uint Link = 0, Cr3 = 0x1C, Eip = 0x20, Eflags = 0x24, Eax = 0x28, Esp = 0x38, Es = 0x48, Cs = 0x4C, Ss = 0x50, Ds = 0x54, Ldtr = 0x60, Trap = 0x64;

    // Tasks for the exceptions of a switch, which have no stack they could trust: one for each vector from 10 to 13.
    private const uint HandlerTasks = 0xB000, HandlerSize = 0x80;
    private const ushort HandlerSelector = 0xC0;
    private static readonly int[] SwitchFaults = [10, 11, 12, 13];

    // The descriptors of both tasks, the new one's link, what was saved of the old one.
    private static readonly string Shown = $"tr d{TssSel:X} d{Tss2Sel:X} w{Tss2:X} m{Tss + Eflags:X} m{Tss + Esp:X} m{Tss + Eax:X} w{Tss + Cs:X} w{Tss + Ds:X} eax ds cr0";

    public static void Write(Scenario s)
    {
        EmitHandlers(s.Rom);
        Switches(s);
        Returns(s);
        Refusals(s);
        BadStates(s);
        State(s);
        Small(s);
    }

    private static void EmitHandlers(RomWriter rom)
    {
        rom.Asm.jmp(rom["tasks.end"]);
        rom.Define("tasks.set-up");
        foreach (int vector in SwitchFaults)
        {
            uint task = HandlerTasks + (uint)(vector - SwitchFaults[0]) * HandlerSize;
            (uint Offset, uint Value)[] fields =
            [
                (Cr3, 0), (Eip, rom[$"tasks.handler{vector}"]), (Eflags, 2), (Esp, TaskStack + 0x400), (Es, Flat), (Cs, FlatCode), (Ss, Flat), (Ds, Flat), (0x58, Flat), (0x5C, Flat), (Ldtr, 0), (Trap, 0x680000),
            ];
            foreach ((uint offset, uint value) in fields)
            {
                rom.Asm.mov(__dword_ptr[task + offset], value);
            }
            Descriptor descriptor = Descriptor.Segment(task, 0x67, 0x89), gate = Descriptor.Gate((ushort)(HandlerSelector + (vector - SwitchFaults[0]) * 8), 0, 0x85);
            uint selector = Layout.Gdt + HandlerSelector + (uint)(vector - SwitchFaults[0]) * 8;
            rom.Asm.mov(__dword_ptr[selector], descriptor.Low);
            rom.Asm.mov(__dword_ptr[selector + 4], descriptor.High);
            rom.Asm.mov(__dword_ptr[Layout.Idt + (uint)vector * 8], gate.Low);
            rom.Asm.mov(__dword_ptr[Layout.Idt + (uint)vector * 8 + 4], gate.High);
        }
        rom.Asm.ret();
        foreach (int vector in SwitchFaults)
        {
            // EAX = vector, EDX = error code.
            rom.Define($"tasks.handler{vector}");
            rom.Asm.mov(eax, vector);
            rom.Asm.pop(edx);
            rom.Asm.@int(DoneVector);
        }
        rom.Define("tasks.end");
    }

    private static void Task(Scenario s, string label = "task")
    {
        (uint Offset, uint Value)[] fields =
        [
            (Cr3, 0), (Eip, s.At(label)), (Eflags, 2), (Eax, 0x70717273), (0x2C, 0x1), (0x30, 2), (0x34, 3), (Esp, TaskStack), (0x3C, 5), (0x40, 6), (0x44, 7),
            (Es, Flat), (Cs, FlatCode), (Ss, Flat), (Ds, UserFlat), (0x58, 0), (0x5C, 0), (Ldtr, 0), (Trap, 0x680000),
        ];
        foreach ((uint offset, uint value) in fields)
        {
            s.Poke(Tss2 + offset, value);
        }
    }

    private static void Switch(Scenario s, string name, Action prepare, Action go, int ring = 0, string? show = null) => s.Case(name, () =>
    {
        Task(s);
        prepare();
        if (ring != 0)
        {
            s.ToRing(ring, 0x3002);
        }
        s.Poke(Layout.Mark, s.At("task"));
        go();
        s.Asm.@int(DoneVector);
        s.Label("task");
        s.Asm.nop();
    }, show ?? Shown);

    private static void Switches(Scenario s)
    {
        Switch(s, "jmp/tss", () => { }, () => s.Asm.jmp(Tss2Sel, 0u));
        Switch(s, "call/tss", () => { }, () => s.Asm.call(Tss2Sel, 0u));
        Switch(s, "jmp/tss-offset-ignored", () => { }, () => s.Asm.jmp(Tss2Sel, 0xFFFFFFFF));
        Switch(s, "jmp/gate", () => s.Gdt(Free, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.jmp(Free, 0u));
        Switch(s, "call/gate", () => s.Gdt(Free, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.call(Free, 0u));
        Switch(s, "int/gate", () => s.Idt(0x23, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.@int(0x23));
        Switch(s, "int/gate-ring3", () => s.Idt(0x23, Descriptor.Gate(Tss2Sel, 0, 0xE5)), () => s.Asm.@int(0x23), ring: 3);
        Switch(s, "int/gate-ring3-dpl0", () => s.Idt(0x23, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.@int(0x23), ring: 3, show: $"d{Tss2Sel:X}");
        Switch(s, "exception/ud", () => s.Idt(6, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.ud2());
        Switch(s, "exception/gp-pushes-error", () => s.Idt(13, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => { s.Asm.mov(eax, 0x100); s.Asm.mov(ds, ax); }, show: $"{Shown} hsp m{TaskStack - 4:X}");
        Switch(s, "exception/gp-ring3", () => s.Idt(13, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.hlt(), ring: 3, show: $"{Shown} hsp m{TaskStack - 4:X}");
        Switch(s, "jmp/gate-ring3", () => s.Gdt(Free, Descriptor.Gate(Tss2Sel, 0, 0xE5)), () => s.Asm.jmp(Free | 3, 0u), ring: 3);
        Switch(s, "jmp/gate-ring3-dpl0", () => s.Gdt(Free, Descriptor.Gate(Tss2Sel, 0, 0x85)), () => s.Asm.jmp(Free, 0u), ring: 3, show: $"d{Tss2Sel:X}");
        Switch(s, "jmp/tss-ring3-dpl0", () => { }, () => s.Asm.jmp(Tss2Sel, 0u), ring: 3, show: $"d{Tss2Sel:X}");
        Switch(s, "jmp/to-ring3", () =>
        {
            s.Poke(Tss2 + Cs, UserCode);
            s.Poke(Tss2 + Ss, UserFlat);
            s.Poke(Tss2 + 4, Ring0Stack);
            s.Poke(Tss2 + 8, Flat);
            s.Poke(Tss2 + Es, UserFlat);
        }, () => s.Asm.jmp(Tss2Sel, 0u));
        s.Case("jmp/to-v86", () =>
        {
            Task(s);
            s.Poke(Tss2 + Cs, 0xF000);
            s.Poke(Tss2 + Eip, s.Rom.Offset(s.Name("task")));
            s.Poke(Tss2 + Eflags, 0x20002);
            s.Poke(Tss2 + Ss, 0x0800);
            s.Poke(Tss2 + 4, Ring0Stack);
            s.Poke(Tss2 + 8, Flat);
            s.Asm.jmp(Tss2Sel, 0u);
            s.Rom.Bits(16);
            s.Label("task");
            s.Mark();
            s.Asm.hlt();
        }, "tr");
    }

    private static void Returns(Scenario s)
    {
        Back(s, "iret/after-call", () => s.Asm.call(Tss2Sel, 0u));
        Back(s, "iret/after-int", () => { s.Idt(0x23, Descriptor.Gate(Tss2Sel, 0, 0x85)); s.Asm.@int(0x23); });
        s.Case("iret/second-call-goes-on", () =>
        {
            // The second time the task goes on behind its IRET.
            Task(s);
            s.Asm.call(Tss2Sel, 0u);
            s.Asm.call(Tss2Sel, 0u);
            s.Asm.@int(DoneVector);
            s.Label("task");
            s.Asm.iretd();
            s.Mark();
            s.Asm.nop();
        }, Shown);
        foreach ((string name, uint link) in ((string, uint)[])[("not-busy", Tss2Sel), ("null", 0), ("ldt", 0x44), ("beyond", 0x100), ("data", Flat)])
        {
            s.Case($"iret/link-{name}", () =>
            {
                Task(s);
                s.Poke(Tss + Link, link);
                s.Asm.push(0x4002);
                s.Asm.popfd();
                s.Mark();
                s.Asm.iretd();
                s.Label("task");
                s.Asm.nop();
            }, $"d{Tss2Sel:X}");
        }
    }

    private static void Back(Scenario s, string name, Action go) => s.Case(name, () =>
    {
        Task(s);
        go();
        s.Mark();
        s.Asm.nop();
        s.Asm.@int(DoneVector);
        s.Label("task");
        s.Asm.mov(ecx, 0x99);
        s.Asm.iretd();
        s.Asm.nop();
    }, $"{Shown} ecx m{Tss2 + 0x2C:X} m{Tss2 + Eflags:X}");

    private static void Refusals(Scenario s)
    {
        foreach ((string name, byte access, uint limit) in ((string, byte, uint)[])[("busy", 0x8B, 0x67), ("absent", 0x09, 0x67), ("small", 0x89, 0x66), ("absent-busy", 0x0B, 0x67)])
        {
            Refuse(s, $"jmp/{name}", access, limit, () => s.Asm.jmp(Tss2Sel, 0u));
            Refuse(s, $"call/{name}", access, limit, () => s.Asm.call(Tss2Sel, 0u));
            Refuse(s, $"gate/{name}", access, limit, () => { s.Gdt(Free, Descriptor.Gate(Tss2Sel, 0, 0x85)); s.Asm.call(Free, 0u); });
            Refuse(s, $"int/{name}", access, limit, () => { s.Idt(0x23, Descriptor.Gate(Tss2Sel, 0, 0x85)); s.Asm.@int(0x23); });
            Refuse(s, $"ud/{name}", access, limit, () => { s.Idt(6, Descriptor.Gate(Tss2Sel, 0, 0x85)); s.Asm.ud2(); });
        }
        foreach ((string name, ushort selector) in ((string, ushort)[])[("null", 0), ("ldt", 0x44), ("beyond", 0x100), ("data", Flat), ("code", FlatCode)])
        {
            Refuse(s, $"gate/to-{name}", 0x89, 0x67, () => { s.Gdt(Free, Descriptor.Gate(selector, 0, 0x85)); s.Asm.jmp(Free, 0u); });
            Refuse(s, $"int/to-{name}", 0x89, 0x67, () => { s.Idt(0x23, Descriptor.Gate(selector, 0, 0x85)); s.Asm.@int(0x23); });
        }
        Refuse(s, "gate/absent-gate", 0x89, 0x67, () => { s.Gdt(Free, Descriptor.Gate(Tss2Sel, 0, 0x05)); s.Asm.jmp(Free, 0u); });
        Refuse(s, "jmp/self", 0x89, 0x67, () => s.Asm.jmp(TssSel, 0u));
    }

    private static void Refuse(Scenario s, string name, byte access, uint limit, Action go) => s.Case($"refuse/{name}", () =>
    {
        Task(s);
        s.Gdt(Tss2Sel, Descriptor.Segment(Tss2, limit, access));
        go();
        s.Label("task");
        s.Asm.nop();
    }, $"tr d{TssSel:X} d{Tss2Sel:X}");

    // What the new TSS holds is checked after the switch: the faults belong to the new task.
    private static void BadStates(Scenario s)
    {
        (string Name, uint Field, uint Value, byte Access)[] states =
        [
            ("ldt-data", Ldtr, Flat, 0), ("ldt-in-ldt", Ldtr, 0x54, 0), ("ldt-absent", Ldtr, Free, 0x02), ("ldt-beyond", Ldtr, 0x100, 0),
            ("cs-null", Cs, 0, 0), ("cs-data", Cs, Flat, 0), ("cs-rpl", Cs, FlatCode | 3, 0), ("cs-absent", Cs, Free, 0x1A), ("cs-beyond", Cs, 0x100, 0),
            ("ss-null", Ss, 0, 0), ("ss-code", Ss, FlatCode, 0), ("ss-rpl", Ss, UserFlat, 0), ("ss-absent", Ss, Free, 0x12), ("ss-read-only", Ss, Free, 0x90),
            ("ds-system", Ds, Tss16Sel, 0), ("ds-absent", Ds, Free, 0x12), ("ds-beyond", Ds, 0x100, 0), ("ds-execute-only", Ds, Free, 0x98), ("es-system", Es, Tss16Sel, 0),
        ];
        foreach ((string name, uint field, uint value, byte access) in states)
        {
            s.Case($"state/{name}", () =>
            {
                Task(s);
                s.Asm.call(s.Rom["tasks.set-up"]);
                s.Gdt(Free, Descriptor.Flat(access));
                s.Poke(Tss2 + field, value);
                s.Poke(Layout.Mark, s.Rom["tasks.handler10"]);
                s.Asm.jmp(Tss2Sel, 0u);
                s.Label("task");
                s.Asm.nop();
            }, $"eax edx tr d{TssSel:X} d{Tss2Sel:X}");
        }
    }

    private static void State(Scenario s)
    {
        Switch(s, "state/trap-bit", () => s.Poke(Tss2 + Trap, 0x680001), () => s.Asm.jmp(Tss2Sel, 0u));
        s.Case("state/ldt", () =>
        {
            Task(s);
            s.Ldt(8, Descriptor.Flat(0x92));
            s.Poke(Tss2 + Ldtr, LdtSel);
            s.Poke(Tss2 + Ds, 0x0C);
            s.Asm.jmp(Tss2Sel, 0u);
            s.Label("task");
            s.Mark();
            s.Asm.xor(eax, eax);
            s.Asm.sldt(ax);
        }, $"eax ds m{Layout.Ldt + 12:X}");
        s.Case("state/cr3", () =>
        {
            Task(s);
            s.Poke(Tss2 + Cr3, 0x12345018);
            s.Asm.jmp(Tss2Sel, 0u);
            s.Label("task");
            s.Mark();
            s.Asm.mov(ebx, cr3);
        }, "ebx");
        s.Case("state/dr7-local-bits", () =>
        {
            Task(s);
            s.Asm.mov(eax, 0x4A3);
            s.Asm.mov(dr7, eax);
            s.Asm.jmp(Tss2Sel, 0u);
            s.Label("task");
            s.Mark();
            s.Asm.mov(ebx, dr7);
        }, "ebx");
        s.Case("state/flags", () =>
        {
            Task(s);
            s.Poke(Tss2 + Eflags, 0x40ED7);
            s.Asm.jmp(Tss2Sel, 0u);
            s.Label("task");
            s.Mark();
            s.Asm.nop();
        });
    }

    private static void Small(Scenario s)
    {
        foreach (bool call in (bool[])[false, true])
        {
            s.Case($"tss16/{(call ? "call" : "jmp")}", () =>
            {
                (uint Offset, uint Value)[] fields =
                [
                    (0x0E, s.Rom.Offset(s.Name("task16"))), (0x10, 2), (0x12, 0x7172), (0x14, 1), (0x16, 2), (0x18, 3), (0x1A, TaskStack), (0x1C, 5), (0x1E, 6), (0x20, 7),
                    (0x22, Flat), (0x24, Code16), (0x26, Flat), (0x28, UserFlat), (0x2A, 0),
                ];
                foreach ((uint offset, uint value) in fields)
                {
                    s.Asm.mov(__word_ptr[Tss16 + offset], (int)value);
                }
                if (call)
                {
                    s.Asm.call(Tss16Sel, 0u);
                }
                else
                {
                    s.Asm.jmp(Tss16Sel, 0u);
                }
                s.Rom.Bits(16);
                s.Label("task16");
                s.Mark();
                s.Asm.movzx(esp, sp); // the upper half is undefined
            }, $"tr d{TssSel:X} d{Tss16Sel:X} w{Tss16:X} ax ds es m{Tss + Eflags:X} m{Tss + Esp:X}");
        }
    }
}
