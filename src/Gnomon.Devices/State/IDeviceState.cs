namespace Gnomon.Devices;

/// <summary>
/// A device that can save its state and load it into another one that was built in the same way. A machine that goes on from a
/// loaded state does what the saved one did. Guest memory, the clock and interrupt controllers are saved by their own owners.
/// </summary>
public interface IDeviceState
{
    /// <summary>Writes the state as one or more sections.</summary>
    void Save(StateWriter writer);

    /// <summary>Reads what <see cref="Save"/> wrote. It drives no interrupt line.</summary>
    /// <exception cref="DeviceStateException">The data is damaged or belongs to another device. The device must not be used then, but may be loaded again.</exception>
    void Load(StateReader reader);
}
