using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gnomon.Cli.Presentation;

/// <summary>What a machine has counted, under KVM's names where KVM counts the same.</summary>
internal static class MachineStatisticsText
{
    private const int Columns = 2;
    private const int ColumnWidth = 38;

    private static readonly JsonWriterOptions _indented = new() { Indented = true, NewLine = "\n" };

    /// <summary>Writes a table of one screen.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="statistics">The counters.</param>
    /// <param name="took">The host's time that the run took; null to leave speeds out.</param>
    public static void Write(TextWriter output, MachineStatistics statistics, TimeSpan? took = null)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{statistics.Instructions} instructions, {statistics.Time.TotalSeconds:0.000000} s of the guest's time, {statistics.PagesBacked} pages of memory, {statistics.FramesInUse} frames of the host"));
        if (took is { } time)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{time.TotalSeconds:0.000} s, {statistics.Instructions / Math.Max(time.TotalMicroseconds, 1):0.0} million instructions a second"));
        }

        (string Name, long Value)[] counters = [.. Counters(statistics)];
        int rows = (counters.Length + Columns - 1) / Columns;
        for (int row = 0; row < rows; row++)
        {
            StringBuilder line = new();
            for (int at = row; at < counters.Length; at += rows)
            {
                line.Append(string.Create(CultureInfo.InvariantCulture, $"  {counters[at].Name,-22} {counters[at].Value,12}").PadRight(ColumnWidth));
            }

            output.WriteLine(line.ToString().TrimEnd());
        }
    }

    /// <summary>The counters as a JSON object; with those of the shadow tables under the names of `gnomon replay --stats`.</summary>
    public static string Json(MachineStatistics statistics, TimeSpan took)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, _indented))
        {
            json.WriteStartObject();
            json.WriteNumber("instructions", statistics.Instructions);
            json.WriteNumber("guest_nanoseconds", statistics.Time.Ticks * 100);
            json.WriteNumber("host_microseconds", (long)took.TotalMicroseconds);
            json.WriteNumber("restarts", statistics.Restarts);
            json.WriteNumber("pages_backed", statistics.PagesBacked);
            json.WriteNumber("frames_in_use", statistics.FramesInUse);
            foreach ((string name, long value) in Counters(statistics))
            {
                json.WriteNumber(name, value);
            }

            json.WriteStartObject("shadow");
            foreach ((string name, long value) in statistics.Shadow)
            {
                json.WriteNumber(name, value);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    // KVM: Documentation/virt/kvm and arch/x86/include/asm/kvm_host.h (struct kvm_vcpu_stat, kvm_vm_stat). Below the line ours.
    private static IEnumerable<(string Name, long Value)> Counters(MachineStatistics s) =>
    [
        ("exits", s.Exits),
        ("hypercalls", s.Hypercalls),
        ("irq_injections", s.Interrupts),
        ("insn_emulation", s.Emulated),
        ("mmio_exits", s["device-faults"]),
        ("io_exits", Math.Max(0, s.DeviceAccesses - s["device-faults"])),
        ("pf_taken", s["faults"]),
        ("pf_fixed", s["fixed"]),
        ("pf_guest", s["guest-faults"]),
        ("tlb_flush", s["user-flushes"] + s["full-flushes"]),
        ("invlpg", s["page-invalidations"]),
        ("mmu_cache_miss", s["tables-made"]),
        ("mmu_shadow_zapped", s["tables-released"]),
        ("mmu_recycled", s["tables-trimmed"]),
        ("mmu_pte_write", s["watched-stores"] + s["updates"]),
        ("mmu_pte_updated", s["leaves-converted"]),
        ("pages_4k", s["leaves-present"]),
        ("prefaulted", s["leaves-prefaulted"]),
        ("tables_present", s["tables-present"]),
        ("tables_peak", s["tables-peak"]),
        ("tables_shared", s["tables-shared"]),
        ("cr3_loads", s["loads"]),
        ("cr3_loads_known", s["loads-known"]),
        ("roots_replaced", s["roots-replaced"]),
        ("traps_reflected", s.ReflectedTraps),
        ("hypercalls_async", s.AsyncHypercalls),
        ("tlb_walks", s.Walks),
        ("blocks_built", s.BlocksBuilt),
    ];
}
