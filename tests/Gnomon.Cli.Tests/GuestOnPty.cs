using System.Diagnostics;
using System.Text;

namespace Gnomon.Cli.Tests;

/// <summary>A paravirtual guest whose console is a terminal of its own, and that terminal, opened as another program would.</summary>
internal sealed class GuestOnPty : IDisposable
{
    public GuestOnPty(string kernel)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there are no pseudo terminals of this kind");
        Process = GnomonProcess.Start("run", "--paravirt", kernel, "--memory", "4", "--console", "pty");
        string line = Process.StandardError.ReadLine()!;
        Assert.StartsWith("gnomon: the guest's console is /dev/", line, StringComparison.Ordinal);
        Terminal = new FileStream(line.Split(' ')[5].TrimEnd(';'), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
    }

    public Process Process { get; }

    public FileStream Terminal { get; }

    /// <summary>So many bytes of the terminal, as soon as they are there.</summary>
    public string Read(int bytes)
    {
        byte[] buffer = new byte[bytes];
        Terminal.ReadExactly(buffer);
        return Encoding.ASCII.GetString(buffer);
    }

    public void Dispose()
    {
        // Does nothing to one that has ended.
        Process.Kill();
        Process.Dispose();
        Terminal.Dispose();
    }
}
