using Gnomon.Cpu;
using Gnomon.Monitor;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Stock.Tests.Workloads;

/// <summary>A machine for a stock kernel, as the command line's options that stand for it.</summary>
internal static class StockCase
{
    private static readonly string[][] _shadowFactors =
    [
        ["--coherence watched", "--coherence lazy"],
        ["--policy lru", "--policy clock", "--policy random:7"],
        ["--prefault 1", "--prefault 16"],
        ["--on-flush resync", "--on-flush discard"],
        ["--slots 4", "--slots 64"],
        ["--cpu-profile gnomon", "--cpu-profile intel"],
    ];

    /// <summary>All cases of a kernel.</summary>
    /// <param name="full">Whether any three values meet in a case and each way to boot has cases of its own; else any two meet.</param>
    /// <param name="hasPvh">Whether the kernel can be entered that way.</param>
    public static IEnumerable<string> All(bool full, bool hasPvh)
    {
        string[] boots = [.. hasPvh ? (string[])["--boot pvh"] : [], .. full ? (string[])["--boot guest"] : []];
        List<int[]> rows = CoveringRows.Choose([.. _shadowFactors.Select(values => values.Length)], full ? 3 : 2);
        for (int i = 0; i < rows.Count; i++)
        {
            // Each third row is booted in another way than the default, in turn.
            string boot = i % 3 == 2 && boots.Length > 0 ? boots[i / 3 % boots.Length] + " " : "";
            yield return boot + string.Join(' ', rows[i].Select((value, factor) => _shadowFactors[factor][value]));
        }

        yield return "--mmu nested";
        if (full)
        {
            yield return "--mmu nested --cpu-profile intel --boot guest";
        }
    }

    /// <summary>The machine.</summary>
    public static MachineOptions Options(string words)
    {
        MachineOptions options = new() { Kernel = default, MemoryMiB = 128 };
        string[] parts = words.Split(' ');
        for (int i = 0; i < parts.Length; i += 2)
        {
            PagingOptions paging = options.Paging;
            string value = parts[i + 1];
            options = parts[i] switch
            {
                "--coherence" => options with { Paging = paging with { Coherence = Enum.Parse<Coherence>(value, ignoreCase: true) } },
                "--policy" => options with { Paging = paging with { Policy = Policy(value) } },
                "--prefault" => options with { Paging = paging with { Prefault = int.Parse(value, null) } },
                "--on-flush" => options with { Paging = paging with { OnFlush = Enum.Parse<FlushPolicy>(value, ignoreCase: true) } },
                "--slots" => options with { Paging = paging with { Slots = int.Parse(value, null) } },
                "--cpu-profile" => value == "intel" ? options with { Profile = CpuProfile.Default } : options,
                "--boot" => value == "pvh" ? options with { Protocol = BootProtocol.Pvh } : options with { UnpacksKernel = false },
                "--mmu" => options with { Mmu = MmuKind.Nested },
                _ => throw new ArgumentException(words),
            };
        }

        return options;
    }

    private static TracePolicy Policy(string text) => TracePolicy.TryParse(text, out TracePolicy policy) ? policy : throw new ArgumentException(text);
}
