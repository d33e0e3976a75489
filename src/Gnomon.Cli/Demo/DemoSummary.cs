using System.Globalization;

namespace Gnomon.Cli.Demo;

/// <summary>What a run of the demo has shown, in sentences.</summary>
internal static class DemoSummary
{
    /// <summary>Writes it.</summary>
    public static void Write(CliConsole console, Machine machine)
    {
        MachineStatistics s = machine.Statistics;
        TextWriter output = console.Output;
        string reason = machine.End is not { } end ? "stopped before its end"
            : end.Reason == MachineEndReason.Shutdown ? $"it shut down: \"{end.Text}\""
            : $"{end.Reason}: {end.Text}";
        output.WriteLine(console.Bold("What happened"));
        Line(output, $"  The guest ran {s.Instructions} instructions, {s.Time.TotalMilliseconds:0.0} ms of its own time, and {reason}.");
        Line(output, $"  {s["faults"]} page faults came to the shadow tables: {s["fixed"]} filled them, {s["guest-faults"]} were the guest's own, {s["device-faults"]} were devices.");
        Line(output, $"  {s["loads"]} times it loaded a page table; {s["loads-known"]} times the shadow root was still there.");
        Line(output, $"  {s["tables-made"]} shadow tables were made, {s["tables-peak"]} at most at once; {s["tables-shared"]} were found and shared instead.");
        Line(output, $"  {s["user-flushes"] + s["full-flushes"]} flushes kept {s["entries-kept"]} entries that were still true, and dropped {s["entries-dropped"]}.");
        Line(output, $"  {s["updates"]} changes it announced; {s["leaves-converted"]} entries were made or changed from them, without a fault.");
        string broken = machine.PageTables.Audit() is { } text ? $"BROKEN: {text}" : "hold";
        Line(output, $"  The invariants of the shadow tables {broken}.");
        output.WriteLine();
        output.WriteLine(console.Faint("Next: gnomon demo --classic (as lguest was), gnomon run --help, docs/journey"));
    }

    private static void Line(TextWriter output, FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
