using System.Globalization;
using System.Text;
using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Writes a scenario as a trace that `gnomon replay` runs; what the format cannot say becomes a comment.</summary>
public static class TraceWriter
{
    /// <summary>The text.</summary>
    public static string Write(Scenario scenario)
    {
        ModelConfig guest = scenario.Guest;
        StringBuilder text = new();
        void Line(string line) => text.Append(line).Append('\n');

        Line("gnomon-trace 1");
        Line($"# {scenario.Combination}, host cpus {scenario.HostCpus}, host MiB {scenario.HostMiB}, store pages {scenario.StorePages}");
        Line($"# table budget {scenario.Budget}, discard on set-pmd {scenario.DiscardOnSetPmd}, holes [{string.Join(" ", guest.Holes)}], read-only [{string.Join(" ", guest.ReadOnly)}]");
        Line($"format {(guest.Pae ? "pae" : "two-level")}");
        Line($"memory {guest.Pages}");
        Line($"slots {scenario.Slots}");
        Line($"policy {(scenario.Replacement == Replacement.Random ? "random:7" : Lower(scenario.Replacement))}");
        Line($"prefault {scenario.Prefault}");
        Line($"guest {(guest.Unmodified ? "unmodified" : "paravirtual")}");
        if (!guest.Unmodified)
        {
            Line($"kernel {Hex(guest.Kernel)}");
            Line($"switcher {Hex(guest.Switcher)}");
        }

        Line($"coherence {Lower(guest.Coherence)}");
        Line($"on-flush {(scenario.Discard ? "discard" : "resync")}");
        foreach ((uint first, uint count) in guest.Devices)
        {
            Line($"device {Hex((ulong)first << 12)} {Hex((ulong)count << 12)}");
        }

        if (guest.Strict)
        {
            Line("strict");
        }

        Line("init");
        int cpu = 0;
        foreach (Operation op in scenario.Steps)
        {
            if (op.Cpu != cpu && op.Kind is not (OperationKind.Poke or OperationKind.Bytes or OperationKind.CloneStore or OperationKind.CloneDrop))
            {
                cpu = op.Cpu;
                Line($"cpu {cpu}");
            }

            Line(Of(op));
        }

        return text.ToString();
    }

    private static string Of(Operation op) => op.Kind switch
    {
        OperationKind.Poke => $"poke {Hex(op.Address)} {Hex(op.Value)}",
        OperationKind.SetPte => $"set-pte {Hex(op.Address)} {Hex(op.Extra)} {Hex(op.Value)}",
        OperationKind.SetPgd => $"set-pgd {Hex(op.Address)} {op.Extra}",
        OperationKind.SetPmd => $"set-pmd {Hex(op.Address)} {op.Extra}",
        OperationKind.Load => $"load {Hex(op.Address)}",
        OperationKind.Fault => $"fault {Hex(op.Address)} {op.Extra}",
        OperationKind.Access => $"access {Hex(op.Address)} {((op.Extra & 16) != 0 ? 'x' : (op.Extra & 2) != 0 ? 'w' : 'r')}{((op.Extra & 4) != 0 ? 'u' : 'k')}{((op.Extra & 2) != 0 ? $"   # stores {Hex(op.Value)}" : "")}",
        OperationKind.Pin => $"pin {Hex(op.Address)}",
        OperationKind.Stack => $"stack {Hex(op.Address)} {op.Extra}",
        OperationKind.FlushUser => "flush-user",
        OperationKind.ClearAll => "clear-all",
        OperationKind.Invlpg => $"invlpg {Hex(op.Address)}",
        OperationKind.Prepare => $"map-switcher {op.Extra}",
        OperationKind.Translate => $"translate {Hex(op.Address)}",
        OperationKind.Reclaim => $"reclaim {Hex(op.Address)}",
        OperationKind.FailAllocations => $"fail-allocations {op.Extra}",
        _ => $"# {Lower(op.Kind)} {Hex(op.Address)} {Hex(op.Value)} {op.Extra} (not expressible)",
    };

    private static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    private static string Lower<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
