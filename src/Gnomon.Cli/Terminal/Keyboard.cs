using Microsoft.Win32.SafeHandles;

namespace Gnomon.Cli.Terminal;

/// <summary>Standard input as it is.</summary>
internal static class Keyboard
{
    /// <summary>Opens it. The runtime's own stream reads a terminal line by line, with an editor of its own; this one does not.</summary>
    public static Stream Open() => OperatingSystem.IsWindows()
        ? Console.OpenStandardInput()
        : new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);
}
