using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>The I/O ports that a guest sees.</summary>
public interface IPortSpace
{
    /// <summary>IN.</summary>
    /// <param name="port">The first port.</param>
    /// <param name="data">1, 2 or 4 bytes; ports that nobody has read as ones.</param>
    void Read(ushort port, Span<byte> data);

    /// <summary>OUT. Ports that nobody has ignore it.</summary>
    /// <param name="port">The first port.</param>
    /// <param name="data">1, 2 or 4 bytes.</param>
    void Write(ushort port, ReadOnlySpan<byte> data);
}

/// <summary>The device windows that a guest sees.</summary>
public interface IMmioSpace
{
    /// <summary>Reads.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="data">1 … 8 bytes; where no device is they read as ones.</param>
    void Read(Gpa address, Span<byte> data);

    /// <summary>Writes.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="data">1 … 8 bytes.</param>
    void Write(Gpa address, ReadOnlySpan<byte> data);
}

/// <summary>What devices will do later. Asked with the guest's lock held.</summary>
public interface IDeviceWork
{
    /// <summary>When the next is due, in nanoseconds of the machine's clock; <see cref="ulong.MaxValue"/> for never.</summary>
    ulong NextDeadline { get; }

    /// <summary>Does what is due now.</summary>
    void RunDue();
}
