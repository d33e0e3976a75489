using Gnomon.Memory;
using Gnomon.Shadow;
using Gnomon.Testing;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Unmodified guests of random bytes, with random page tables: whatever they do is their own matter.</summary>
public sealed class HostileTests
{
    private const ulong Budget = 6_000;

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Random_CodeAndTables_NeverHarmTheHost(PcKind kind, bool pae)
    {
        using HostMemory host = new(64);
        Dictionary<GuestStopReason, int> ends = [];
        for (int seed = 0; seed < TestSettings.Steps(60); seed++)
        {
            GuestStop stop = RunOne(host, kind, pae, seed);
            ends[stop.Reason] = ends.GetValueOrDefault(stop.Reason) + 1;
            Assert.True(host.FramesInUse == 0, $"seed {seed}: {host.FramesInUse} frames are still in use after {stop}");
        }

        // It would show nothing if all of them died at once.
        Assert.True(ends.Count > 1, string.Join(' ', ends));
    }

    // Twice the memory that the host has, each page written and read again.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Memory_MoreThanTheHostHas_RunsToItsEndWhileTheHostTakesPages(PcKind kind, bool pae)
    {
        using HostMemory host = new(2);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(edx, 3);
            p.Mark("round");
            p.Code.mov(edi, 0x4_0000);
            p.Mark("page");
            p.Code.add(__dword_ptr[edi], edi);
            p.Code.add(edi, 0x1000);
            p.Code.cmp(edi, 0x9_0000);
            p.Code.jb(p.At("page"));
            p.Code.mov(edi, 0x10_0000);
            p.Mark("high");
            p.Code.add(__dword_ptr[edi], edi);
            p.Code.add(edi, 0x1000);
            p.Code.cmp(edi, 0x40_0000);
            p.Code.jb(p.At("high"));
            p.Code.dec(edx);
            p.Code.jnz(p.At("round"));
            p.Off();
        }, pae, host: host);
        PageShelf shelf = new();
        pc.Guest.Memory.Store = shelf;
        GuestStop stop;
        uint next = 0;
        do
        {
            stop = pc.Guest.Run(60);
            Assert.Null(pc.Guest.Mmu.Audit());
            while (!stop.IsFinal && host.FramesInUse > host.FrameLimit - 120)
            {
                next = (next + 1) % pc.Guest.Memory.PageCount;
                pc.Guest.Memory.Reclaim(new Gfn(next));
            }
        }
        while (stop.Reason == GuestStopReason.Budget);

        Assert.True(stop.Reason == GuestStopReason.Shutdown, $"{stop} {pc.Telling()}");
        Assert.NotEqual(0, shelf.Loads);
        for (uint page = 0x10_0000; page < 0x40_0000; page += 0x1000)
        {
            pc.Guest.Memory.Reclaim(new Gfn((page >> 12) - 1));
            Assert.Equal(page * 3, pc.Read32(page));
        }
    }

    private static GuestStop RunOne(HostMemory host, PcKind kind, bool pae, int seed)
    {
        Random random = new(seed);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae, random.Next(2) == 0);
            if (random.Next(4) == 0)
            {
                p.ChangeCr4(1 << 4);
            }

            if (random.Next(2) == 0)
            {
                p.Code.sti();
            }

            // Registers that point at tables, devices, nothing.
            foreach (AssemblerRegister32 register in (AssemblerRegister32[])[ecx, edx, ebx, esi, edi, ebp])
            {
                p.Code.mov(register, Somewhere(random));
            }

            // Some instructions that mean something to the monitor between bytes that do not.
            for (int i = 0; i < 60; i++)
            {
                One(p.Code, random);
            }

            byte[] noise = new byte[0x400];
            random.NextBytes(noise);
            p.Code.db(noise);
        }, pae, pc => Scatter(pc, random), host: host);
        for (int i = 0; i < 8; i++)
        {
            byte vector = (byte)random.Next(256);
            pc.InterruptAt((ulong)random.Next(60_000), vector);
        }

        GuestStop stop;
        ulong left = Budget;
        do
        {
            ulong slice = (ulong)random.Next(1, 700);
            ulong before = pc.Guest.Processor.Instructions;
            stop = pc.Guest.Run(Math.Min(slice, left));
            ulong ran = pc.Guest.Processor.Instructions - before;
            left -= Math.Max(1, Math.Min(left, Math.Max(ran, slice)));
            string? wrong = stop.Reason == GuestStopReason.Killed ? null : pc.Guest.Mmu.Audit();
            Assert.True(wrong is null, $"seed {seed}: {wrong}");
        }
        while (left > 0 && stop.Reason == GuestStopReason.Budget);

        Assert.True(stop.Reason != GuestStopReason.Killed || stop.Text.Length > 0, $"seed {seed}: killed without a word");
        return stop;
    }

    private static void One(Assembler c, Random random)
    {
        uint where = Somewhere(random);
        switch (random.Next(16))
        {
            case 0:
                c.mov(__dword_ptr[where], Entry(random));
                break;
            case 1:
                c.mov(eax, Somewhere(random) & ~0xFFFu);
                c.mov(cr3, eax);
                break;
            case 2:
                c.mov(eax, cr0);
                c.xor(eax, random.Next(3) switch { 0 => 1 << 16, 1 => 1 << 30, _ => 1 << 31 });
                c.mov(cr0, eax);
                break;
            case 3:
                c.mov(eax, cr4);
                c.xor(eax, random.Next(3) switch { 0 => 1 << 4, 1 => 1 << 5, _ => 1 << 7 });
                c.mov(cr4, eax);
                break;
            case 4:
                c.invlpg(__byte_ptr[where]);
                break;
            case 5:
                c.mov(edi, where);
                c.mov(eax, Entry(random));
                c.mov(ecx, random.Next(64));
                c.rep.stosd();
                break;
            case 6:
                c.mov(esi, where);
                c.mov(edi, Somewhere(random));
                c.mov(ecx, random.Next(64));
                c.rep.movsd();
                break;
            case 7:
                c.@lock.cmpxchg8b(__qword_ptr[where]);
                break;
            case 8:
                c.xchg(__dword_ptr[where], ebx);
                break;
            case 9:
                c.mov(ecx, 0xC000_0080);
                c.mov(eax, random.Next(2) << 11);
                c.xor(edx, edx);
                c.wrmsr();
                break;
            case 10:
                c.mov(edx, random.Next(0x300, 0x310));
                c.mov(edi, where);
                c.insd();
                break;
            case 11:
                c.mov(esp, Somewhere(random) & ~3u);
                c.push(ebx);
                break;
            case 12:
                c.or(__byte_ptr[where], (sbyte)random.Next(128));
                break;
            case 13:
                c.mov(ebx, __dword_ptr[where]);
                break;
            case 14:
                c.db([(byte)random.Next(256), (byte)random.Next(256)]);
                break;
            default:
                c.fxsave(__[where & ~15u]);
                break;
        }
    }

    private static uint Somewhere(Random random) => random.Next(8) switch
    {
        0 or 1 or 2 => SmallTables.Directory + (uint)random.Next(0x4000),
        3 => SmallPc.Window + (uint)random.Next(0x3000),
        4 => SmallPc.HoleAddress + (uint)random.Next(0x3000),
        5 => (uint)random.Next(0x1000, 0x9000),
        6 => (uint)random.Next(0x40_0000),
        _ => (uint)random.NextInt64(1L << 32),
    };

    private static uint Entry(Random random) => (Somewhere(random) & ~0xFFFu) | (random.Next(3) == 0 ? (uint)random.Next(0x1000) : SmallTables.Open);

    private static void Scatter(SmallPc pc, Random random)
    {
        for (int i = 0; i < 40; i++)
        {
            pc.Tables.Map((uint)random.Next(0x10, 0x400) << 12, Somewhere(random) & ~0xFFFu, (uint)(random.Next(2) == 0 ? 7 : random.Next(0x1000)));
        }

        for (int i = 0; i < 20; i++)
        {
            pc.Write32((SmallTables.Directory + (uint)random.Next(4, 0x2000)) & ~3u, Entry(random));
        }
    }

    private sealed class PageShelf : IPageStore
    {
        private readonly Dictionary<uint, byte[]> _pages = [];
        private uint _next;

        public int Loads { get; private set; }

        public bool TryStore(ReadOnlySpan<byte> page, out uint slot)
        {
            slot = _next++;
            _pages[slot] = page.ToArray();
            return true;
        }

        public bool TryLoad(uint slot, Span<byte> page)
        {
            Loads++;
            _pages[slot].CopyTo(page);
            return true;
        }

        public void Free(uint slot) => Assert.True(_pages.Remove(slot), "The slot is free already.");
    }
}
