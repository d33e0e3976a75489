using Gnomon.Memory;

namespace Gnomon.Devices;

/// <summary>
/// The buffers of one request: first those that the device reads, then those that it writes, each kind seen as one run of bytes.
/// Reused for every request of a device; addresses are checked when buffers are added and again, page by page, when they are used.
/// </summary>
internal sealed class DescriptorChain(DeviceMemory memory)
{
    private readonly (ulong Address, uint Length)[] _segments = new (ulong, uint)[Virtqueue.MaxSize];
    private int _count;
    private int _readableCount;

    /// <summary>The first descriptor's index: names the request in the used ring.</summary>
    public ushort Head { get; private set; }

    /// <summary>Bytes that the device may read.</summary>
    public uint Readable { get; private set; }

    /// <summary>Bytes that the device may write.</summary>
    public uint Writable { get; private set; }

    /// <summary>How many buffers there are.</summary>
    public int Count => _count;

    public void Clear(ushort head)
    {
        Head = head;
        _count = 0;
        _readableCount = 0;
        Readable = 0;
        Writable = 0;
    }

    public VirtqueueError Add(ulong address, uint length, bool writable)
    {
        if (_count == _segments.Length)
        {
            return VirtqueueError.ChainTooLong;
        }

        if (!writable && _readableCount != _count)
        {
            return VirtqueueError.ReadableAfterWritable;
        }

        // A chain has at most 2^32 bytes (virtio 1.0, 2.4.4); one less keeps the sums in 32 bits.
        if ((ulong)Readable + Writable + length > uint.MaxValue)
        {
            return VirtqueueError.ChainTooLarge;
        }

        if (!memory.Contains(address, length))
        {
            return VirtqueueError.BufferOutsideMemory;
        }

        _segments[_count++] = (address, length);
        if (writable)
        {
            Writable += length;
        }
        else
        {
            _readableCount = _count;
            Readable += length;
        }

        return VirtqueueError.None;
    }

    /// <summary>Reads from the readable bytes. The range must lie inside them.</summary>
    public VirtqueueError Read(uint offset, Span<byte> data)
    {
        for (int i = 0; i < _readableCount && data.Length > 0; i++)
        {
            (ulong address, uint length) = _segments[i];
            if (offset >= length)
            {
                offset -= length;
                continue;
            }

            int part = (int)Math.Min((uint)data.Length, length - offset);
            VirtqueueError error = ErrorOf(memory.Read(address + offset, data[..part]));
            if (error != VirtqueueError.None)
            {
                return error;
            }

            data = data[part..];
            offset = 0;
        }

        return data.Length == 0 ? VirtqueueError.None : VirtqueueError.RequestTooShort;
    }

    /// <summary>Writes into the writable bytes. The range must lie inside them.</summary>
    public VirtqueueError Write(uint offset, ReadOnlySpan<byte> data)
    {
        for (int i = _readableCount; i < _count && data.Length > 0; i++)
        {
            (ulong address, uint length) = _segments[i];
            if (offset >= length)
            {
                offset -= length;
                continue;
            }

            int part = (int)Math.Min((uint)data.Length, length - offset);
            VirtqueueError error = ErrorOf(memory.Write(address + offset, data[..part]));
            if (error != VirtqueueError.None)
            {
                return error;
            }

            data = data[part..];
            offset = 0;
        }

        return data.Length == 0 ? VirtqueueError.None : VirtqueueError.RequestTooShort;
    }

    private static VirtqueueError ErrorOf(PageStatus status) => status switch
    {
        PageStatus.Ok => VirtqueueError.None,
        PageStatus.OutOfMemory or PageStatus.StoreFailed => VirtqueueError.HostMemory,
        _ => VirtqueueError.BufferInaccessible,
    };
}
