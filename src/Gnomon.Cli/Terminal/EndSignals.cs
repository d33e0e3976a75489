using System.Runtime.InteropServices;

namespace Gnomon.Cli.Terminal;

/// <summary>SIGTERM and SIGHUP end a run cleanly; a second one ends the process at once.</summary>
internal sealed class EndSignals : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile int _status;

    /// <summary>Begins to listen.</summary>
    /// <param name="others">Cancelled by whatever else ends a run.</param>
    public EndSignals(CancellationToken others)
    {
        _source = CancellationTokenSource.CreateLinkedTokenSource(others);
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Heard(signal, ExitStatus.Terminated)));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => Heard(signal, ExitStatus.HungUp)));
    }

    /// <summary>Cancelled when the run must end.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The status of the signal that was heard; 0 for none.</summary>
    public int Status => _status;

    /// <inheritdoc/>
    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _source.Dispose();
    }

    private void Heard(PosixSignalContext signal, int status)
    {
        signal.Cancel = _status == 0;
        _status = status;
        _source.Cancel();
    }
}
