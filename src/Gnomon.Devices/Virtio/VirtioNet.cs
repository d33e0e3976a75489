using System.Buffers.Binary;

namespace Gnomon.Devices;

/// <summary>What is at the other end of a network device's wire.</summary>
public interface INetworkBackend
{
    /// <summary>Which work on frames the other end takes over from the guest; fixed.</summary>
    NetworkOffloads Offloads { get; }

    /// <summary>Takes a frame.</summary>
    /// <param name="header">The 12 bytes in front of it (virtio 1.0, 5.1.6), which say what work is left.</param>
    /// <param name="frame">The Ethernet frame, without its check sequence.</param>
    void Transmit(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame);
}

/// <summary>Work that a guest leaves to the other end of its wire (virtio 1.0, 5.1.3). The values are the feature bits.</summary>
[Flags]
public enum NetworkOffloads
{
    /// <summary>None: frames are complete.</summary>
    None = 0,

    /// <summary>The checksum of TCP and UDP.</summary>
    Checksum = 1 << 0,

    /// <summary>Cutting large TCP segments, IPv4.</summary>
    SegmentationTcp4 = 1 << 11,

    /// <summary>Cutting large TCP segments, IPv6.</summary>
    SegmentationTcp6 = 1 << 12,

    /// <summary>Cutting large TCP segments with congestion notification.</summary>
    SegmentationEcn = 1 << 13,
}

/// <summary>The virtio network device (virtio 1.0, 5.1): queue 0 receives, queue 1 transmits.</summary>
public sealed class VirtioNet : VirtioDevice
{
    /// <summary>Bytes in a hardware address.</summary>
    public const int AddressBytes = 6;

    /// <summary>How many received frames wait at most for the guest to make buffers for them.</summary>
    public const int ReceiveLimit = 256;

    /// <summary>The longest frame, in both directions.</summary>
    public const int FrameLimit = 1 << 16;

    private const ulong AddressFeature = 1 << 5;
    private const int HeaderBytes = 12;
    private const int BufferCountAt = 10;
    private const int ReceiveQueue = 0;

    private readonly byte[] _address;
    private readonly INetworkBackend? _backend;
    private readonly Queue<byte[]> _received = new();
    private readonly byte[] _buffer = new byte[HeaderBytes + FrameLimit];

    /// <summary>Makes a network device.</summary>
    /// <param name="address">Its hardware address, 6 bytes.</param>
    /// <param name="backend">The other end; null for a wire that leads nowhere: frames are counted and dropped.</param>
    public VirtioNet(ReadOnlySpan<byte> address, INetworkBackend? backend = null)
        : base(1, "virtio-net", 0x02_00_00, queueCount: 2, AddressBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(address.Length, AddressBytes, nameof(address));
        _address = address.ToArray();
        _backend = backend;
    }

    /// <summary>Frames that the guest has transmitted.</summary>
    public long FramesTransmitted { get; private set; }

    /// <summary>Frames that the guest has received.</summary>
    public long FramesReceived { get; private set; }

    /// <summary>Frames dropped: too long for the wire or for the guest's buffer, or too many waiting.</summary>
    public long FramesDropped { get; private set; }

    // Without a backend everything may be left to do: it is dropped anyway.
    internal override ulong Features => AddressFeature | (ulong)(_backend?.Offloads
        ?? (NetworkOffloads.Checksum | NetworkOffloads.SegmentationTcp4 | NetworkOffloads.SegmentationTcp6 | NetworkOffloads.SegmentationEcn));

    /// <summary>A frame arrives for the guest; complete, no work is left to it.</summary>
    /// <param name="frame">The Ethernet frame, without its check sequence.</param>
    /// <returns>False when it was dropped at once: the driver is not there, the frame is too long, or too many wait.</returns>
    public bool Receive(ReadOnlySpan<byte> frame)
    {
        if (frame.Length > FrameLimit || _received.Count == ReceiveLimit || Transport is not { IsLive: true })
        {
            FramesDropped++;
            return false;
        }

        _received.Enqueue(frame.ToArray());
        Transport.Notify(ReceiveQueue);
        return true;
    }

    internal override void ReadConfig(Span<byte> config) => _address.CopyTo(config);

    internal override bool Serve(int queue, out long cost)
    {
        cost = 0;
        if ((queue == ReceiveQueue && _received.Count == 0) || Transport?.Take(queue) is not { } chain)
        {
            return false;
        }

        uint written = 0;
        VirtqueueError error = queue == ReceiveQueue ? GiveFrame(chain, out written) : TakeFrame(chain);
        if (error != VirtqueueError.None)
        {
            Transport.Break(error);
            return false;
        }

        cost = Math.Max(written, Math.Min(chain.Readable, (uint)_buffer.Length));
        Transport.Give(queue, chain.Head, written);
        return true;
    }

    internal override void Reset() => _received.Clear();

    internal override void Save(StateWriter writer)
    {
        writer.Begin(Name, 1);
        writer.Write((ulong)FramesTransmitted);
        writer.Write((ulong)FramesReceived);
        writer.Write((ulong)FramesDropped);
        writer.Write((uint)_received.Count);
        foreach (byte[] frame in _received)
        {
            writer.Write((uint)frame.Length);
            writer.Write(frame);
        }

        writer.End();
    }

    internal override void Load(StateReader reader)
    {
        _ = reader.Begin(Name, 1);
        FramesTransmitted = (long)reader.ReadUInt64();
        FramesReceived = (long)reader.ReadUInt64();
        FramesDropped = (long)reader.ReadUInt64();
        _received.Clear();
        int count = reader.ReadCount(ReceiveLimit, "the number of waiting frames");
        for (int i = 0; i < count; i++)
        {
            byte[] frame = new byte[reader.ReadCount(FrameLimit, "the length of a frame")];
            reader.Read(frame);
            _received.Enqueue(frame);
        }

        reader.End();
    }

    private VirtqueueError TakeFrame(DescriptorChain chain)
    {
        if (chain.Writable != 0)
        {
            return VirtqueueError.WrongDirection;
        }

        if (chain.Readable < HeaderBytes)
        {
            return VirtqueueError.RequestTooShort;
        }

        if (chain.Readable > _buffer.Length)
        {
            FramesDropped++;
            return VirtqueueError.None;
        }

        Span<byte> content = _buffer.AsSpan(0, (int)chain.Readable);
        VirtqueueError error = chain.Read(0, content);
        if (error == VirtqueueError.None)
        {
            FramesTransmitted++;
            _backend?.Transmit(content[..HeaderBytes], content[HeaderBytes..]);
        }

        return error;
    }

    private VirtqueueError GiveFrame(DescriptorChain chain, out uint written)
    {
        written = 0;
        if (chain.Readable != 0)
        {
            return VirtqueueError.WrongDirection;
        }

        byte[] frame = _received.Dequeue();
        if (chain.Writable < HeaderBytes + frame.Length)
        {
            FramesDropped++;
            return VirtqueueError.None;
        }

        Span<byte> content = _buffer.AsSpan(0, HeaderBytes + frame.Length);
        content[..HeaderBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(content[BufferCountAt..], 1);
        frame.CopyTo(content[HeaderBytes..]);
        written = (uint)content.Length;
        FramesReceived++;
        return chain.Write(0, content);
    }
}
