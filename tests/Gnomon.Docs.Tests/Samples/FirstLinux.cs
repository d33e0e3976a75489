using Gnomon.Linux;

namespace Gnomon.Docs.Tests.Samples;

/// <summary>The README's sample: a stock Linux in the process. It needs Debian's archive, or the cache.</summary>
internal static class FirstLinux
{
    public static void Run(TextWriter output)
    {
        // sample
        LinuxSystem system = LinuxSystem.Fetch(LinuxFlavour.I686Pae);      // Debian's newest kernel, through apt; then from the cache
        using LinuxShell shell = LinuxShell.Boot(system);                  // some seconds
        ShellResult result = shell.Run("uname -r; ls -d /proc/1; false");
        output.Write(result.Output);
        output.WriteLine($"status {result.Status}");
        output.WriteLine(shell.Machine.PageTables.Audit() ?? "every invariant of the shadow tables holds");
        // end of sample
    }
}
