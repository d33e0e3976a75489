using Gnomon.Cpu.Rom.Tests.Assembly;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>
/// IOPL and the bitmap of ports in the TSS (Intel SDM vol. 1, 18.5). The ports read are those of no device, and what they give is not shown.
/// </summary>
internal static class IoPermission
{
    private const uint Map = 0x68;
    private const ushort Port = 0x2E8;

    public static void Write(Scenario s)
    {
        Levels(s);
        Bitmap(s);
        Strings(s);
        InterruptFlag(s);
    }

    private static void Levels(Scenario s)
    {
        foreach (int ring in (int[])[0, 1, 2, 3])
        {
            foreach (uint iopl in (uint[])[0, 1, 2, 3])
            {
                foreach ((string name, byte[] bytes) in ((string, byte[])[])[("in", [0xEC]), ("out", [0xEE]), ("cli", [0xFA]), ("sti", [0xFB, 0xFA])])
                {
                    s.Case($"{name}/ring{ring}-iopl{iopl}", () =>
                    {
                        s.ToRing(ring, 2 | iopl << 12);
                        s.Asm.mov(edx, (uint)Port);
                        s.Mark();
                        s.Asm.db(bytes);
                    });
                }
            }
        }
    }

    private static void Bitmap(Scenario s)
    {
        (string Name, byte[] Bytes, int Size)[] accesses = [("byte", [0xEC], 1), ("word", [0x66, 0xED], 2), ("dword", [0xED], 4)];
        foreach ((string name, byte[] bytes, int _) in accesses)
        {
            // One bit set among those of the ports 2E6 to 2EF; the access starts at 2E8 or lies over two bytes of the map.
            foreach (ushort port in (ushort[])[0x2E8, 0x2ED, 0x2EE, 0x2EF])
            {
                foreach (int denied in (int[])[0x2E7, 0x2E8, 0x2EB, 0x2EE, 0x2EF, 0x2F0, 0x2F2])
                {
                    if (denied >= port - 1 && denied <= port + 4)
                    {
                        s.Case($"map/{name}-{port:X}-denied-{denied:X}", () => Access(s, port, denied, 0x200, Map, () => s.Asm.db(bytes), v86: false));
                    }
                }
            }
            s.Case($"map/{name}-v86-allowed", () => Access(s, Port, 0, 0x200, Map, () => Bytes16(s, bytes), v86: true));
            s.Case($"map/{name}-v86-denied", () => Access(s, Port, Port, 0x200, Map, () => Bytes16(s, bytes), v86: true));
            // The second byte of the map is read always: the limit must hold it too.
            foreach (uint limit in (uint[])[Map + 0x5C, Map + 0x5D, Map + 0x5E])
            {
                s.Case($"map/{name}-limit-{limit:X}", () => Access(s, Port, 0, limit, Map, () => s.Asm.db(bytes), v86: false));
            }
        }
        s.Case("map/base-beyond-limit", () => Access(s, Port, 0, 0x200, 0x201, () => s.Asm.db(0xEC), v86: false));
        s.Case("map/base-FFFF", () => Access(s, Port, 0, 0x200, 0xFFFF, () => s.Asm.db(0xEC), v86: false));
        s.Case("map/out-immediate", () => Access(s, Port, 0, 0x200, Map, () => s.Asm.db(0xE6, 0x82), v86: false));
        s.Case("map/in-immediate-denied", () => Access(s, Port, 0x82, 0x200, Map, () => s.Asm.db(0xE4, 0x82), v86: false));
        s.Case("map/tss16", () =>
        {
            // A 16-bit TSS has no map.
            s.Poke(Tss16 + 2, Ring0Stack | (uint)Flat << 16);
            s.Asm.mov(eax, (uint)Tss16Sel);
            s.Asm.ltr(ax);
            s.ToRing(3);
            s.Asm.mov(edx, (uint)Port);
            s.Mark();
            s.Asm.@in(al, dx);
        });
    }

    // In a 16-bit segment the operand size prefix means the other size.
    private static void Bytes16(Scenario s, byte[] bytes)
    {
        s.Asm.db(bytes switch { [0x66, byte opcode] => [opcode], [0xED] => [0x66, 0xED], _ => bytes });
    }

    private static void Access(Scenario s, ushort port, int denied, uint limit, uint map, Action access, bool v86)
    {
        s.Gdt(Free, Descriptor.Segment(Tss, limit, 0x89));
        s.Poke(Tss + 0x64, map << 16);
        if (denied != 0)
        {
            s.Asm.mov(__byte_ptr[Tss + Map + (uint)denied / 8], 1 << (denied & 7));
        }
        s.Asm.mov(eax, (uint)Free);
        s.Asm.ltr(ax);
        if (v86)
        {
            s.ToV86(0x3000);
            s.Asm.mov(dx, port);
        }
        else
        {
            s.ToRing(3);
            s.Asm.mov(edx, (uint)port);
        }
        s.Mark();
        access();
    }

    private static void Strings(Scenario s)
    {
        foreach ((string name, byte[] bytes) in ((string, byte[])[])[("insb", [0x6C]), ("insd", [0x6D]), ("outsb", [0x6E]), ("outsw", [0x66, 0x6F])])
        {
            foreach (int denied in (int[])[0, Port, Port + 1])
            {
                s.Case($"string/{name}-denied-{denied:X}", () => Access(s, Port, denied, 0x200, Map, () => Run(s, bytes), v86: false), "ecx esi edi");
                s.Case($"string/rep-{name}-denied-{denied:X}", () => Access(s, Port, denied, 0x200, Map, () => Run(s, [0xF3, .. bytes]), v86: false), "ecx esi edi");
            }
        }
    }

    private static void Run(Scenario s, byte[] bytes)
    {
        s.Asm.mov(edi, Scratch);
        s.Asm.mov(esi, Scratch);
        s.Asm.mov(ecx, 3);
        s.Asm.db(bytes);
    }

    private static void InterruptFlag(Scenario s)
    {
        s.Case("pvi/cli", () => Pvi(s, 0x80202, asm => asm.cli()));
        s.Case("pvi/sti", () => Pvi(s, 2, asm => asm.sti()));
        s.Case("pvi/sti-pending", () => Pvi(s, 0x100002, asm => asm.sti()));
        s.Case("pushf/ring3-iopl0", () => { s.ToRing(3, 0x202); s.Asm.pushfd(); s.Asm.pop(eax); }, "eax");
        s.Case("pushf/ring0", () => { s.Asm.push(0x243ED7); s.Asm.popfd(); s.Asm.pushfd(); s.Asm.pop(eax); s.Asm.push(2); s.Asm.popfd(); }, "eax");
        s.Case("popf/16-bit-keeps-upper", () =>
        {
            s.Asm.push(0x40002);
            s.Asm.popfd();
            s.Asm.db([0x66, 0x68, 0x02, 0x30]);
            s.Asm.db([0x66, 0x9D]);
        });
    }

    private static void Pvi(Scenario s, uint eflags, Action<Assembler> body)
    {
        s.Asm.mov(eax, 2);
        s.Asm.mov(cr4, eax);
        s.ToRing(3, eflags);
        s.Mark();
        body(s.Asm);
    }
}
