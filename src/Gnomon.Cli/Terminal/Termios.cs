using System.Runtime.InteropServices;

namespace Gnomon.Cli.Terminal;

/// <summary>A terminal's attributes as the C library has them: bytes whose layout is the system's own.</summary>
internal static class Termios
{
    // The largest structure of any system that we know has 72 bytes.
    private const int Bytes = 256;

    // TCSANOW.
    private const int Now = 0;

    /// <summary>The attributes of a terminal.</summary>
    /// <returns>Null where the file is none.</returns>
    public static byte[]? Of(int file)
    {
        byte[] attributes = new byte[Bytes];
        return GetAttributes(file, attributes) == 0 ? attributes : null;
    }

    /// <summary>Gives a terminal these attributes at once.</summary>
    /// <returns>Whether it took them.</returns>
    public static bool TrySet(int file, byte[] attributes) => SetAttributes(file, Now, attributes) == 0;

    /// <summary>Changes attributes to raw mode: bytes pass as they are, and nothing is echoed.</summary>
    [DllImport("libc", EntryPoint = "cfmakeraw")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern void MakeRaw(byte[] attributes);

    [DllImport("libc", EntryPoint = "tcgetattr")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetAttributes(int file, byte[] attributes);

    [DllImport("libc", EntryPoint = "tcsetattr")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetAttributes(int file, int when, byte[] attributes);
}
