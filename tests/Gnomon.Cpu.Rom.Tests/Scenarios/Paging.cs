using Gnomon.Cpu.Rom.Tests.Assembly;
using Gnomon.Cpu.Rom.Tests.Runtime;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Gnomon.Cpu.Rom.Tests.Scenarios.PageTables;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Paging with two levels or with PAE: rights, accessed and dirty bits, error codes, restart (Intel SDM vol. 3, chapter 4).</summary>
internal sealed class Paging
{
    private readonly Scenario _s;
    private readonly bool _pae;
    private readonly uint _test;
    private readonly string _entries;

    private Paging(Scenario s, bool pae)
    {
        (_s, _pae) = (s, pae);
        _test = Test(pae);
        _entries = $"m{Leaf(pae):X} m{Upper(pae):X}";
    }

    public static void TwoLevel(Scenario s) => new Paging(s, pae: false).Write();

    public static void Pae(Scenario s) => new Paging(s, pae: true).Write();

    private void Write()
    {
        Emit(_s.Rom);
        Rights();
        Bits();
        Crossing();
        Restart();
        Delivery();
        SystemAccesses();
        Large();
        Invalidation();
    }

    private void Case(string name, Action prepare, Action body, int ring = 0, bool writeProtect = true, uint cr4Bits = 0, string? show = null) => _s.Case(name, () =>
    {
        SetUp(_s, _pae, cr4Bits);
        Map(_s, _pae, 0, TestFrame | All);
        prepare();
        Enable(_s, writeProtect);
        if (ring != 0)
        {
            _s.ToRing(ring, 0x3002);
        }
        _s.Mark();
        body();
    }, show ?? _entries);

    // Every combination of W and U at both levels. Whether a fault sets the accessed bit of the upper entry is open: it is not shown here.
    private void Rights()
    {
        string leafOnly = $"m{Leaf(_pae):X}";
        for (uint rights = 0; rights < 16; rights++)
        {
            uint leaf = TestFrame | Present | (rights & 3) << 1, upper = Present | (rights >> 2) << 1;
            foreach (bool user in (bool[])[false, true])
            {
                foreach (bool protect in (bool[])[false, true])
                {
                    string name = $"{Letters(upper)}-{Letters(leaf)}-{(user ? "user" : "super")}{(protect ? "-wp" : "")}";
                    void Prepare()
                    {
                        Map(_s, _pae, 0, leaf);
                        _s.Poke(Upper(_pae), (Leaf(_pae) & ~0xFFFu) | upper);
                    }
                    Case($"write/{name}", Prepare, () => _s.Asm.mov(__dword_ptr[_test], eax), user ? 3 : 0, protect, show: leafOnly);
                    if (protect)
                    {
                        Case($"read/{name}", Prepare, () => _s.Asm.mov(eax, __dword_ptr[_test]), user ? 3 : 0, protect, show: leafOnly);
                    }
                }
            }
        }
    }

    private static string Letters(uint entry) => ((entry & Writable) != 0 ? "w" : "r") + ((entry & User) != 0 ? "u" : "s");

    private void Bits()
    {
        uint read = TestFrame | All;
        Case("absent/leaf-read", () => Map(_s, _pae, 0, read & ~Present), () => _s.Asm.mov(eax, __dword_ptr[_test + 4]));
        Case("absent/leaf-write", () => Map(_s, _pae, 0, read & ~Present), () => _s.Asm.mov(__dword_ptr[_test + 4], eax));
        Case("absent/leaf-user-write", () => Map(_s, _pae, 0, read & ~Present), () => _s.Asm.mov(__dword_ptr[_test + 4], eax), 3);
        Case("absent/upper-read", () => _s.Poke(Upper(_pae), Leaf(_pae) & ~1u), () => _s.Asm.mov(eax, __dword_ptr[_test + 4]));
        Case("absent/upper-user-read", () => _s.Poke(Upper(_pae), Leaf(_pae) & ~1u), () => _s.Asm.mov(eax, __dword_ptr[_test + 4]), 3);
        Case("absent/fetch", () => { Map(_s, _pae, 0, read & ~Present); _s.Poke(Layout.Mark, _test); }, () => Jump());
        Case("absent/user-fetch", () => { Map(_s, _pae, 0, read & ~Present); _s.Poke(Layout.Mark, _test); }, () => Jump(), 3);
        Case("supervisor/user-fetch", () => { Map(_s, _pae, 0, read & ~User); _s.Poke(Layout.Mark, _test); }, () => Jump(), 3);
        Case("bits/fetch", () => { _s.Poke(TestFrame, 0x9090_40CD); _s.Poke(Layout.Mark, _test); }, () => Jump());
        Case("bits/read", () => { }, () => _s.Asm.mov(al, __byte_ptr[_test]));
        Case("bits/write", () => { }, () => _s.Asm.mov(__byte_ptr[_test], al));
        Case("bits/read-then-write", () => { }, () => { _s.Asm.mov(al, __byte_ptr[_test]); _s.Asm.mov(__byte_ptr[_test], al); });
        Case("bits/cmp", () => { }, () => _s.Asm.cmp(__byte_ptr[_test], 0));
        Case("bits/add", () => { }, () => _s.Asm.add(__byte_ptr[_test], 1));
        Case("bits/cmpxchg-fails", () => { }, () => { _s.Asm.mov(al, 5); _s.Asm.cmpxchg(__byte_ptr[_test], cl); });
        Case("bits/cmpxchg8b-fails", () => { }, () => { _s.Asm.mov(eax, 5); _s.Asm.cmpxchg8b(__qword_ptr[_test]); });
        Case("bits/bts-set-already", () => { _s.Poke(TestFrame, 1); }, () => _s.Asm.bts(__dword_ptr[_test], 0));
        Case("bits/prefetch-of-lea", () => { }, () => _s.Asm.lea(eax, __[_test]));
        Case("bits/none", () => { }, () => _s.Asm.nop());
        Case("bits/rep-none", () => { }, () => { _s.Asm.mov(edi, _test); _s.Asm.xor(ecx, ecx); _s.Asm.rep.stosd(); });
        Case("rmw/read-only", () => Map(_s, _pae, 0, read & ~Writable), () => _s.Asm.add(__byte_ptr[_test], 1));
        Case("rmw/cmpxchg-fails-read-only", () => Map(_s, _pae, 0, read & ~Writable), () => { _s.Asm.mov(al, 5); _s.Asm.cmpxchg(__byte_ptr[_test], cl); });
        Case("rmw/absent", () => Map(_s, _pae, 0, 0), () => _s.Asm.add(__byte_ptr[_test], 1));
        Case("xchg/absent", () => Map(_s, _pae, 0, 0), () => _s.Asm.xchg(__dword_ptr[_test], eax));
        if (_pae)
        {
            Case("reserved/leaf-62", () => Map(_s, _pae, 0, read, 0x40000000), () => _s.Asm.mov(al, __byte_ptr[_test]));
            Case("reserved/leaf-52", () => Map(_s, _pae, 0, read, 0x00100000), () => _s.Asm.mov(al, __byte_ptr[_test]));
            Case("reserved/leaf-absent", () => Map(_s, _pae, 0, 0, 0x40000000), () => _s.Asm.mov(al, __byte_ptr[_test]));
            Case("reserved/leaf-user-write", () => Map(_s, _pae, 0, read, 0x40000000), () => _s.Asm.mov(__byte_ptr[_test], al), 3);
            Case("reserved/upper-62", () => _s.Poke(Upper(_pae) + 4, 0x40000000), () => _s.Asm.mov(al, __byte_ptr[_test]));
        }
    }

    private void Jump()
    {
        _s.Asm.mov(eax, _test);
        _s.Asm.jmp(eax);
    }

    private void Crossing()
    {
        string both = $"{_entries} m{Leaf(_pae, 1):X} m{TestFrame + 0xFFC:X}";
        uint address = _test + 0xFFE;
        Case("crossing/both", () => Map(_s, _pae, 1, (TestFrame + 0x1000) | All), () => _s.Asm.mov(__dword_ptr[address], eax), show: both);
        Case("crossing/read-second-absent", () => { }, () => _s.Asm.mov(eax, __dword_ptr[address]), show: "eax");
        Case("crossing/write-second-absent", () => { }, () => _s.Asm.mov(__dword_ptr[address], eax), show: $"m{TestFrame + 0xFFC:X}");
        Case("crossing/write-first-absent", () => { Map(_s, _pae, 0, 0); Map(_s, _pae, 1, (TestFrame + 0x1000) | All); }, () => _s.Asm.mov(__dword_ptr[address], eax), show: $"m{TestFrame + 0x1000:X}");
        Case("crossing/write-second-read-only", () => Map(_s, _pae, 1, (TestFrame + 0x1000) | Present | User), () => _s.Asm.mov(__dword_ptr[address], eax), show: $"m{TestFrame + 0xFFC:X}");
        Case("crossing/neither", () => Map(_s, _pae, 0, 0), () => _s.Asm.mov(__dword_ptr[address], eax));
        Case("crossing/fetch", () =>
        {
            // MOV EAX, imm32 whose last two bytes lie in the page that is absent.
            _s.Poke(TestFrame + 0xFFC, 0xCDEFB890);
            _s.Poke(Layout.Mark, _test + 0xFFD);
        }, () => { _s.Asm.mov(ecx, _test + 0xFFD); _s.Asm.jmp(ecx); }, show: "eax");
    }

    private void Restart()
    {
        // The page that follows the first one is absent: what has been done stays, what has not can start again.
        Case("restart/rep-stos", () => { }, () => { _s.Asm.mov(edi, _test + 0xFF4); _s.Asm.mov(ecx, 8); _s.Asm.rep.stosd(); }, show: $"ecx edi {_entries}");
        Case("restart/rep-movs-source", () => { }, () => { _s.Asm.mov(esi, _test + 0xFF8); _s.Asm.mov(edi, Scratch); _s.Asm.mov(ecx, 8); _s.Asm.rep.movsd(); }, show: $"ecx esi edi {_entries}");
        Case("restart/rep-movs-down", () => Map(_s, _pae, 1, (TestFrame + 0x1000) | All), () =>
        {
            _s.Asm.std();
            _s.Asm.mov(edi, _test + 4);
            _s.Asm.mov(esi, Scratch + 0x40);
            _s.Asm.mov(ecx, 8);
            _s.Asm.rep.movsd();
        }, show: "ecx esi edi");
        Case("restart/repe-cmps", () => { }, () => { _s.Asm.mov(esi, _test + 0xFF8); _s.Asm.mov(edi, TestFrame); _s.Asm.mov(ecx, 8); _s.Asm.repe.cmpsd(); }, show: "ecx esi edi");
        Case("restart/push", () => Stack(), () => { _s.Asm.mov(esp, _test + 0x1000); _s.Asm.push(eax); }, show: "hsp", ring: 3);
        Case("restart/pusha", () => Stack(), () => { _s.Asm.mov(esp, _test + 0x1010); _s.Asm.pushad(); }, ring: 3);
        Case("restart/popa", () => { }, () => { _s.Asm.mov(esp, _test + 0xFF0); _s.Asm.popad(); }, ring: 3, show: "eax ecx edx ebx ebp esi edi");
        Case("restart/call", () => Stack(), () => { _s.Asm.mov(esp, _test + 0x1000); _s.Asm.call(eax); }, ring: 3);
        Case("restart/enter", () => Stack(), () => { _s.Asm.mov(esp, _test + 0x1004); _s.Asm.mov(ebp, _test + 0x1100); _s.Asm.enter(8, 2); }, ring: 3, show: "ebp");
        Case("restart/enter-frame", () => Stack(), () => { _s.Asm.mov(esp, _test + 0x1004); _s.Asm.enter(8, 0); }, ring: 3, show: "ebp");
        Case("restart/leave", () => { }, () => { _s.Asm.mov(ebp, _test + 0x1000); _s.Asm.leave(); }, ring: 3, show: "ebp");
        Case("restart/pop-memory", () => { }, () => _s.Asm.pop(__dword_ptr[_test + 0x1000]), ring: 3);
        Case("restart/pop-memory-esp", () => { }, () => { _s.Asm.mov(esp, _test + 0xFFC); _s.Asm.pop(__dword_ptr[esp]); }, ring: 3);
        Case("restart/ret-far", () => { }, () => { _s.Asm.mov(esp, _test + 0xFFC); _s.Asm.retf(); }, ring: 3);
        Case("restart/iret", () => { }, () => { _s.Asm.mov(esp, _test + 0xFF8); _s.Asm.iretd(); }, ring: 3);
        Case("restart/call-far", () => Stack(), () => { _s.Asm.mov(esp, _test + 0x1004); _s.Asm.call(UserCode, 0x1000u); }, ring: 3);
        Case("restart/xadd", () => Map(_s, _pae, 0, TestFrame | Present | User), () => _s.Asm.xadd(__dword_ptr[_test], ecx), ring: 3, show: "ecx");
        Case("restart/les", () => { }, () => _s.Asm.les(ecx, __fword_ptr[_test + 0xFFC]), ring: 3, show: "ecx es");
        Case("restart/adc-flags", () => Map(_s, _pae, 0, TestFrame | Present | User), () => { _s.Asm.stc(); _s.Asm.adc(__dword_ptr[_test], ecx); }, ring: 3);
        Case("restart/bound", () => { }, () => _s.Asm.bound(eax, __qword_ptr[_test + 0xFFC]), ring: 3);
        Case("restart/div", () => Map(_s, _pae, 0, 0), () => _s.Asm.div(__dword_ptr[_test]), ring: 3, show: "eax edx");
        Case("restart/shld", () => Map(_s, _pae, 0, TestFrame | Present | User), () => _s.Asm.shld(__dword_ptr[_test], ecx, 3), ring: 3);
    }

    // The lower page is absent, the upper one is there: a stack that grows into it.
    private void Stack()
    {
        Map(_s, _pae, 0, 0);
        Map(_s, _pae, 1, (TestFrame + 0x1000) | All);
    }

    private void Delivery()
    {
        Case("delivery/int-to-absent-stack", () => OuterStack(0x23), () => _s.Asm.@int(0x23), ring: 3);
        Case("delivery/ud-to-absent-stack", () => OuterStack(6), () => _s.Asm.ud2(), ring: 3);
        Case("delivery/de-to-absent-stack", () => OuterStack(0), () => { _s.Asm.mov(ecx, 0); _s.Asm.div(ecx); }, ring: 3);
        Case("delivery/gp-to-absent-stack", () => OuterStack(13), () => _s.Asm.hlt(), ring: 3);
        Case("delivery/pf-to-absent-stack", () => OuterStack(14), () => _s.Asm.mov(eax, __dword_ptr[_test + 0x8000]), ring: 3);
        Case("delivery/pf-absent-gate", () => _s.Idt(14, Descriptor.Gate(FlatCode, 0, 0x0E)), () => _s.Asm.mov(eax, __dword_ptr[_test + 0x8000]));
        Case("delivery/gp-absent-gate", () => _s.Idt(13, Descriptor.Gate(FlatCode, 0, 0x0E)), () => { _s.Asm.mov(eax, 0x100); _s.Asm.mov(ds, ax); });
        Case("delivery/call-gate-absent-stack", () =>
        {
            OuterStack(0x23);
            _s.Gdt(Free, Descriptor.Gate(Code2, 0, 0xEC));
        }, () => _s.Asm.call(Free, 0u), ring: 3);
        Case("delivery/idt-absent", () =>
        {
            // The IDT lies across two pages and the gate of INT 23h in the absent one.
            Map(_s, _pae, 0, (Layout.Idt & ~0xFFFu) | All);
            _s.Asm.mov(__word_ptr[Scratch], 0x23F);
            _s.Asm.mov(__dword_ptr[Scratch + 2], _test + (Layout.Idt & 0xFFF));
            _s.Asm.lidt(__[Scratch]);
        }, () => _s.Asm.@int(0x23), show: _entries);
    }

    // The handler of this vector runs in ring 2, whose stack is absent.
    private void OuterStack(int vector)
    {
        _s.Poke(Layout.Tss + 0x14, _test + 0x9000);
        _s.Idt(vector, Descriptor.Gate(Code2, _s.Rom[Recorder.Stub(vector)], 0xEE));
    }

    // Descriptor tables and the TSS in pages whose bits show what the processor did.
    private void SystemAccesses()
    {
        Case("system/gdt-accessed-already", () => GdtInPage(0xF3, All), () => Load(), show: _entries);
        Case("system/gdt-sets-accessed", () => GdtInPage(0xF2, All), () => Load(), show: $"{_entries} d{Free:X}");
        Case("system/gdt-read-only-wp", () => GdtInPage(0xF2, Present), () => Load(), show: $"{_entries} d{Free:X}");
        Case("system/gdt-read-only-accessed", () => GdtInPage(0xF3, Present), () => Load(), show: $"{_entries} d{Free:X}");
        Case("system/gdt-supervisor-from-ring3", () => GdtInPage(0xF2, Present | Writable), () => Load(), ring: 3, show: $"{_entries} d{Free:X}");
        Case("system/ltr-sets-busy", () => GdtInPage(0xF2, All), () => { _s.Asm.mov(eax, (uint)Tss2Sel); _s.Asm.ltr(ax); }, show: $"{_entries} d{Tss2Sel:X}");
        Case("system/lar-reads", () => GdtInPage(0xF2, All), () => { _s.Asm.mov(ecx, (uint)Free); _s.Asm.lar(eax, ecx); }, show: $"{_entries} d{Free:X}");
        Case("system/gdt-absent", () => GdtAcrossPages(), () => { _s.Asm.mov(ecx, (uint)Free); _s.Asm.lar(eax, ecx); });
        Case("system/gdt-absent-load", () => GdtAcrossPages(), () => { _s.Asm.mov(ecx, (uint)Free); _s.Asm.mov(fs, cx); });
        Case("system/sgdt-crossing", () => { }, () => _s.Asm.sgdt(__[_test + 0xFFC]), show: $"m{TestFrame + 0xFFC:X}");
    }

    private void Load()
    {
        _s.Asm.mov(ecx, Free | 3);
        _s.Mark();
        _s.Asm.mov(fs, cx);
    }

    private void GdtInPage(byte access, uint rights)
    {
        _s.Gdt(Free, Descriptor.Flat(access));
        Map(_s, _pae, 0, Layout.Gdt | rights);
        _s.Asm.mov(__word_ptr[Scratch], (int)GdtSize - 1);
        _s.Asm.mov(__dword_ptr[Scratch + 2], _test);
        _s.Asm.lgdt(__[Scratch]);
    }

    // The descriptors of the handlers are in a page that is there, those of the case in one that is not.
    private void GdtAcrossPages()
    {
        _s.Asm.mov(esi, Layout.Gdt);
        _s.Asm.mov(edi, TestFrame + 0x1000 - Free);
        _s.Asm.mov(ecx, GdtSize / 4);
        _s.Asm.rep.movsd();
        _s.Asm.mov(__word_ptr[Scratch], (int)GdtSize - 1);
        _s.Asm.mov(__dword_ptr[Scratch + 2], _test + 0x1000 - Free);
        _s.Asm.lgdt(__[Scratch]);
    }

    private void Large()
    {
        uint size = _pae ? 0x200000u : 0x400000u, linear = 2 * size, pse = _pae ? 0 : 0x10u;
        string show = $"m{Upper(_pae, 2):X} m{TestFrame:X}";
        void Directory(uint entry) => _s.Poke(Upper(_pae, 2), entry);
        Case("large/read", () => Directory(All | PageTables.Large), () => _s.Asm.mov(eax, __dword_ptr[linear + TestFrame]), show: show, cr4Bits: pse);
        Case("large/write", () => Directory(All | PageTables.Large), () => _s.Asm.mov(__dword_ptr[linear + TestFrame], ecx), show: show, cr4Bits: pse);
        Case("large/write-read-only", () => Directory(Present | PageTables.Large), () => _s.Asm.mov(__dword_ptr[linear + TestFrame], ecx), show: show, cr4Bits: pse);
        Case("large/user-supervisor", () => Directory(Present | PageTables.Large), () => _s.Asm.mov(ecx, __dword_ptr[linear + TestFrame]), 3, show: show, cr4Bits: pse);
        Case("large/reserved-20", () => Directory(All | PageTables.Large | 0x100000), () => _s.Asm.mov(ecx, __dword_ptr[linear + TestFrame]), show: show, cr4Bits: pse);
        Case("large/reserved-13", () => Directory(All | PageTables.Large | 0x2000), () => _s.Asm.mov(ecx, __dword_ptr[linear]), show: _pae ? show : "", cr4Bits: pse);
        if (!_pae)
        {
            // Without CR4.PSE the bit is nothing, and the entry names a table.
            Case("large/pse-off", () => { Directory(0x43000 | All | PageTables.Large); _s.Poke(0x43000, TestFrame | All); }, () => _s.Asm.mov(__dword_ptr[linear], ecx), show: $"{show} m43000");
        }
    }

    // Only what the manual promises: absent entries are never cached, INVLPG, CR3 and CR4.PGE forget.
    private void Invalidation()
    {
        string value = $"eax ebx {_entries}";
        Case("tlb/absent-then-present", () => Map(_s, _pae, 0, 0), () =>
        {
            _s.Poke(Leaf(_pae), TestFrame | All);
            _s.Asm.mov(eax, __dword_ptr[_test]);
        }, show: value);
        foreach (uint global in (uint[])[0, Global])
        {
            string kind = global == 0 ? "" : "-global";
            Case($"tlb/invlpg{kind}", () => Change(global), () => Change(() => _s.Asm.invlpg(__byte_ptr[_test + 0x123])), show: value, cr4Bits: 0x80);
            Case($"tlb/pge-off{kind}", () => Change(global), () => Change(() =>
            {
                _s.Asm.mov(ecx, cr4);
                _s.Asm.and(cl, 0x7F);
                _s.Asm.mov(cr4, ecx);
            }), show: value, cr4Bits: 0x80);
            Case($"tlb/paging-off-on{kind}", () => Change(global), () => Change(() =>
            {
                _s.Asm.mov(ecx, cr0);
                _s.Asm.mov(edx, 0x11);
                _s.Asm.mov(cr0, edx);
                _s.Asm.mov(cr0, ecx);
            }), show: global == 0 ? value : "", cr4Bits: 0x80);
        }
        Case("tlb/cr3", () => Change(0u), () => Change(() => { _s.Asm.mov(ecx, cr3); _s.Asm.mov(cr3, ecx); }), show: value);
        Case("tlb/fault-then-allowed", () => { Map(_s, _pae, 0, TestFrame | Present | User); _s.Asm.mov(eax, __dword_ptr[_test & 0]); }, () =>
        {
            _s.Asm.mov(eax, __dword_ptr[_test]);
            _s.Poke(Leaf(_pae), TestFrame | All);
            _s.Asm.invlpg(__byte_ptr[_test]);
            _s.Asm.mov(__dword_ptr[_test], eax);
        }, show: value);
        Case("tlb/invlpg-absent", () => { }, () => _s.Asm.invlpg(__byte_ptr[_test + 0x8000]));
        Case("tlb/alias", () => Map(_s, _pae, 1, TestFrame | All), () =>
        {
            _s.Asm.mov(__dword_ptr[_test + 0x1008], 0x12345678);
            _s.Asm.mov(ebx, __dword_ptr[_test + 8]);
        }, show: $"ebx m{Leaf(_pae):X} m{Leaf(_pae, 1):X}");
    }

    private void Change(uint global)
    {
        Map(_s, _pae, 0, TestFrame | All | global);
        _s.Poke(TestFrame, 0x11111111);
        _s.Poke(TestFrame + 0x1000, 0x22222222);
    }

    private void Change(Action forget)
    {
        _s.Asm.mov(eax, __dword_ptr[_test]);
        _s.Poke(Leaf(_pae), (TestFrame + 0x1000) | All);
        forget();
        _s.Asm.mov(ebx, __dword_ptr[_test]);
    }
}
