using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Threads;

/// <summary>
/// A guest whose virtual CPUs race: a window of addresses that map data pages, and a window through which the leaf table itself
/// is seen. Every data page says at its start whose it is and which: so a translation that outlives its frame is noticed.
/// </summary>
internal sealed class RacedGuest : IDisposable
{
    /// <summary>Addresses in the data window.</summary>
    public const int Window = 32;

    /// <summary>Address i maps only pages of class i modulo this.</summary>
    public const int Classes = 8;

    /// <summary>The first data page.</summary>
    public const uint FirstData = 16;

    /// <summary>Data pages.</summary>
    public const int DataPages = 64;

    private const ulong Directory = 0x1000;
    private const ulong Middle = 0x4000;
    private const ulong LeafTable = 0x2000;
    private const ulong TablesLeaf = 0x3000;

    public RacedGuest(HostMemory host, bool pae, Coherence coherence, int cpus)
    {
        IsPae = pae;
        Memory = new GuestMemory(host, 128) { Store = new Driving.TestPageStore(256) };
        Switcher = new Switcher(host, 1);
        ShadowOptions options = new() { Coherence = coherence, Cpus = cpus, Slots = cpus + 1, Prefault = 4 };
        Mmu = pae ? ShadowMmu.CreatePae(Memory, options, Switcher) : ShadowMmu.CreateTwoLevel(Memory, options, Switcher);
        if (pae)
        {
            Put(Directory, Middle | 1);
            Put(Middle, LeafTable | 0x67);
            Put(Middle + 8, TablesLeaf | 0x67);
        }
        else
        {
            Put(Directory, LeafTable | 0x67);
            Put(Directory + 4, TablesLeaf | 0x67);
        }

        Put(TablesLeaf, LeafTable | 0x67);
        Span<byte> tag = stackalloc byte[8];
        for (int i = 0; i < DataPages; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(tag, TagOf(FirstData + (uint)i));
            Memory.Write(new Gfn(FirstData + (uint)i).Address, tag);
        }

        for (uint i = 0; i < Window; i++)
        {
            Put(EntryOf(i), (ulong)(FirstData + i) << 12 | 0x67);
        }

        for (int cpu = 0; cpu < cpus; cpu++)
        {
            Mmu.LoadPageTable(cpu, new Gpa(Directory));
        }
    }

    public bool IsPae { get; }

    public GuestMemory Memory { get; }

    public Switcher Switcher { get; }

    public IShadowMmu Mmu { get; }

    /// <summary>Bytes of an entry.</summary>
    public int EntrySize => IsPae ? 8 : 4;

    /// <summary>Where the window onto the leaf table begins.</summary>
    public uint TablesWindow => IsPae ? 0x20_0000u : 0x40_0000u;

    /// <summary>The first eight bytes of a data page.</summary>
    public static ulong TagOf(uint page) => 0xDA7A_0000_0000_0000 | page;

    /// <summary>The guest-physical address of the entry that maps an address of the window.</summary>
    public ulong EntryOf(uint index) => LeafTable + (index * (uint)EntrySize);

    /// <summary>The guest says what it changed, or flushes, as its coherence asks. The lock is held.</summary>
    public void Tell(int cpu, uint index, ulong entry)
    {
        if (Mmu.Options.Coherence == Coherence.Notified)
        {
            Mmu.SetPte(cpu, new Gpa(Directory), new Gva(index << 12), entry);
        }
        else
        {
            Mmu.InvalidatePage(cpu, new Gva(index << 12));
        }
    }

    public void Dispose()
    {
        Mmu.Dispose();
        Memory.Dispose();
        Switcher.Dispose();
    }

    private void Put(ulong address, ulong entry)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, entry);
        Memory.Write(new Gpa(address), bytes[..EntrySize]);
    }
}
