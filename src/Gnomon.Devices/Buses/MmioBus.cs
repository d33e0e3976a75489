using Gnomon.Memory;

namespace Gnomon.Devices;

/// <summary>
/// The device windows in physical memory. Who runs the guest asks this bus for addresses that are no memory.
/// Windows can move while the guest runs, because a guest may program base addresses; where two overlap meanwhile, the one
/// that was mapped first answers. An access that leaves a window is split at its end.
/// </summary>
public sealed class MmioBus
{
    // A machine has some ten windows: a plain search beats anything clever.
    private MmioWindow[] _windows = [];

    /// <summary>Adds a window.</summary>
    /// <param name="first">Its first address.</param>
    /// <param name="length">Bytes, 1 … 2^30.</param>
    /// <param name="device">Who answers.</param>
    /// <returns>The window, by which it is moved and switched on and off. It is on.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The length is out of range.</exception>
    public MmioWindow Map(Gpa first, int length, IMmioDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, 1 << 30);
        MmioWindow window = new(first, length, device);
        _windows = [.. _windows, window];
        return window;
    }

    /// <summary>Whether a device answers at the address.</summary>
    public bool Covers(Gpa address) => Find(address) is not null;

    /// <summary>Reads.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="data">What is read: ones where no device answers.</param>
    /// <returns>Whether a device answered for the first byte.</returns>
    public bool Read(Gpa address, Span<byte> data)
    {
        data.Fill(0xFF);
        bool answered = Covers(address);
        while (data.Length > 0)
        {
            int length = PartAt(address, data.Length, out MmioWindow? window, out int offset);
            window?.Device.Read(offset, data[..length]);
            data = data[length..];
            address = new Gpa(address.Value + (uint)length);
        }

        return answered;
    }

    /// <summary>Writes. Bytes for which no device answers are ignored.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="data">What is written.</param>
    /// <returns>Whether a device answered for the first byte.</returns>
    public bool Write(Gpa address, ReadOnlySpan<byte> data)
    {
        bool answered = Covers(address);
        while (data.Length > 0)
        {
            int length = PartAt(address, data.Length, out MmioWindow? window, out int offset);
            window?.Device.Write(offset, data[..length]);
            data = data[length..];
            address = new Gpa(address.Value + (uint)length);
        }

        return answered;
    }

    private MmioWindow? Find(Gpa address)
    {
        foreach (MmioWindow window in _windows)
        {
            if (window.Holds(address))
            {
                return window;
            }
        }

        return null;
    }

    // Without a window one byte at a time: the next one may lie in a window.
    private int PartAt(Gpa address, int length, out MmioWindow? window, out int offset)
    {
        window = Find(address);
        offset = window is null ? 0 : (int)(address.Value - window.First.Value);
        return window is null ? 1 : Math.Min(length, window.Length - offset);
    }
}

/// <summary>One window of a <see cref="MmioBus"/>.</summary>
public sealed class MmioWindow
{
    internal MmioWindow(Gpa first, int length, IMmioDevice device)
    {
        First = first;
        Length = length;
        Device = device;
    }

    /// <summary>The first address; may be changed at any time.</summary>
    public Gpa First { get; set; }

    /// <summary>Bytes.</summary>
    public int Length { get; }

    /// <summary>Whether the device answers there.</summary>
    public bool IsEnabled { get; set; } = true;

    internal IMmioDevice Device { get; }

    // Not by the end: First + Length may pass 2^64.
    internal bool Holds(Gpa address) => IsEnabled && address.Value - First.Value < (ulong)Length;
}
