using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gnomon.Cli.Terminal;

/// <summary>
/// Standard input's terminal in raw mode: each key arrives at once and as it is, Ctrl-C too, and nothing is echoed. Line ends of output
/// are still translated. What was before is put back by <see cref="Dispose"/>, and at the end of the process at the latest.
/// </summary>
internal sealed class RawTerminal : IDisposable
{
    private const int StandardInput = 0;
    private const int Now = 0;

    // The largest structure of any system that we know has 72 bytes.
    private const int Bytes = 256;

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
        byte[] before = new byte[Bytes];
        if (OperatingSystem.IsWindows() || GetAttributes(StandardInput, before) != 0)
        {
            return null;
        }

        byte[] raw = [.. before];
        MakeRaw(raw);
        int output = OperatingSystem.IsMacOS() || OperatingSystem.IsFreeBSD() ? sizeof(ulong) : sizeof(uint);
        raw[output] |= (byte)(before[output] & ProcessOutput);
        RawTerminal terminal = new(before);
        if (SetAttributes(StandardInput, Now, raw) == 0)
        {
            return terminal;
        }

        terminal.Dispose();
        return null;
    }

    /// <summary>Standard input as the terminal gives it. <see cref="Console.OpenStandardInput()"/> does not: where it is a terminal .NET edits lines,
    /// and echoes what is typed.</summary>
    public static Stream OpenInput() => new FileStream(new SafeFileHandle(StandardInput, ownsHandle: false), FileAccess.Read, bufferSize: 0);

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
            _ = SetAttributes(StandardInput, Now, _before);
        }
    }

    [DllImport("libc", EntryPoint = "tcgetattr")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetAttributes(int file, byte[] attributes);

    [DllImport("libc", EntryPoint = "tcsetattr")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetAttributes(int file, int when, byte[] attributes);

    [DllImport("libc", EntryPoint = "cfmakeraw")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void MakeRaw(byte[] attributes);
}
