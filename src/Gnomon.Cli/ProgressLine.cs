using System.Diagnostics;
using System.Globalization;

namespace Gnomon.Cli;

/// <summary>How far long work has come: one line on standard error, only when that is a terminal and output goes elsewhere.</summary>
internal sealed class ProgressLine : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);

    private readonly CliConsole _console;
    private readonly string _what;
    private readonly long _total;
    private readonly bool _enabled;
    private long _done;
    private long _shownAt = Stopwatch.GetTimestamp();
    private bool _shown;

    /// <summary>Begins; nothing is shown in the first second.</summary>
    public ProgressLine(CliConsole console, string what, long total)
    {
        (_console, _what, _total) = (console, what, total);
        _enabled = console.ErrorIsTerminal && !console.OutputIsTerminal;
    }

    /// <summary>One step is done.</summary>
    public void Advance(string? detail = null)
    {
        _done++;
        if (!_enabled || Stopwatch.GetElapsedTime(_shownAt) < _patience)
        {
            return;
        }

        _shownAt = Stopwatch.GetTimestamp();
        _shown = true;
        _console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r\e[K{_what}: {100 * _done / Math.Max(1, _total)} % {detail}"));
    }

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (_shown)
        {
            _console.Error.Write("\r\e[K");
            _shown = false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();
}
