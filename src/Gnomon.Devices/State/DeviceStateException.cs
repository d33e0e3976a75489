namespace Gnomon.Devices;

/// <summary>Saved state that cannot be loaded: truncated, foreign, of a newer version, or of another machine. The message says which.</summary>
public sealed class DeviceStateException : Exception
{
    /// <summary>With a message.</summary>
    public DeviceStateException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and its cause.</summary>
    public DeviceStateException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Without a message.</summary>
    public DeviceStateException()
    {
    }
}
