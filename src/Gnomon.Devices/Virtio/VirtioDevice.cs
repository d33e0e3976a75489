namespace Gnomon.Devices;

/// <summary>
/// What is behind a virtio transport: the device's features, its own configuration, and what it does with requests. It becomes part
/// of a machine by a <see cref="VirtioPciFunction"/>. All members are to be called as <see cref="DeviceMemory"/> says.
/// </summary>
public abstract class VirtioDevice
{
    private VirtioTransport? _transport;

    private protected VirtioDevice(ushort type, string name, uint pciClass, int queueCount, int configLength)
    {
        Type = type;
        Name = name;
        PciClass = pciClass;
        QueueCount = queueCount;
        ConfigLength = configLength;
    }

    /// <summary>The type of device (virtio 1.0, 5): 1 net, 2 block, 3 console, 4 entropy.</summary>
    public ushort Type { get; }

    /// <summary>The device's name in notes and saved states.</summary>
    public string Name { get; }

    internal uint PciClass { get; }

    internal int QueueCount { get; }

    internal int ConfigLength { get; }

    /// <summary>The features of this device alone, without those of the transport.</summary>
    internal abstract ulong Features { get; }

    private protected VirtioTransport? Transport => _transport;

    internal void Attach(VirtioTransport transport)
    {
        if (_transport is not null)
        {
            throw new InvalidOperationException($"The {Name} is part of a machine already.");
        }

        _transport = transport;
        Attached(transport);
    }

    /// <summary>Fills <paramref name="config"/> (<see cref="ConfigLength"/> bytes, zero when they arrive) with the device's configuration.</summary>
    internal abstract void ReadConfig(Span<byte> config);

    /// <summary>The guest writes into the device's configuration. Allowed at any time, even before the driver starts.</summary>
    internal virtual void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
    }

    /// <summary>Serves one request of a queue.</summary>
    /// <param name="queue">Which queue.</param>
    /// <param name="cost">How many bytes were moved.</param>
    /// <returns>False when there is nothing to do for it.</returns>
    internal abstract bool Serve(int queue, out long cost);

    /// <summary>The driver resets the device: whatever is in flight is forgotten.</summary>
    internal virtual void Reset()
    {
    }

    internal abstract void Save(StateWriter writer);

    internal abstract void Load(StateReader reader);

    private protected virtual void Attached(VirtioTransport transport)
    {
    }
}
