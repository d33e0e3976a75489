using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests.Driving;

/// <summary>A fixed sequence that needs host frames in every way there is: tables, first use, copies, swap, roots, watching.</summary>
public static class Workload
{
    private const uint Read = 0;
    private const uint Write = 2;
    private const uint UserWrite = 6;

    /// <summary>The sequence for one kind of guest. No step of it kills where memory is plenty.</summary>
    public static Scenario Of(bool pae, ModelCoherence coherence, int prefault)
    {
        Builder build = new(pae);
        foreach (ulong top in build.Tops)
        {
            build.Map(top, 0x0000_0000, 16);
            build.Map(top, 0x0000_1000, 17);
            build.Map(top, 0x4000_0000, 18);
            build.Map(top, 0xC000_1000, 19);
        }

        build.Do(OperationKind.Prepare);
        build.Do(OperationKind.Load, build.Tops[0]);
        build.Do(OperationKind.Stack, 0xC000_2000, extra: 1);
        build.Touch(UserWrite);
        build.Do(OperationKind.Clone);
        build.Touch(Read);
        build.Touch(UserWrite);
        foreach (ulong page in new ulong[] { 16, 17, 18, 1, 5, 7 })
        {
            build.Do(OperationKind.Reclaim, page << 12);
        }

        build.Touch(UserWrite);
        foreach (ulong top in build.Tops[1..])
        {
            build.Do(OperationKind.Load, top);
            build.Touch(UserWrite);
        }

        build.Do(OperationKind.Prepare, extra: 1);
        build.Do(OperationKind.Load, build.Tops[0]);
        build.Tell(build.Tops[0], 0x0000_2000, 20);
        build.Touch(Write);
        build.TellTop(build.Tops[0], 0x4000_0000);
        build.Touch(Read);
        build.Do(OperationKind.FlushUser);
        build.Touch(UserWrite);
        build.Do(OperationKind.Clone);
        build.Do(OperationKind.CloneStore, 16 << 12, value: 77);
        build.Tell(build.Tops[0], 0x0000_1000, 21);
        build.Do(OperationKind.CloneDrop);
        build.Do(OperationKind.Pin, 0xC000_1000);
        build.Do(OperationKind.Trim, extra: 4);
        build.Touch(UserWrite);
        build.Do(OperationKind.ClearAll);
        build.Touch(Write);
        build.Do(OperationKind.Translate, 0x0000_0123);
        return new Scenario
        {
            Guest = new ModelConfig { Pae = pae, Coherence = coherence, Pages = 64, Switcher = pae ? 0xFFE0_0000 : 0xFFC0_0000 },
            Prefault = prefault,
            Slots = 2,
            HostMiB = 2,
            Steps = build.Steps,
        };
    }

    private sealed class Builder(bool pae)
    {
        private static readonly uint[] Touched = [0x0000_0010, 0x0000_1010, 0x4000_0010];

        private readonly ModelConfig _format = new() { Pae = pae };

        public ulong[] Tops { get; } = pae ? [0x1000, 0x1020, 0x2000] : [0x1000, 0x2000, 0x3000];

        public List<Operation> Steps { get; } = [];

        public void Do(OperationKind kind, ulong address = 0, ulong value = 0, uint extra = 0) => Steps.Add(new Operation(kind, 0, address, value, extra));

        public void Touch(uint access)
        {
            foreach (uint address in Touched)
            {
                Do(OperationKind.Access, address, 0x1234_5678, access);
            }
        }

        public void Map(ulong top, uint address, ulong page)
        {
            Do(OperationKind.Poke, top + Offset(address, _format.Levels), (Lower(address) << 12) | (pae ? 1u : 0x67u));
            if (pae)
            {
                Do(OperationKind.Poke, (Lower(address) << 12) + Offset(address, 2), (Leaf(address) << 12) | 0x67);
            }

            Do(OperationKind.Poke, (Leaf(address) << 12) + Offset(address, 1), (page << 12) | 0x67);
        }

        public void Tell(ulong top, uint address, ulong page)
        {
            Do(OperationKind.Poke, (Leaf(address) << 12) + Offset(address, 1), (page << 12) | 0x67);
            Do(OperationKind.SetPte, top, (page << 12) | 0x67, address);
        }

        public void TellTop(ulong top, uint address)
        {
            Do(OperationKind.Poke, top + Offset(address, _format.Levels), (Lower(address) << 12) | (pae ? 1u : 0x67u));
            Do(OperationKind.SetPgd, top, 0, _format.IndexOf(address, _format.Levels));
            if (pae)
            {
                Do(OperationKind.SetPmd, Lower(address) << 12, 0, _format.IndexOf(address, 2));
            }
        }

        private ulong Offset(uint address, int level) => _format.IndexOf(address, level) * (uint)_format.EntrySize;

        private static ulong Leaf(uint address) => 4 + (address >> 30);

        private ulong Lower(uint address) => pae ? 8 + (address >> 30) : Leaf(address);
    }
}
