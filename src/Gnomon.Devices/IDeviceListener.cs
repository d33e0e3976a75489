namespace Gnomon.Devices;

/// <summary>Hears what the owner of the machine should know and the guest cannot tell him. Called on the thread that runs the device.</summary>
public interface IDeviceListener
{
    /// <summary>The host failed a device: a file that cannot be read, no memory left. The guest got an error too, where its interface has one.</summary>
    /// <param name="device">The device's name.</param>
    /// <param name="message">What failed, and why.</param>
    void HostFailed(string device, string message);

    /// <summary>The guest broke the rules of a device, which now waits to be reset.</summary>
    /// <param name="device">The device's name.</param>
    /// <param name="message">Which rule.</param>
    void GuestBrokeRules(string device, string message);
}
