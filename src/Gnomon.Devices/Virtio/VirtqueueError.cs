namespace Gnomon.Devices;

/// <summary>Which rule of the split virtqueue a driver broke (virtio 1.0, 2.4), or why the device cannot use the ring.</summary>
internal enum VirtqueueError
{
    None,
    RingMisaligned,
    RingOutsideMemory,
    AvailableIndexTooFar,
    HeadOutOfRange,
    NextOutOfRange,
    DescriptorLoop,
    ChainTooLong,
    ChainTooLarge,
    BufferOutsideMemory,
    BufferInaccessible,
    ReadableAfterWritable,
    IndirectNotNegotiated,
    IndirectInsideIndirect,
    IndirectWithNext,
    IndirectLength,
    IndirectOutsideMemory,
    WrongDirection,
    RequestTooShort,
    TooManyInFlight,

    /// <summary>Not the driver's fault: the host has no memory for a page of a ring or a buffer.</summary>
    HostMemory,
}

internal static class VirtqueueErrorText
{
    public static string Text(this VirtqueueError error) => error switch
    {
        VirtqueueError.RingMisaligned => "a ring is not aligned",
        VirtqueueError.RingOutsideMemory => "a ring does not lie in memory that can be used",
        VirtqueueError.AvailableIndexTooFar => "the available index is more than the queue's size ahead",
        VirtqueueError.HeadOutOfRange => "the available ring names a descriptor past the table",
        VirtqueueError.NextOutOfRange => "a descriptor is linked to one past the table",
        VirtqueueError.DescriptorLoop => "descriptors are linked in a loop",
        VirtqueueError.ChainTooLong => "a chain has more buffers than the largest queue has descriptors",
        VirtqueueError.ChainTooLarge => "the buffers of a chain are too large",
        VirtqueueError.BufferOutsideMemory => "a buffer does not lie in memory",
        VirtqueueError.BufferInaccessible => "a buffer lies in memory that cannot be used that way",
        VirtqueueError.ReadableAfterWritable => "a readable buffer follows a writable one",
        VirtqueueError.IndirectNotNegotiated => "an indirect table without the feature",
        VirtqueueError.IndirectInsideIndirect => "an indirect table inside an indirect table",
        VirtqueueError.IndirectWithNext => "an indirect descriptor with a link",
        VirtqueueError.IndirectLength => "the length of an indirect table is not a multiple of 16, or zero",
        VirtqueueError.IndirectOutsideMemory => "an indirect table does not lie in memory that can be used",
        VirtqueueError.WrongDirection => "a buffer has the wrong direction for this queue",
        VirtqueueError.RequestTooShort => "a request is too short",
        VirtqueueError.TooManyInFlight => "more requests are in flight than the queue has descriptors",
        VirtqueueError.HostMemory => "the host has no memory for a page of the guest",
        _ => error.ToString(),
    };
}
