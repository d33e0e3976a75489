using CsCheck;
using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Generates what happens to a guest: mostly what a kernel does, with hostile values mixed in.</summary>
public static class StepGen
{
    private static readonly uint[] Accesses = [0, 0, 2, 2, 4, 4, 6, 6, 16, 20];

    /// <summary>Some tables built first, a load, then anything.</summary>
    public static Gen<Operation[]> Sequence(ModelConfig guest, int hostCpus)
    {
        Layout layout = new(guest);
        Gen<int> cpu = Gen.Int[0, guest.Cpus - 1];
        Gen<Operation[]> built = BuildPath(guest, layout).Array[2, 8].Select(parts => parts.SelectMany(p => p).ToArray());
        Gen<Operation[]> some = Any(guest, layout, cpu, hostCpus).Array[20, 70].Select(parts => parts.SelectMany(p => p).ToArray());
        Gen<Operation[]> start = Gen.Select(Gen.Int[0, 3], Gen.Int[0, 4], layout.Top, layout.Address, (stack, linear, top, address) => Start(guest, stack, linear, top, address));
        return Gen.Select(built, start, some, (a, b, c) => a.Concat(b).Concat(c).ToArray());
    }

    private static Operation[] Start(ModelConfig guest, int stack, int linear, ulong top, uint address)
    {
        List<Operation> steps = [];
        for (int cpu = 0; cpu < guest.Cpus; cpu++)
        {
            if (stack == 0)
            {
                // A stack below a page boundary that is mapped: the entry is made so.
                steps.AddRange(Path(guest, top, address, 0x67, new Layout(guest).FirstData + 1));
                steps.Add(new Operation(OperationKind.Load, cpu, top));
                steps.Add(new Operation(OperationKind.Stack, cpu, (address & ~0xFFFul) + 0x1000, 0, 1));
            }
            else if (linear != 0)
            {
                steps.Add(new Operation(OperationKind.Load, cpu, top));
            }
        }

        return [.. steps];
    }

    // The entries that map one address, each told to nobody: before the first load there is nobody to tell.
    private static Operation[] Path(ModelConfig guest, ulong top, uint address, uint flags, ulong page)
    {
        Layout layout = new(guest);
        ulong leaf = layout.Leaves[(address >> 22) % (uint)layout.Leaves.Length];
        if (!guest.Pae)
        {
            return
            [
                new(OperationKind.Poke, 0, top + (guest.IndexOf(address, 2) * 4), (leaf << 12) | 0x67),
                new(OperationKind.Poke, 0, (leaf << 12) + (guest.IndexOf(address, 1) * 4), (page << 12) | flags),
            ];
        }

        ulong middle = layout.Middles[(address >> 30) % (uint)layout.Middles.Length];
        return
        [
            new(OperationKind.Poke, 0, top + (guest.IndexOf(address, 3) * 8), (middle << 12) | 1),
            new(OperationKind.Poke, 0, (middle << 12) + (guest.IndexOf(address, 2) * 8), (leaf << 12) | 0x67),
            new(OperationKind.Poke, 0, (leaf << 12) + (guest.IndexOf(address, 1) * 8), (page << 12) | flags),
        ];
    }

    private static Gen<Operation[]> BuildPath(ModelConfig guest, Layout layout) =>
        Gen.Select(layout.Top, layout.Address, Gen.OneOf(0x67u, 0x67u, 0x27u, 0x07u, 0x65u, 0x63u), layout.Data,
            (top, address, flags, page) => Path(guest, top, address, flags, page));

    private static Gen<Operation[]> Any(ModelConfig guest, Layout layout, Gen<int> cpu, int hostCpus)
    {
        Gen<Operation[]> common = Gen.Frequency(
            (44, One(Gen.Select(cpu, layout.Address, Gen.OneOf(Accesses), layout.Entry(1), (c, a, x, v) => new Operation(OperationKind.Access, c, a, v, x)))),
            (10, One(Gen.Select(cpu, layout.Address, Gen.UInt[0, 31], (c, a, x) => new Operation(OperationKind.Fault, c, a, 0, x)))),
            (14, Store(guest, layout)),
            (5, BuildPath(guest, layout)),
            (10, One(Gen.Select(cpu, layout.Top, (c, d) => new Operation(OperationKind.Load, c, d)))),
            (7, One(Gen.Select(cpu, layout.Address, (c, a) => new Operation(OperationKind.Invlpg, c, a)))),
            (4, One(Gen.Select(cpu, layout.Address, (c, a) => new Operation(OperationKind.Translate, c, a)))),
            (3, One(Gen.Select(cpu, Gen.UInt[0, (uint)hostCpus - 1], (c, h) => new Operation(OperationKind.Prepare, c, 0, 0, h)))),
            (5, Host(guest, layout)),
            (1, Rare(guest, layout, cpu)));
        return guest.Unmodified
            ? Gen.Frequency(
                (100, common),
                (2, One(cpu.Select(c => new Operation(OperationKind.FlushUser, c)))),
                (1, One(Gen.Select(cpu, layout.Top, (c, d) => new[] { new Operation(OperationKind.EnterLinear, c), new Operation(OperationKind.Load, c, d) }), 0)),
                (2, One(Gen.Select(cpu, Gen.UInt[0, 7], (c, x) => new Operation(OperationKind.Controls, c, 0, 0, x)))))
            : Gen.Frequency((100, common), (45, Told(guest, layout, cpu)));
    }

    private static Gen<Operation[]> One(Gen<Operation> step) => step.Select(s => new[] { s });

    private static Gen<Operation[]> One(Gen<Operation[]> steps, int keep) => Gen.Select(steps, Gen.Int[0, 1], (s, both) => both == keep ? s : s[..1]);

    // A store that nobody is told of, to a table or to anything.
    private static Gen<Operation[]> Store(ModelConfig guest, Layout layout) => Gen.Frequency(
        (10, One(LevelStore(guest, layout).Select(s => new Operation(OperationKind.Poke, 0, s.Address, s.Entry)))),
        (2, One(Gen.Select(layout.Table, Gen.Int[0, 4088], Gen.UInt[1, 8], Gen.ULong, (page, at, length, value) => new Operation(OperationKind.Bytes, 0, (page << 12) + (ulong)at, value, length)))),
        (1, Gen.Select(layout.Table, Gen.Int[0, 511], layout.Entry(1), (page, index, value) => Enumerable.Range(0, 4)
            .Select(i => new Operation(OperationKind.Poke, 0, (page << 12) + (((ulong)index + (ulong)i) % 512 * 8), value)).ToArray())));

    // Changes of paravirtual guests, told as the interface asks.
    private static Gen<Operation[]> Told(ModelConfig guest, Layout layout, Gen<int> cpu) => Gen.Frequency(
        (14, Gen.Select(cpu, layout.Top, layout.Address, layout.Entry(1), Gen.Int[0, 30], (c, top, address, entry, lie) => TellPte(guest, layout, c, top, address, entry, lie))),
        (8, Gen.Select(cpu, layout.Top, Gen.OneOf(layout.TopIndexes), layout.Entry(guest.Levels), (c, top, index, entry) => new[]
        {
            new Operation(OperationKind.Poke, c, top + (index * (uint)guest.EntrySize), entry),
            new Operation(OperationKind.SetPgd, c, top, 0, index),
        })),
        (guest.Pae ? 6 : 0, Gen.Select(cpu, layout.Middle, Gen.UInt[0, 5], layout.Entry(2), (c, page, which, entry) => TellPmd(layout, c, page, which, entry))),
        (6, One(cpu.Select(c => new Operation(OperationKind.FlushUser, c)))),
        (3, One(cpu.Select(c => new Operation(OperationKind.ClearAll, c)))),
        (5, One(Gen.Select(cpu, layout.Address, (c, a) => new Operation(OperationKind.Pin, c, a)))),
        (2, One(Gen.Select(cpu, layout.Address, Gen.UInt[0, 2], (c, a, n) => new Operation(OperationKind.Stack, c, a & ~0xFu, 0, n)))),
        (2, One(Gen.Select(cpu, Gen.UInt[0, 7], (c, x) => new Operation(OperationKind.Controls, c, 0, 0, x)))));

    private static Operation[] TellPte(ModelConfig guest, Layout layout, int cpu, ulong top, uint address, ulong entry, int lie)
    {
        ulong leaf = layout.Leaves[(address >> 22) % (uint)layout.Leaves.Length];
        Operation store = new(OperationKind.Poke, cpu, (leaf << 12) + (guest.IndexOf(address, 1) * (uint)guest.EntrySize), entry);
        Operation tell = new(OperationKind.SetPte, cpu, top, lie == 0 ? entry ^ 0x42 : entry, address);
        return lie == 1 ? [tell, store] : [store, tell];
    }

    private static Operation[] TellPmd(Layout layout, int cpu, ulong page, uint which, ulong entry)
    {
        uint index = layout.MiddleIndexes[which];
        return [new(OperationKind.Poke, cpu, (page << 12) + (index * 8), entry), new(OperationKind.SetPmd, cpu, page << 12, 0, index)];
    }

    // What the host does meanwhile.
    private static Gen<Operation[]> Host(ModelConfig guest, Layout layout) => Gen.Frequency(
        (6, One(layout.Page.Select(p => new Operation(OperationKind.Reclaim, 0, (p % guest.Pages) << 12)))),
        (3, One(layout.Table.Select(p => new Operation(OperationKind.Reclaim, 0, p << 12)))),
        (3, One(Gen.UInt[1, 8].Select(n => new Operation(OperationKind.Trim, 0, 0, 0, n)))),
        (1, One(Gen.UInt[1, 3].Select(n => new Operation(OperationKind.FailAllocations, 0, 0, 0, n)))),
        (2, One(Gen.Const(new Operation(OperationKind.Clone)))),
        (3, One(Gen.Select(Gen.Int[0, 2], Gen.OneOf(layout.Data, layout.Table), Gen.Int[0, 511], Gen.ULong, (c, p, at, v) => new Operation(OperationKind.CloneStore, c, (p << 12) + ((ulong)at * 8), v)))),
        (1, One(Gen.Int[0, 2].Select(c => new Operation(OperationKind.CloneDrop, c)))));

    // What kills, mostly: rare, or no sequence would be long.
    private static Gen<Operation[]> Rare(ModelConfig guest, Layout layout, Gen<int> cpu) => guest.Unmodified
        ? One(Gen.Select(cpu, Gen.OneOf(0xFFFF_F000UL, (ulong)guest.Pages << 12, 0x1010UL), (c, d) => new Operation(OperationKind.Load, c, d)))
        : Gen.OneOf(
            One(Gen.Select(cpu, Gen.OneOf(0xFFFF_F000UL, (ulong)guest.Pages << 12), (c, d) => new Operation(OperationKind.Load, c, d))),
            One(Gen.Select(cpu, layout.Top, Gen.OneOf(guest.TopEntries, guest.TopEntries + 1, uint.MaxValue), (c, d, i) => new Operation(OperationKind.SetPgd, c, d, 0, i))),
            One(Gen.Select(cpu, layout.Top, (c, d) => new Operation(OperationKind.SetPgd, c, d, 0, guest.TopEntries - 1))),
            One(Gen.Select(cpu, layout.Top, layout.Entry(1), (c, d, v) => new Operation(OperationKind.SetPte, c, d, v, 0xFFFF_F000))),
            One(Gen.OneOf(0xC000_0000u, 0xC008_0000u, 0x4000_1000u, 0xFFFF_F000u).Select(k => new Operation(OperationKind.GuestData, 0, k))),
            One(Gen.Select(cpu, Gen.OneOf(3u, 0xFFFFFFu), (c, n) => new Operation(OperationKind.Stack, c, 0xC000_2000, 0, n))));

    private static Gen<(ulong Address, ulong Entry)> LevelStore(ModelConfig guest, Layout layout) => Gen.Frequency(
        (6, Gen.Select(layout.Leaf, Gen.OneOf(layout.LeafIndexes), layout.Entry(1), (page, index, entry) => ((page << 12) + (index * (uint)guest.EntrySize), entry))),
        (guest.Pae ? 3 : 0, Gen.Select(layout.Middle, Gen.UInt[0, 5], layout.Entry(2), (page, which, entry) => ((page << 12) + ((guest.Pae ? layout.MiddleIndexes[which] : 0) * 8), entry))),
        (3, Gen.Select(layout.Top, Gen.OneOf(layout.TopIndexes), layout.Entry(guest.Levels), (top, index, entry) => (top + (index * (uint)guest.EntrySize), entry))));
}
