using Gnomon.Cpu.Rom.Tests.Assembly;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Gnomon.Cpu.Rom.Tests.Scenarios.PageTables;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Loading the page-directory pointers, and no-execute (Intel SDM vol. 3, 4.4.1, 4.6, 2.5).</summary>
internal static class PagingModes
{
    private const uint ExtendedFeatures = 0xC0000080, NoExecuteEnable = 0x800, NoExecute = 0x80000000;

    public static void Pointers(Scenario s)
    {
        Emit(s.Rom);
        // Not the first pointer: a processor that does not look at it could not go on.
        foreach (uint pointer in (uint[])[1, 2, 3])
        {
            foreach (uint bit in (uint[])[2, 4, 0x20, 0x40, 0x80, 0x100])
            {
                s.Case($"pointer{pointer}/reserved-{bit:X}", () => Load(s, pointer, bit, 0));
            }
            s.Case($"pointer{pointer}/reserved-high", () => Load(s, pointer, 0, 0x40000000));
            s.Case($"pointer{pointer}/attributes", () => Load(s, pointer, 0xE18, 0));
            s.Case($"pointer{pointer}/reserved-absent", () =>
            {
                SetUp(s, pae: true);
                s.Poke(Root(true) + pointer * 8, 0x1E6);
                s.Mark();
                Enable(s);
            });
        }
        s.Case("cr3/reload-checks", () =>
        {
            SetUp(s, pae: true);
            Enable(s);
            s.Poke(Root(true) + 8, 0x49001 | 2);
            s.Asm.mov(eax, cr3);
            s.Mark();
            s.Asm.mov(cr3, eax);
        });
        s.Case("pointer/cached", () =>
        {
            // The pointers are registers: a change in memory is nothing until CR3 is loaded.
            SetUp(s, pae: true);
            Map(s, true, 0, TestFrame | All);
            s.Poke(Root(true) + 8, 0x49001);
            s.Asm.mov(eax, Root(true));
            s.Asm.mov(cr3, eax);
            Enable(s);
            s.Poke(Root(true) + 8, 0);
            s.Mark();
            s.Asm.mov(eax, __dword_ptr[0x40000000 + Test(true)]);
        });
        s.Case("pointer/absent-read", () => { SetUp(s, pae: true); Enable(s); s.Mark(); s.Asm.mov(eax, __dword_ptr[0x40000000]); });
        s.Case("pointer/cr3-offset", () =>
        {
            // The pointers need only lie at a multiple of 32.
            SetUp(s, pae: true);
            for (uint word = 0; word < 8; word++)
            {
                s.Poke(Root(true) + 0x20 + word * 4, word == 0 ? 0x49001u : 0);
            }
            s.Poke(Root(true), 0);
            s.Asm.mov(eax, Root(true) + 0x20);
            s.Asm.mov(cr3, eax);
            Enable(s);
            s.Asm.mov(eax, cr3);
        }, "eax");
        s.Case("cr4/pae-while-paging", () =>
        {
            SetUp(s, pae: true);
            SetUp(s, pae: false);
            Enable(s);
            s.Poke(Root(false), 0x41007);
            s.Asm.mov(eax, 0x10);
            s.Asm.mov(cr4, eax);
            s.Asm.mov(eax, cr4);
        }, "eax");
        s.Case("cr0/pg-without-pe", () => Illegal(s, 0x80000010), "ebx");
        s.Case("cr0/nw-without-cd", () => Illegal(s, 0xA0000011), "ebx");
    }

    public static void NoExecution(Scenario s)
    {
        Emit(s.Rom);
        s.Case("efer/read-back", () => { Nxe(s); s.Asm.rdmsr(); s.Asm.and(eax, NoExecuteEnable); }, "eax");
        foreach (int ring in (int[])[0, 3])
        {
            foreach (bool enabled in (bool[])[false, true])
            {
                string way = $"ring{ring}{(enabled ? "-nxe" : "")}";
                s.Case($"fetch/leaf-{way}", () => Fetch(s, ring, enabled, NoExecute, 0, All), $"m{Leaf(true):X}");
                s.Case($"fetch/upper-{way}", () => Fetch(s, ring, enabled, 0, NoExecute, All), $"m{Leaf(true):X}");
                s.Case($"fetch/allowed-{way}", () => Fetch(s, ring, enabled, 0, 0, All), $"m{Leaf(true):X}");
                s.Case($"fetch/absent-{way}", () => Fetch(s, ring, enabled, 0, 0, 0));
                s.Case($"fetch/supervisor-{way}", () => Fetch(s, ring, enabled, 0, 0, Present | Writable));
                s.Case($"read/leaf-{way}", () => { Prepare(s, enabled, NoExecute, 0, All); Ring(s, ring); s.Mark(); s.Asm.mov(eax, __dword_ptr[Test(true)]); }, $"m{Leaf(true):X}");
                s.Case($"write/leaf-{way}", () => { Prepare(s, enabled, NoExecute, 0, All); Ring(s, ring); s.Mark(); s.Asm.mov(__dword_ptr[Test(true)], eax); }, $"m{Leaf(true):X}");
            }
        }
        s.Case("fetch/data-fault-has-no-i", () => { Prepare(s, true, 0, 0, 0); s.Mark(); s.Asm.mov(eax, __dword_ptr[Test(true)]); });
        s.Case("two-level/fetch-absent-nxe", () =>
        {
            Nxe(s);
            SetUp(s, pae: false);
            Enable(s);
            s.Poke(Layout.Mark, Test(false));
            s.Asm.mov(eax, Test(false));
            s.Asm.jmp(eax);
        });
        s.Case("efer/off", () => { s.Asm.mov(ecx, ExtendedFeatures); s.Asm.xor(eax, eax); s.Asm.xor(edx, edx); s.Asm.wrmsr(); });
    }

    private static void Load(Scenario s, uint pointer, uint bits, uint high)
    {
        SetUp(s, pae: true);
        s.Poke(Root(true) + pointer * 8, 0x49001 | bits);
        s.Poke(Root(true) + pointer * 8 + 4, high);
        s.Asm.mov(eax, Root(true));
        s.Asm.mov(cr3, eax);
        s.Asm.mov(eax, 0x80010011);
        s.Mark();
        s.Asm.mov(cr0, eax);
        s.Asm.nop();
    }

    // A processor that takes the value goes on; then back at once, before an interrupt could use what it made of it.
    private static void Illegal(Scenario s, uint value)
    {
        SetUp(s, pae: false);
        s.Asm.xor(ebx, ebx);
        s.Asm.mov(ecx, 0x11);
        s.Asm.mov(eax, value);
        s.Mark();
        s.Asm.mov(cr0, eax);
        s.Asm.inc(ebx);
        s.Asm.mov(cr0, ecx);
    }

    private static void Nxe(Scenario s)
    {
        s.Asm.mov(ecx, ExtendedFeatures);
        s.Asm.mov(eax, NoExecuteEnable);
        s.Asm.xor(edx, edx);
        s.Asm.wrmsr();
    }

    private static void Ring(Scenario s, int ring)
    {
        if (ring != 0)
        {
            s.ToRing(ring, 0x3002);
        }
    }

    private static void Prepare(Scenario s, bool enabled, uint leafHigh, uint upperHigh, uint rights)
    {
        s.Asm.mov(ecx, ExtendedFeatures);
        s.Asm.mov(eax, enabled ? NoExecuteEnable : 0);
        s.Asm.xor(edx, edx);
        s.Asm.wrmsr();
        SetUp(s, pae: true);
        Map(s, true, 0, TestFrame | rights, leafHigh);
        s.Poke(Upper(true) + 4, upperHigh);
        s.Poke(TestFrame, 0x9090_40CD);
        Enable(s);
    }

    private static void Fetch(Scenario s, int ring, bool enabled, uint leafHigh, uint upperHigh, uint rights)
    {
        Prepare(s, enabled, leafHigh, upperHigh, rights);
        s.Poke(Layout.Mark, Test(true));
        Ring(s, ring);
        s.Asm.mov(eax, Test(true));
        s.Asm.jmp(eax);
    }
}
