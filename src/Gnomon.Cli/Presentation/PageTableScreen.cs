using System.Globalization;
using Gnomon.Memory;
using Gnomon.Traces;

namespace Gnomon.Cli.Presentation;

/// <summary>A guest's page tables on one screen: the shadows, and how much of the guest's own they cover.</summary>
internal static class PageTableScreen
{
    private const int Rows = 18;

    /// <summary>Writes it.</summary>
    public static void Write(TextWriter output, Machine machine)
    {
        MachinePageTables tables = machine.PageTables;
        if (tables.IsLinear)
        {
            output.WriteLine("linear mode: the guest has no page tables yet");
            return;
        }

        IReadOnlyList<PageRun> shadow = tables.Shadow();
        long guest = tables.Guest().Sum(run => run.Pages);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{tables.Format} tables, directory {tables.Directory}: the guest maps {guest} pages, its shadows {shadow.Where(run => !run.First.IsSwitcher).Sum(run => run.Pages)}"));
        foreach (PageRun run in shadow.Take(Rows))
        {
            string target = run.First.IsSwitcher ? "switcher" : Range(run.First.Page.Address.Value, run.Pages);
            output.WriteLine($"  {Range(run.First.Address.Value, run.Pages),-23} {target,-23} {run.First.Rights()}  {run.Pages} {(run.Pages == 1 ? "page" : "pages")}");
        }

        if (shadow.Count > Rows)
        {
            output.WriteLine($"  … and {shadow.Count - Rows} more ranges");
        }
    }

    private static string Range(ulong first, uint pages) =>
        string.Create(CultureInfo.InvariantCulture, $"0x{first:x8}-0x{first + ((ulong)pages * PageSize.Bytes) - 1:x8}");
}
