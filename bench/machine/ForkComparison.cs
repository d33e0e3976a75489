using System.Diagnostics;
using System.Globalization;
using System.Text;
using Gnomon.Linux;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Bench.Machine;

/// <summary>What a fork and exec costs a stock kernel under each way to translate its addresses.</summary>
internal static class ForkComparison
{
    private const int WarmUp = 100;
    private const int Forks = 200;
    private const string Marker = "gnomon-bench";

    private static readonly (string Name, Func<MachineOptions, MachineOptions> Choose)[] _ways =
    [
        ("watched", options => options with { Paging = new PagingOptions { Coherence = Coherence.Watched } }),
        ("lazy", options => options with { Paging = new PagingOptions { Coherence = Coherence.Lazy } }),
        ("nested", options => options with { Mmu = MmuKind.Nested }),
    ];

    /// <summary>Runs both kernels in every way, and prints a table of means.</summary>
    public static void Print(TextWriter output, int runs)
    {
        Row[] rows = [.. from flavour in new[] { LinuxFlavour.I686, LinuxFlavour.I686Pae } from way in _ways select Measure(flavour, way, runs)];
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"One fork+exec of busybox under Debian's kernel (mean of {Forks}; the time: median of {runs} runs)"));
        Line("", row => row.Kernel);
        Line("", row => row.Way);
        Line("page faults to the host", row => Number(row.Faults));
        Line("  which mapped a page", row => Number(row.Mapped));
        Line("  which were the guest's own", row => Number(row.Own));
        Line("  which were stores to tables", row => Number(row.Stores));
        Line("exits", row => Number(row.Exits));
        Line("  loads of CR3", row => Number(row.Loads));
        Line("  INVLPG", row => Number(row.Invalidations));
        Line("shadow tables made", row => Number(row.Tables));
        Line("walks of tables", row => Number(row.Walks));
        Line("thousand instructions", row => Number(row.Instructions / 1000));
        Line("microseconds", row => Number(row.Microseconds));

        void Line(string name, Func<Row, string> cell) => output.WriteLine(name.PadRight(30) + string.Concat(rows.Select(row => cell(row).PadLeft(10))));
    }

    private static Row Measure(LinuxFlavour flavour, (string Name, Func<MachineOptions, MachineOptions> Choose) way, int runs)
    {
        Row[] all = [.. Enumerable.Range(0, runs).Select(_ => MeasureOnce(flavour, way))];
        return all[0] with { Microseconds = Report.Median(all.Select(row => row.Microseconds)) };
    }

    private static Row MeasureOnce(LinuxFlavour flavour, (string Name, Func<MachineOptions, MachineOptions> Choose) way)
    {
        string name = Guest.NameOf(flavour);
        Console.Error.WriteLine($"{name}: {way.Name}");
        LinuxSystem system = LinuxSystem.Fetch(flavour, new PackageFetcherOptions { CacheFolder = PackageFetcherOptions.DefaultCacheFolder() });
        string script = $$"""
            forks() { i=0; while [ $i -lt $1 ]; do /bin/busybox true; i=$((i + 1)); done; }
            forks {{WarmUp}}
            echo {{Marker}} begin
            forks {{Forks}}
            echo {{Marker}} end

            """;
        LinuxGuest guest = new() { Script = Encoding.ASCII.GetBytes(script), IsQuiet = true };
        using global::Gnomon.Machine machine = global::Gnomon.Machine.Create(way.Choose(system.Machine(guest)));
        RunUntil(machine, $"{Marker} begin");
        MachineStatistics before = machine.Statistics;
        long start = Stopwatch.GetTimestamp();
        RunUntil(machine, $"{Marker} end");
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        MachineStatistics after = machine.Statistics;
        return new Row(
            name,
            way.Name,
            Mean(after.PageFaults - before.PageFaults),
            Mean(after["fixed"] - before["fixed"]),
            Mean(after["guest-faults"] - before["guest-faults"]),
            Mean(after["watched-faults"] - before["watched-faults"]),
            Mean(after.Exits - before.Exits),
            Mean(after["loads"] - before["loads"]),
            Mean(after["page-invalidations"] - before["page-invalidations"]),
            Mean(after["tables-made"] - before["tables-made"]),
            Mean(after.Walks - before.Walks),
            Mean((long)(after.Instructions - before.Instructions)),
            took.TotalMicroseconds / Forks);
    }

    private static void RunUntil(global::Gnomon.Machine machine, string text)
    {
        RunStop stop = machine.Run(new RunLimits { Text = text, Timeout = TimeSpan.FromMinutes(5) });
        if (stop != RunStop.Text)
        {
            throw new BenchException($"The guest did not say \"{text}\": {stop} {machine.End}");
        }
    }

    private static double Mean(long sum) => (double)sum / Forks;

    private static string Number(double value) => value.ToString(value < 100 ? "F1" : "F0", CultureInfo.InvariantCulture);

    private sealed record Row(
        string Kernel, string Way, double Faults, double Mapped, double Own, double Stores, double Exits, double Loads,
        double Invalidations, double Tables, double Walks, double Instructions, double Microseconds);
}
