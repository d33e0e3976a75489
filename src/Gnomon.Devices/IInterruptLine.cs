namespace Gnomon.Devices;

/// <summary>
/// One level-triggered input of an interrupt controller. A device calls <see cref="Raise"/> when its line goes up and
/// <see cref="Lower"/> when it goes down, never twice in a row. The controller keeps the level in its own saved state:
/// a device that loads its state does not drive the line.
/// </summary>
public interface IInterruptLine
{
    /// <summary>The line goes up: the device wants service.</summary>
    void Raise();

    /// <summary>The line goes down: the guest has acknowledged.</summary>
    void Lower();
}
