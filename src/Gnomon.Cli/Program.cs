using System.Runtime.InteropServices;
using Gnomon.Cli;

using CancellationTokenSource interrupt = new();
using CliConsole console = CliConsole.ForProcess(interrupt.Token);
using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
{
    // The first asks for a clean end. What hangs in a read that cannot be interrupted is given a moment; a second press ends at once.
    signal.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
    Task.Delay(TimeSpan.FromSeconds(1)).ContinueWith(_ => Environment.Exit(ExitStatus.Interrupted), TaskScheduler.Default);
});
return CliRunner.Run(args, console);
