using Gnomon.Guests.Tests.Paper;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Shadow;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Guests.Tests.Monitored.Steps;

/// <summary>
/// One instruction that touches eight pages, each with its own leaf table, and writes to pages that hold page tables, the current top
/// one among them: it ends under the smallest options that there are, and leaves what it leaves on paper.
/// </summary>
public sealed class StepTests
{
    // A run that makes progress needs some two thousand; one that does not, all that there are.
    private const ulong Instructions = 100_000;

    private const uint To = StepKernel.Destination;
    private const uint From = StepKernel.Source;
    private const uint Top = StepKernel.Stack;

    private static Dictionary<string, (Action<Assembler> Instruction, int Before, Action<Assembler> SetUp)> Cases { get; } = new()
    {
        ["movsd"] = (a => a.movsd(), 0, a => Registers(a, From - 1, To - 2)),
        ["rep movsb"] = (a => a.rep.movsb(), 1, a => Registers(a, From - 11, To - 12, count: 24)),
        ["rep movsb onto itself"] = (a => a.rep.movsb(), 1, a =>
        {
            a.mov(__byte_ptr[To - 13], 0x5A);
            Registers(a, To - 13, To - 12, count: 24);
        }
        ),
        ["rep stosd down"] = (a => a.rep.stosd(), 1, a =>
        {
            Registers(a, From, To + 13, count: 7);
            a.std();
        }
        ),
        ["rep movsw from the stack's tables"] = (a => a.rep.movsw(), 2, a => Registers(a, Top - 5, To - 7, count: 6)),
        ["mov"] = (a => a.mov(__dword_ptr[To - 3], 0x1234_5678), 5, a => Registers(a, From, To)),
        ["mov inside"] = (a => a.mov(__dword_ptr[To + 16], 0x1234_5678), 5, a => Registers(a, From, To)),
        ["mov byte"] = (a => a.mov(__byte_ptr[To - 1], al), 2, a => Registers(a, From, To)),
        ["mov word"] = (a => a.mov(__word_ptr[To - 1], ax), 3, a => Registers(a, From, To)),
        ["adc"] = (a => a.adc(__dword_ptr[To - 2], eax), 2, a =>
        {
            Registers(a, From, To);
            a.mov(__dword_ptr[To - 2], 0xFFFF_0000);
            a.mov(eax, 0xFFFF);
            a.stc();
        }
        ),
        ["xadd"] = (a => a.@lock.xadd(__dword_ptr[To - 8], eax), 3, a =>
        {
            Registers(a, From, To);
            a.mov(__dword_ptr[To - 8], 0x7FFF_FFF0);
            a.mov(eax, 0x20);
        }
        ),
        ["xchg"] = (a => a.xchg(__dword_ptr[To - 1], eax), 1, a =>
        {
            Registers(a, From, To);
            a.mov(__dword_ptr[To - 1], 0xA1B2_C3D4);
        }
        ),
        ["cmpxchg8b"] = (a => a.cmpxchg8b(__qword_ptr[To - 4]), 4, a =>
        {
            Registers(a, From, To);
            a.xor(eax, eax);
            a.xor(edx, edx);
        }
        ),
        ["bts"] = (a => a.bts(__dword_ptr[To - 2], eax), 3, a =>
        {
            Registers(a, From, To);
            a.mov(eax, 20);
        }
        ),
        ["pushad"] = (a => a.pushad(), 0, a => Registers(a, From, To, stack: Top + 16)),
        ["pushad, stack and destination one"] = (a => a.pushad(), 0, a => Registers(a, From, To, stack: To + 16)),
        ["push from memory"] = (a => a.push(__dword_ptr[From - 2]), 3, a => Registers(a, From, To, stack: Top + 1)),
        ["pop to memory"] = (a => a.pop(__dword_ptr[To - 1]), 2, a =>
        {
            a.mov(__dword_ptr[Top - 2], 0x0BAD_CAFE);
            Registers(a, From, To, stack: Top - 2);
        }
        ),
        ["pop onto itself"] = (a => a.pop(__dword_ptr[esp - 3]), 2, a =>
        {
            a.mov(__dword_ptr[Top - 2], 0x0BAD_CAFE);
            Registers(a, From, To, stack: Top - 2);
        }
        ),
        ["call through memory"] = (a => a.call(__dword_ptr[From - 3]), 4, a =>
        {
            a.mov(eax, __dword_ptr[StepKernel.Back]);
            a.mov(__dword_ptr[From - 3], eax);
            Registers(a, From, To, stack: Top + 2);
        }
        ),
        ["enter"] = (a => a.enter(0x10, 3), 2, a =>
        {
            // It copies frame pointers from below EBP: those that it has just pushed itself.
            Registers(a, From, To, stack: Top + 6);
            a.mov(ebp, Top + 6);
        }
        ),
        ["fxsave"] = (a => a.fxsave(__[To - 256]), 3, a =>
        {
            Registers(a, From, To);
            a.fld1();
            a.fldpi();
        }
        ),
        ["fnsave"] = (a => a.fnsave(__[To - 51]), 1, a =>
        {
            Registers(a, From, To);
            a.fldl2e();
        }
        ),
        ["port to memory"] = (a => a.rep.insb(), 1, a =>
        {
            Registers(a, From, To - 2, count: 4);
            a.mov(edx, 0x64);
        }
        ),
        ["memory to port"] = (a => a.outsd(), 0, a =>
        {
            Registers(a, Top - 1, To);
            a.mov(edx, 0x80);
        }
        ),
        ["int"] = (a => a.@int(0x80), 1, a => Registers(a, From, To, stack: Top + 2)),
        ["int3"] = (a => a.int3(), 0, a => Registers(a, From, To, stack: To + 5)),
        ["division by zero"] = (a => a.div(__dword_ptr[To - 2]), 4, a => Registers(a, From, To, stack: Top + 7)),
    };

    public static TheoryData<string, bool> Names
    {
        get
        {
            TheoryData<string, bool> names = [];
            foreach (string name in Cases.Keys)
            {
                names.Add(name, false);
                names.Add(name, true);
            }

            return names;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Instruction_ThatWritesToItsOwnTables_EndsAsOnPaper(string name, bool pae)
    {
        (Action<Assembler> instruction, int before, Action<Assembler> setUp) = Cases[name];
        StepKernel kernel = new(pae, instruction, before, setUp);
        byte[] expected = Reference(kernel, pae, name);
        int minimum = ShadowMmu.MinimumTableBudget(pae ? 3 : 2, 1);
        foreach (Coherence coherence in Enum.GetValues<Coherence>())
        {
            foreach ((int slots, int budget, int prefault) in (ReadOnlySpan<(int, int, int)>)[(1, minimum, 1), (2, minimum, 16), (64, 0, 1)])
            {
                ShadowOptions options = new() { Coherence = coherence, Slots = slots, TableBudget = budget, Prefault = prefault };
                using MonitoredMachine machine = new(kernel.ToElf(), pae, "", shadow: options);
                GuestStop stop = machine.Guest.Run(Instructions);
                string where = $"{coherence}, {slots} slots: {stop}\n{string.Join('\n', machine.Guest.RecentFaults)}";
                Assert.True(stop is { Reason: GuestStopReason.Shutdown, Text: "done" }, where);
                AssertSame(kernel, expected, machine, where);
                Assert.Null(machine.Guest.Mmu.Audit());
                Assert.True(coherence == Coherence.Notified || name == "memory to port" || machine.Guest.Mmu.Statistics.WatchedStores > 0, where);
            }
        }
    }

    // Paper does not know string instructions with ports: there, a guest that tells of its changes is the measure.
    private static byte[] Reference(StepKernel kernel, bool pae, string name)
    {
        byte[] memory = new byte[StepKernel.Length];
        if (name.Contains("port", StringComparison.Ordinal))
        {
            using MonitoredMachine machine = new(kernel.ToElf(), pae, "");
            Assert.Equal("done", machine.Guest.Run(Instructions).Text);
            Assert.Equal(PageStatus.Ok, machine.Guest.Memory.Read(new Gpa(StepKernel.Base), memory));
            return memory;
        }

        using PaperMachine paper = new(kernel.ToElf(), pae, "");
        PaperEnd end = paper.Run((long)Instructions);
        Assert.True(end is { Kind: "shutdown", Text: "done" }, $"on paper: {end}");
        paper.Memory.Bytes(StepKernel.Base, StepKernel.Length).CopyTo(memory);
        return memory;
    }

    // Accessed and dirty bits may come at another time; all else may not.
    private static void AssertSame(StepKernel kernel, byte[] expected, MonitoredMachine machine, string where)
    {
        const byte marks = 0x60;
        byte[] actual = new byte[StepKernel.Length];
        Assert.Equal(PageStatus.Ok, machine.Guest.Memory.Read(new Gpa(StepKernel.Base), actual));
        foreach (uint entry in kernel.Entries)
        {
            actual[(int)(entry - StepKernel.Base)] |= marks;
            expected[(int)(entry - StepKernel.Base)] |= marks;
        }

        // The data page's clock and what the host says there are its own matter.
        const int data = 0x8000;
        const int dataEnd = data + 2048;
        int at = actual.AsSpan(0, data).CommonPrefixLength(expected);
        at = at < data ? at : dataEnd + actual.AsSpan(dataEnd).CommonPrefixLength(expected.AsSpan(dataEnd));
        Assert.True(at == actual.Length, at == actual.Length ? "" : $"0x{StepKernel.Base + at:x}: {actual[at]:x2}, on paper {expected[at]:x2}; {where}");
    }

    private static void Registers(Assembler a, uint source, uint destination, uint count = 1, uint? stack = null)
    {
        a.mov(eax, 0x8765_4321);
        a.mov(ebx, 0x1357_9BDF);
        a.mov(ecx, count);
        a.mov(edx, 0x0246_8ACE);
        a.mov(esi, source);
        a.mov(edi, destination);
        if (stack is { } pointer)
        {
            a.mov(esp, pointer);
        }

        // Flags that show what an instruction made of them.
        a.cmp(ebx, 0x7357_9BDF);
        a.cld();
    }
}
