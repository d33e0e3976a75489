namespace Gnomon.Cli.Terminal;

/// <summary>
/// Standard input's terminal in raw mode: each key arrives at once and as it is, Ctrl-C too, and nothing is echoed. Line ends of output
/// are still translated. What was before is put back by <see cref="Dispose"/>, and at the end of the process at the latest.
/// </summary>
internal sealed class RawTerminal : IDisposable
{
    private const int StandardInput = 0;

    // struct termios begins with four words of flags, input, output, control, local: 4 bytes each, on macOS 8. OPOST is 1 in both.
    private const byte ProcessOutput = 1;

    private readonly byte[] _before;
    private readonly EventHandler _atExit;
    private int _restored;

    private RawTerminal(byte[] before)
    {
        _before = before;
        _atExit = (_, _) => Restore();
        AppDomain.CurrentDomain.ProcessExit += _atExit;
    }

    /// <summary>Begins raw mode.</summary>
    /// <returns>Null where there is none: no terminal, or a system that has it in another way.</returns>
    public static RawTerminal? Enter()
    {
        if (OperatingSystem.IsWindows() || Termios.Of(StandardInput) is not { } before)
        {
            return null;
        }

        byte[] raw = [.. before];
        Termios.MakeRaw(raw);
        int output = OperatingSystem.IsMacOS() || OperatingSystem.IsFreeBSD() ? sizeof(ulong) : sizeof(uint);
        raw[output] |= (byte)(before[output] & ProcessOutput);
        RawTerminal terminal = new(before);
        if (Termios.TrySet(StandardInput, raw))
        {
            return terminal;
        }

        terminal.Dispose();
        return null;
    }

    /// <summary>Puts back what was before.</summary>
    public void Dispose()
    {
        Restore();
        AppDomain.CurrentDomain.ProcessExit -= _atExit;
    }

    private void Restore()
    {
        if (Interlocked.Exchange(ref _restored, 1) == 0)
        {
            _ = Termios.TrySet(StandardInput, _before);
        }
    }
}
