using System.Globalization;

namespace Gnomon.Cli.Demo;

/// <summary>What the live view shows, as it lies on the screen.</summary>
internal sealed class DemoScreen(Canvas canvas, string title)
{
    private const int LeastColumns = 60;
    private const int LeastRows = 14;
    private const int NameWidth = 12;
    private const int RateIntervals = 10;

    private readonly History[] _counters =
    [
        new("filled", Ink.Green, s => s["fixed"]),
        new("guest's own", Ink.Yellow, s => s["guest-faults"]),
        new("devices", Ink.Cyan, s => s["device-faults"]),
        new("stores seen", Ink.Cyan, s => s["watched-stores"]),
        new("updates", Ink.Plain, s => s["updates"]),
        new("flushes", Ink.Plain, s => s["user-flushes"] + s["full-flushes"]),
        new("loads", Ink.Plain, s => s["loads"]),
        new("hypercalls", Ink.Faint, s => s.Hypercalls),
        new("interrupts", Ink.Faint, s => s.Interrupts),
    ];

    private readonly Queue<MachineStatistics> _latest = new();

    /// <summary>An interval of the guest's run is over.</summary>
    public void Add(MachineStatistics statistics)
    {
        _latest.Enqueue(statistics);
        if (_latest.Count > RateIntervals)
        {
            _latest.Dequeue();
        }

        foreach (History counter in _counters)
        {
            counter.Add(statistics);
        }
    }

    /// <summary>Draws.</summary>
    /// <param name="columns">The terminal's width.</param>
    /// <param name="rows">Its height.</param>
    /// <param name="now">What was counted.</param>
    /// <param name="census">The shadow tables; null before the guest has any.</param>
    /// <param name="events">Why they came and went.</param>
    /// <param name="console">The guest's output.</param>
    /// <param name="status">What stands in the last line.</param>
    public void Draw(int columns, int rows, MachineStatistics now, ShadowCensus? census, IReadOnlyList<string> events, string console, string status)
    {
        canvas.Clear(columns, rows);
        if (columns < LeastColumns || rows < LeastRows)
        {
            canvas.Put(0, 0, $"gnomon demo needs {LeastColumns} x {LeastRows} characters");
            return;
        }

        canvas.Put(0, 0, $" gnomon demo  {title}".PadRight(columns), Ink.Title);
        string clock = string.Create(CultureInfo.InvariantCulture, $"{History.Short(now.Instructions)} instructions  {now.Time.TotalMilliseconds:0} ms ");
        canvas.Put(0, Math.Max(0, columns - clock.Length), clock, Ink.Title);

        int body = rows - 2;
        int upper = body / 2;
        int right = Math.Max(38, columns * 45 / 100);
        int left = columns - right;
        DrawConsole(1, 0, upper, left, console);
        DrawCounters(1, left, upper, right);
        DrawSpaces(1 + upper, 0, body - upper, left, census);
        DrawTables(1 + upper, left, body - upper, right, now, census, events);
        canvas.Put(rows - 1, 0, status, Ink.Faint);
        string rates = Rates(now);
        if (status.Length + rates.Length < columns)
        {
            canvas.Put(rows - 1, columns - rates.Length, rates, Ink.Faint);
        }
    }

    // Of the guest's time: the demo itself runs as slowly as the eye needs.
    private string Rates(MachineStatistics now)
    {
        if (!_latest.TryPeek(out MachineStatistics? before) || now.Time <= before.Time)
        {
            return "";
        }

        double milliseconds = (now.Time - before.Time).TotalMilliseconds;
        double Rate(string name) => (now[name] - before[name]) / milliseconds;
        return string.Create(CultureInfo.InvariantCulture, $"a guest's ms: {Rate("faults"):0.0} faults, {Rate("updates"):0.0} updates, {Rate("loads"):0.0} loads ");
    }

    private void DrawConsole(int row, int column, int height, int width, string console)
    {
        canvas.Box(row, column, height, width, "the guest's console");
        string[] lines = console.Split('\n');
        int inside = height - 2;
        string[] shown = [.. lines.SkipLast(lines[^1].Length == 0 ? 1 : 0).TakeLast(inside)];
        for (int i = 0; i < shown.Length; i++)
        {
            Ink ink = shown[i].Contains(" ok", StringComparison.Ordinal) ? Ink.Green : Ink.Plain;
            canvas.Put(row + 1 + i, column + 2, shown[i], i == shown.Length - 1 ? Ink.Bold : ink, width - 4);
        }
    }

    private void DrawCounters(int row, int column, int height, int width)
    {
        canvas.Box(row, column, height, width, "page faults and requests");
        for (int i = 0; i < Math.Min(_counters.Length, height - 2); i++)
        {
            History counter = _counters[i];
            canvas.Put(row + 1 + i, column + 2, counter.Name, counter.Ink, NameWidth);
            canvas.Put(row + 1 + i, column + 2 + NameWidth, counter.Short().PadLeft(6), Ink.Bold);
            canvas.Put(row + 1 + i, column + 2 + NameWidth + 7, counter.Spark(width - NameWidth - 11), counter.Ink);
        }
    }

    private void DrawSpaces(int row, int column, int height, int width, ShadowCensus? census)
    {
        canvas.Box(row, column, height, width, $"address spaces kept{(census is null ? "" : $": {census.Spaces.Count}")}");
        if (census is null || census.Spaces.Count == 0)
        {
            canvas.Put(row + 1, column + 2, "none yet: the guest has no page tables", Ink.Faint, width - 4);
            return;
        }

        canvas.Put(row + 1, column + 2, "  directory  tables shared pages loads", Ink.Faint, width - 4);
        for (int i = 0; i < Math.Min(census.Spaces.Count, height - 3); i++)
        {
            SpaceCount space = census.Spaces[i];
            string line = string.Create(
                CultureInfo.InvariantCulture,
                $"{(space.IsCurrent ? '▶' : ' ')} 0x{space.Directory:x8} {space.Leaves,6} {space.Shared,6} {space.Pages,5} {space.Loads,5}");
            canvas.Put(row + 2 + i, column + 2, line, space.IsCurrent ? Ink.Green : Ink.Plain, width - 4);
        }
    }

    private void DrawTables(int row, int column, int height, int width, MachineStatistics now, ShadowCensus? census, IReadOnlyList<string> events)
    {
        canvas.Box(row, column, height, width, $"shadow tables: {now["tables-present"]} (peak {now["tables-peak"]})");
        if (census is null)
        {
            return;
        }

        string middle = census.Levels == 3 ? $"  middle {census.TablesOf(2)}" : "";
        canvas.Put(row + 1, column + 2, $"top {census.TablesOf(census.Levels)}{middle}  leaf {census.TablesOf(1)}, {census.Shared} shared", Ink.Plain, width - 4);
        canvas.Put(row + 2, column + 2, $"made {now["tables-made"]}, shared {now["tables-shared"]}, gone {now["tables-released"]}", Ink.Plain, width - 4);
        int room = height - 4;
        string[] shown = [.. events.TakeLast(room)];
        for (int i = 0; i < shown.Length; i++)
        {
            Ink ink = shown[i].TrimStart()[0] == '+' ? Ink.Green : Ink.Yellow;
            canvas.Put(row + 3 + i, column + 2, shown[i], i == shown.Length - 1 ? Ink.Bold : ink, width - 4);
        }
    }
}
