namespace Gnomon.Cli.Terminal;

/// <summary>A terminal's second screen, without a cursor. The first one comes back with <see cref="Dispose"/>, and at the end of the process
/// at the latest.</summary>
internal sealed class AlternateScreen : IDisposable
{
    private readonly TextWriter _output;
    private readonly EventHandler _atExit;
    private int _left;

    /// <summary>Goes there.</summary>
    public AlternateScreen(TextWriter output)
    {
        _output = output;
        _atExit = (_, _) => Leave();
        AppDomain.CurrentDomain.ProcessExit += _atExit;
        _output.Write("\e[?1049h\e[?25l\e[2J");
        _output.Flush();
    }

    /// <summary>Comes back.</summary>
    public void Dispose()
    {
        Leave();
        AppDomain.CurrentDomain.ProcessExit -= _atExit;
    }

    private void Leave()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            try
            {
                _output.Write("\e[?2026l\e[0m\e[2J\e[?25h\e[?1049l");
                _output.Flush();
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                // There is no terminal any more.
            }
        }
    }
}
