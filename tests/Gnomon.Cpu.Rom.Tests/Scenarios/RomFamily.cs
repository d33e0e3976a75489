using Gnomon.Cpu.Rom.Tests.Running;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>A ROM: its name, the processor it needs, its scenarios, and how its run ends.</summary>
internal sealed record RomFamily(string Name, Action<Scenario> Write, CpuModel Model = CpuModel.PentiumIII, RomEnd End = RomEnd.Halted)
{
    /// <summary>All ROMs.</summary>
    public static IReadOnlyList<RomFamily> All { get; } =
    [
        new("exceptions", Exceptions.Write),
        new("segment-loads", SegmentLoads.Write),
        new("segment-limits", SegmentLimits.Write),
        new("segment-queries", SegmentQueries.Write),
        new("far-transfers", FarTransfers.Write),
        new("returns", Returns.Write),
        new("virtual-8086", Virtual8086.Write),
        new("tasks", Tasks.Write),
        new("io-permission", IoPermission.Write),
        new("privileged", Privileged.Write),
        new("debug-events", DebugEvents.Write),
        new("paging-two-level", Paging.TwoLevel),
        new("paging-pae", Paging.Pae),
        new("paging-pointers", PagingModes.Pointers),
        new("no-execute", PagingModes.NoExecution, CpuModel.NoExecute),
        new("triple-fault-empty-idt", TripleFault.EmptyIdt, End: RomEnd.Shutdown),
        new("triple-fault-absent-gates", TripleFault.AbsentGates, End: RomEnd.Shutdown),
    ];

    /// <summary>The bytes of the ROM; with <paramref name="shift"/> its code lies that many bytes higher.</summary>
    public byte[] Image(int shift = 0) => RomImage.Build(Name, Write, shift);

    /// <summary>The ROM with this name.</summary>
    public static RomFamily Named(string name) => All.Single(family => family.Name == name);

    public override string ToString() => Name;
}
