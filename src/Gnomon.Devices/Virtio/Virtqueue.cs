using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Devices;

//  The split virtqueue (virtio 1.0, 2.4), N = Size
//
//  descriptor table   N × { address 8, length 4, flags 2, next 2 }
//  available ring     flags 2, index 2, N × head 2
//  used ring          flags 2, index 2, N × { head 4, written 4 }

/// <summary>
/// One queue as the device uses it. Everything in it is the guest's word and is checked: a broken ring is a returned error. What one
/// request costs is bounded: at most <see cref="MaxSize"/> buffers and twice as many descriptors.
/// </summary>
internal sealed class Virtqueue(DeviceMemory memory)
{
    /// <summary>The size that a queue has until the driver makes it smaller.</summary>
    public const int MaxSize = 256;

    private const int DescriptorBytes = 16;
    private const ushort FlagNext = 1;
    private const ushort FlagWrite = 2;
    private const ushort FlagIndirect = 4;
    private const ushort AvailableNoInterrupt = 1;

    private ushort _nextAvailable;
    private ushort _nextUsed;

    public ushort Size { get; set; } = MaxSize;

    public bool IsEnabled { get; private set; }

    public ulong DescriptorTable { get; set; }

    public ulong AvailableRing { get; set; }

    public ulong UsedRing { get; set; }

    public void Reset()
    {
        Size = MaxSize;
        IsEnabled = false;
        DescriptorTable = 0;
        AvailableRing = 0;
        UsedRing = 0;
        _nextAvailable = 0;
        _nextUsed = 0;
    }

    /// <summary>Switches the queue on, if its rings can be used.</summary>
    public VirtqueueError Enable()
    {
        VirtqueueError error = CheckRings();
        IsEnabled = error == VirtqueueError.None;
        return error;
    }

    /// <summary>Takes the next request.</summary>
    /// <param name="chain">Gets its buffers.</param>
    /// <param name="indirect">Whether indirect tables were negotiated.</param>
    /// <param name="found">Whether there was one.</param>
    public VirtqueueError TryTake(DescriptorChain chain, bool indirect, out bool found)
    {
        found = false;
        if (!IsEnabled)
        {
            return VirtqueueError.None;
        }

        VirtqueueError error = Read16(AvailableRing + 2, out ushort index);
        if (error != VirtqueueError.None)
        {
            return error;
        }

        ushort waiting = (ushort)(index - _nextAvailable);
        if (waiting == 0)
        {
            return VirtqueueError.None;
        }

        if (waiting > Size)
        {
            return VirtqueueError.AvailableIndexTooFar;
        }

        error = Read16(AvailableRing + 4 + (2ul * (uint)(_nextAvailable & (Size - 1))), out ushort head);
        if (error == VirtqueueError.None)
        {
            error = head < Size ? Follow(chain, head, indirect) : VirtqueueError.HeadOutOfRange;
        }

        if (error == VirtqueueError.None)
        {
            _nextAvailable++;
            found = true;
        }

        return error;
    }

    /// <summary>Gives a request back.</summary>
    /// <param name="head">Its first descriptor.</param>
    /// <param name="written">How many bytes from the start of its writable buffers were written.</param>
    public VirtqueueError Give(ushort head, uint written)
    {
        Span<byte> element = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(element, head);
        BinaryPrimitives.WriteUInt32LittleEndian(element[4..], written);
        VirtqueueError error = RingError(memory.Write(UsedRing + 4 + (8ul * (uint)(_nextUsed & (Size - 1))), element));
        if (error != VirtqueueError.None)
        {
            return error;
        }

        // The guest may look from another thread: the index must not be seen before the element.
        Interlocked.MemoryBarrier();
        _nextUsed++;
        Span<byte> index = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(index, _nextUsed);
        return RingError(memory.Write(UsedRing + 2, index));
    }

    /// <summary>Whether the driver wants an interrupt for what was given back.</summary>
    public VirtqueueError WantsInterrupt(out bool wanted)
    {
        Interlocked.MemoryBarrier();
        VirtqueueError error = Read16(AvailableRing, out ushort flags);
        wanted = (flags & AvailableNoInterrupt) == 0;
        return error;
    }

    public void Save(StateWriter writer)
    {
        writer.Write(Size);
        writer.Write(IsEnabled);
        writer.Write(DescriptorTable);
        writer.Write(AvailableRing);
        writer.Write(UsedRing);
        writer.Write(_nextAvailable);
        writer.Write(_nextUsed);
    }

    public void Load(StateReader reader)
    {
        Size = reader.ReadUInt16();
        if (!IsSize(Size))
        {
            throw reader.Damaged($"{Size} is no size of a queue");
        }

        IsEnabled = reader.ReadBoolean();
        DescriptorTable = reader.ReadUInt64();
        AvailableRing = reader.ReadUInt64();
        UsedRing = reader.ReadUInt64();
        _nextAvailable = reader.ReadUInt16();
        _nextUsed = reader.ReadUInt16();
        if (IsEnabled && CheckRings() != VirtqueueError.None)
        {
            throw reader.Damaged("the rings of a queue do not lie in this guest's memory");
        }
    }

    /// <summary>Whether a queue can have this size: a power of two up to <see cref="MaxSize"/>.</summary>
    public static bool IsSize(ushort size) => size is > 0 and <= MaxSize && (size & (size - 1)) == 0;

    private VirtqueueError CheckRings() =>
        (DescriptorTable & 15) != 0 || (AvailableRing & 1) != 0 || (UsedRing & 3) != 0 ? VirtqueueError.RingMisaligned
        : memory.Contains(DescriptorTable, (ulong)Size * DescriptorBytes) && memory.Contains(AvailableRing, 4 + (2ul * Size)) && memory.Contains(UsedRing, 4 + (8ul * Size))
            ? VirtqueueError.None
            : VirtqueueError.RingOutsideMemory;

    private VirtqueueError Follow(DescriptorChain chain, ushort head, bool indirect)
    {
        chain.Clear(head);
        ulong table = DescriptorTable;
        uint count = Size;
        uint index = head;
        bool inside = false;
        Span<byte> bytes = stackalloc byte[DescriptorBytes];
        for (uint seen = 0; ; seen++)
        {
            // More links than the table has descriptors: some descriptor came twice.
            if (seen == count)
            {
                return VirtqueueError.DescriptorLoop;
            }

            VirtqueueError error = RingError(memory.Read(table + ((ulong)index * DescriptorBytes), bytes));
            if (error != VirtqueueError.None)
            {
                return error == VirtqueueError.RingOutsideMemory && inside ? VirtqueueError.IndirectOutsideMemory : error;
            }

            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
            if ((flags & FlagIndirect) != 0)
            {
                error = CheckIndirect(address, length, flags, indirect, inside);
                if (error != VirtqueueError.None)
                {
                    return error;
                }

                table = address;
                count = length / DescriptorBytes;
                index = 0;
                inside = true;
                seen = uint.MaxValue; // the loop's increment makes it 0
                continue;
            }

            error = chain.Add(address, length, (flags & FlagWrite) != 0);
            if (error != VirtqueueError.None || (flags & FlagNext) == 0)
            {
                return error;
            }

            index = BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]);
            if (index >= count)
            {
                return VirtqueueError.NextOutOfRange;
            }
        }
    }

    private VirtqueueError CheckIndirect(ulong address, uint length, ushort flags, bool negotiated, bool inside) =>
        !negotiated ? VirtqueueError.IndirectNotNegotiated
        : inside ? VirtqueueError.IndirectInsideIndirect
        : (flags & FlagNext) != 0 ? VirtqueueError.IndirectWithNext
        : length == 0 || length % DescriptorBytes != 0 ? VirtqueueError.IndirectLength
        : memory.Contains(address, length) ? VirtqueueError.None
        : VirtqueueError.IndirectOutsideMemory;

    private VirtqueueError Read16(ulong address, out ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        VirtqueueError error = RingError(memory.Read(address, bytes));
        value = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        return error;
    }

    private static VirtqueueError RingError(PageStatus status) => status switch
    {
        PageStatus.Ok => VirtqueueError.None,
        PageStatus.OutOfMemory or PageStatus.StoreFailed => VirtqueueError.HostMemory,
        _ => VirtqueueError.RingOutsideMemory,
    };
}
