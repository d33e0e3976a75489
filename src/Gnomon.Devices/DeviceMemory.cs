using Gnomon.Memory;

namespace Gnomon.Devices;

/// <summary>
/// Guest memory as devices reach it (DMA): by copies through <see cref="GuestMemory"/>'s one door, never by a host pointer kept.
/// The caller of any device, bus or scheduler holds <see cref="GuestMemory.Gate"/>: devices do not take it themselves, so that one
/// access of the guest and all that it sets going is one step for everybody else.
/// </summary>
/// <param name="memory">The guest's memory.</param>
/// <param name="observer">Hears of each write, so that decoded code can be dropped; null for nobody.</param>
public sealed class DeviceMemory(GuestMemory memory, IDmaObserver? observer = null)
{
    /// <summary>Whether all the bytes have addresses below the end of memory. Compared at full width. No bytes lie everywhere.</summary>
    public bool Contains(ulong address, ulong length)
    {
        ulong end = (ulong)memory.PageCount << PageSize.Shift;
        return length == 0 || (address < end && length <= end - address);
    }

    /// <summary>Reads.</summary>
    /// <returns><see cref="PageStatus.Ok"/>, or what stopped it.</returns>
    public PageStatus Read(ulong address, Span<byte> data) =>
        Contains(address, (ulong)data.Length) ? memory.Read(new Gpa(address), data) : PageStatus.OutsideMemory;

    /// <summary>Writes; nothing when any byte lies outside memory.</summary>
    /// <returns><see cref="PageStatus.Ok"/>, or what stopped it; pages before a hole or a read-only page are written then.</returns>
    public PageStatus Write(ulong address, ReadOnlySpan<byte> data)
    {
        if (!Contains(address, (ulong)data.Length))
        {
            return PageStatus.OutsideMemory;
        }

        PageStatus status = memory.Write(new Gpa(address), data);
        if (data.Length > 0)
        {
            observer?.Written(new Gpa(address), data.Length);
        }

        return status;
    }
}

/// <summary>Hears of the bytes that devices write into guest memory.</summary>
public interface IDmaObserver
{
    /// <summary>Bytes may have changed. Called after the write, with the guest's lock held.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Bytes, at least 1; may cross pages.</param>
    void Written(Gpa address, int length);
}
