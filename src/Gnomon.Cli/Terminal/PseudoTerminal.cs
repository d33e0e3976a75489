using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gnomon.Cli.Terminal;

/// <summary>
/// A terminal that another program (screen, minicom, cat) may open by its name: what the guest prints comes out there, and what is typed
/// there goes in. Nobody needs to have opened it: what is printed meanwhile is kept, up to a limit.
/// </summary>
internal sealed class PseudoTerminal : IDisposable
{
    private const int ReadAndWrite = 2;

    private readonly FileStream _ours;
    private readonly FileStream _theirs;

    private PseudoTerminal(SafeFileHandle ours, string name)
    {
        Name = name;
        _ours = new FileStream(ours, FileAccess.ReadWrite, bufferSize: 0);

        // As long as we have the other end open too, reading ours waits for keys, instead of failing whenever nobody is there.
        _theirs = new FileStream(name, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        Output = new PatientStream(_ours);
    }

    /// <summary>What others open: /dev/pts/3, say.</summary>
    public string Name { get; }

    /// <summary>What is typed at the other end.</summary>
    public Stream Input => _ours;

    /// <summary>What is shown at the other end.</summary>
    public PatientStream Output { get; }

    /// <summary>Makes one.</summary>
    /// <exception cref="CliError">This system has none.</exception>
    public static PseudoTerminal Open()
    {
        if (OperatingSystem.IsWindows())
        {
            throw new CliError(ExitStatus.InputOutput, "--console pty needs a system with pseudo-terminals, which Windows has not; use --console FILE");
        }

        int number = OpenNew(ReadAndWrite | (OperatingSystem.IsLinux() ? 0x100 : 0x20000)); // O_NOCTTY: it must not become ours
        if (number < 0)
        {
            throw Failed();
        }

        SafeFileHandle ours = new(number, ownsHandle: true);
        if (Grant(number) != 0 || Unlock(number) != 0 || Marshal.PtrToStringUTF8(NameOf(number)) is not { } name || Termios.Of(number) is not { } attributes)
        {
            ours.Dispose();
            throw Failed();
        }

        // The guest has its own line editing and echo.
        Termios.MakeRaw(attributes);
        _ = Termios.TrySet(number, attributes);
        try
        {
            return new PseudoTerminal(ours, name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            ours.Dispose();
            throw Failed();
        }
    }

    /// <summary>Takes it away; who has it open sees its end.</summary>
    public void Dispose()
    {
        Output.Dispose();
        _theirs.Dispose();
        _ours.Dispose();
    }

    private static CliError Failed() =>
        new(ExitStatus.InputOutput, "no pseudo-terminal can be had for --console pty (is /dev/pts mounted?); use --console FILE");

    [DllImport("libc", EntryPoint = "posix_openpt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int OpenNew(int flags);

    [DllImport("libc", EntryPoint = "grantpt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Grant(int file);

    [DllImport("libc", EntryPoint = "unlockpt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Unlock(int file);

    [DllImport("libc", EntryPoint = "ptsname")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint NameOf(int file);
}
