using System.Globalization;
using Gnomon.Memory;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Presentation;

/// <summary>A range of the page tables as text: the guest's, the shadows', and where they differ.</summary>
internal static class PageTableText
{
    private const int RangeWidth = 21;

    /// <summary>Writes the three parts.</summary>
    public static void Write(CliConsole console, IShadowMmu mmu, int cpu, AddressRange range)
    {
        PageTableView view = new(mmu, cpu, range.First, range.Last);
        TextWriter output = console.Output;
        string where = mmu.Cpu(cpu).IsLinear ? "linear mode" : $"directory {mmu.Cpu(cpu).Directory}";
        output.WriteLine(console.Bold($"{Range(range.First, range.Last).Trim()}, virtual CPU {cpu}, {where}"));
        output.WriteLine("guest tables:");
        WriteRuns(output, view.Guest());
        output.WriteLine("shadow tables:");
        WriteRuns(output, view.Shadow());
        output.WriteLine("differences:");
        bool any = false;
        foreach (DifferenceRun run in view.Differences())
        {
            any = true;
            output.WriteLine($"  {Range(run.Start, run.Last)}  {Pages(run.Pages)}  {Explain(run)}");
        }

        WriteNone(output, any);
    }

    private static void WriteRuns(TextWriter output, IEnumerable<PageRun> runs)
    {
        bool any = false;
        foreach (PageRun run in runs)
        {
            any = true;
            string target = run.First.IsSwitcher
                ? "switcher".PadRight(RangeWidth)
                : Range(run.First.Page.Address.Value, run.First.Page.Address.Value + ((ulong)run.Pages * PageSize.Bytes) - 1);
            output.WriteLine($"  {Range(run.First.Address, run.Last)}  {target}  {run.First.Rights()}  {Pages(run.Pages).TrimEnd()}");
        }

        WriteNone(output, any);
    }

    private static void WriteNone(TextWriter output, bool any)
    {
        if (!any)
        {
            output.WriteLine("  none");
        }
    }

    private static string Explain(DifferenceRun run) => run.Kind switch
    {
        PageDifference.NotFilled => $"guest only: {Target(run.Guest)}, not filled yet",
        PageDifference.Stale => $"shadow only: {Target(run.Shadow)}, gone from the guest's tables",
        PageDifference.OtherPage => $"guest {Target(run.Guest)}, shadow {Target(run.Shadow)}",
        PageDifference.FewerRights => $"guest {run.Guest.Rights()}, shadow {run.Shadow.Rights()}: the next access of that kind faults",
        _ => $"guest {run.Guest.Rights()}, shadow {run.Shadow.Rights()}: the guest has taken rights away without saying so",
    };

    private static string Target(ShadowLeaf leaf) => $"{leaf.Page.Address} {leaf.Rights()}";

    private static string Pages(uint pages) => string.Create(CultureInfo.InvariantCulture, $"{pages} {(pages == 1 ? "page" : "pages")}").PadRight(12);

    private static string Range(Gva first, Gva last) => Range(first.Value, last.Value);

    private static string Range(ulong first, ulong last) =>
        string.Create(CultureInfo.InvariantCulture, $"0x{first:x}-0x{last:x}").PadRight(RangeWidth);
}
