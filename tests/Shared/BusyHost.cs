using System.Diagnostics;

namespace Gnomon.Testing;

/// <summary>A host that has other things to do: a thread of this process that computes and collects garbage, and a process that computes.</summary>
internal sealed class BusyHost : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly Thread _thread;
    private readonly Process? _process;

    public BusyHost()
    {
        _process = OperatingSystem.IsWindows() ? null : Process.Start("/bin/sh", ["-c", "while :; do :; done"]);
        _thread = new Thread(() =>
        {
            while (!_over.IsCancellationRequested)
            {
                Thread.SpinWait(1000);
                GC.Collect(0);
            }
        });
        _thread.Start();
    }

    public void Dispose()
    {
        _over.Cancel();
        _process?.Kill();
        _process?.Dispose();
        _thread.Join();
        _over.Dispose();
    }
}
