using System.Buffers.Binary;
using System.Text;

namespace Gnomon.Devices;

//  A request (virtio 1.0, 5.2.6)
//
//  readable   type 4, reserved 4, sector 8, then the data of a write
//  writable   the data of a read, then status 1

/// <summary>
/// The virtio block device (virtio 1.0, 5.2). A request is done when it is taken from the queue; the guest hears of it after a fixed
/// time of the machine's clock, so that a run can be repeated whatever the host's disk needs.
/// </summary>
public sealed class VirtioBlock : VirtioDevice
{
    /// <summary>Bytes in a sector.</summary>
    public const int SectorBytes = 512;

    /// <summary>The longest identity.</summary>
    public const int IdentityBytes = 20;

    /// <summary>How long a request takes unless said otherwise, in nanoseconds of the machine's clock.</summary>
    public const ulong DefaultDelay = 100_000;

    // Two of the queue's 256 descriptors are the header and the status.
    private const uint MaxDataSegments = Virtqueue.MaxSize - 2;

    private const ulong SegmentMaximumFeature = 1 << 2;
    private const ulong ReadOnlyFeature = 1 << 5;
    private const ulong FlushFeature = 1 << 9;

    private const int ConfigBytes = 24;
    private const uint HeaderBytes = 16;

    // More than any driver asks for in one request; bounds what one can cost.
    private const uint DataLimit = 32 << 20;

    private readonly IDiskImage _image;
    private readonly string _identity;
    private readonly ulong _delay;
    private readonly Queue<Done> _done = new();
    private readonly byte[] _buffer = new byte[1 << 16];
    private DeviceTimer? _timer;

    /// <summary>Makes a disk.</summary>
    /// <param name="image">Its content; saved with the device if it is an <see cref="IDeviceState"/>. Belongs to the caller.</param>
    /// <param name="identity">What the guest sees as its serial number: up to 20 ASCII characters.</param>
    /// <param name="delay">How long each request takes, in nanoseconds of the machine's clock.</param>
    /// <exception cref="ArgumentException">The image is no number of sectors, or the identity is too long or not ASCII.</exception>
    public VirtioBlock(IDiskImage image, string identity = "", ulong delay = DefaultDelay)
        : base(2, "virtio-block", 0x01_80_00, queueCount: 1, ConfigBytes)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(identity);
        if (image.Length <= 0 || image.Length % SectorBytes != 0)
        {
            throw new ArgumentException($"A disk is made of sectors of {SectorBytes} bytes; {image.Length} is no number of them.", nameof(image));
        }

        if (identity.Length > IdentityBytes || !Ascii.IsValid(identity))
        {
            throw new ArgumentException($"The identity of a disk has up to {IdentityBytes} ASCII characters.", nameof(identity));
        }

        _image = image;
        _identity = identity;
        _delay = delay;
    }

    private enum Kind : uint
    {
        Read = 0,
        Write = 1,
        Flush = 4,
        GetIdentity = 8,
    }

    private enum Outcome : byte
    {
        Ok = 0,
        Error = 1,
        Unsupported = 2,
    }

    /// <summary>How many requests are done but not yet told.</summary>
    public int InFlight => _done.Count;

    internal override ulong Features => SegmentMaximumFeature | FlushFeature | (_image.IsReadOnly ? ReadOnlyFeature : 0);

    internal override void ReadConfig(Span<byte> config)
    {
        BinaryPrimitives.WriteInt64LittleEndian(config, _image.Length / SectorBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(config[12..], MaxDataSegments);
        BinaryPrimitives.WriteUInt32LittleEndian(config[20..], SectorBytes);
    }

    internal override bool Serve(int queue, out long cost)
    {
        cost = 0;
        if (Transport?.Take(queue) is not { } chain)
        {
            return false;
        }

        VirtqueueError error = chain.Readable < HeaderBytes || chain.Writable < 1 ? VirtqueueError.RequestTooShort
            : _done.Count == Virtqueue.MaxSize ? VirtqueueError.TooManyInFlight
            : Perform(chain, out cost);
        if (error != VirtqueueError.None)
        {
            Transport.Break(error);
            return false;
        }

        return true;
    }

    internal override void Reset()
    {
        _done.Clear();
        _timer?.Cancel();
    }

    internal override void Save(StateWriter writer)
    {
        writer.Begin(Name, 1);
        writer.Write((uint)_done.Count);
        foreach (Done done in _done)
        {
            writer.Write(done.Head);
            writer.Write(done.Written);
            writer.Write(done.Deadline);
        }

        writer.End();
        (_image as IDeviceState)?.Save(writer);
    }

    internal override void Load(StateReader reader)
    {
        _ = reader.Begin(Name, 1);
        _done.Clear();
        int count = reader.ReadCount(Virtqueue.MaxSize, "the number of requests in flight");
        for (int i = 0; i < count; i++)
        {
            _done.Enqueue(new Done(reader.ReadUInt16(), reader.ReadUInt32(), reader.ReadUInt64()));
        }

        reader.End();
        SetTimer();
        (_image as IDeviceState)?.Load(reader);
    }

    private protected override void Attached(VirtioTransport transport) => _timer = transport.Environment.Scheduler.CreateTimer(TellDone);

    private VirtqueueError Perform(DescriptorChain chain, out long cost)
    {
        Span<byte> header = stackalloc byte[(int)HeaderBytes];
        uint room = chain.Writable - 1;
        cost = (long)chain.Readable + chain.Writable;
        VirtqueueError error = chain.Read(0, header);
        if (error != VirtqueueError.None)
        {
            return error;
        }

        uint written = 0;
        Outcome outcome = Outcome.Unsupported;
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        switch ((Kind)BinaryPrimitives.ReadUInt32LittleEndian(header))
        {
            case Kind.Read:
                outcome = Checked(sector, room, out long from) ? ReadImage(chain, from, room, out written, out error) : Outcome.Error;
                break;
            case Kind.Write:
                uint length = chain.Readable - HeaderBytes;
                outcome = !_image.IsReadOnly && Checked(sector, length, out long to) ? WriteImage(chain, to, length, out error) : Outcome.Error;
                break;
            case Kind.Flush:
                outcome = Guard("flushed", 0, _image, static (image, _, _) => image.Flush(), default);
                break;
            case Kind.GetIdentity:
                outcome = GiveIdentity(chain, room, out written, out error);
                break;
            default:
                break;
        }

        if (error == VirtqueueError.None)
        {
            error = chain.Write(room, [(byte)outcome]);
        }

        if (error == VirtqueueError.None)
        {
            // The count is of bytes from the start on: the status at the end counts only if all before it was written.
            Finish(chain.Head, written == room ? written + 1 : written);
        }

        return error;
    }

    // Whole sectors, all of them on the disk.
    private bool Checked(ulong sector, uint length, out long offset)
    {
        ulong sectors = (ulong)_image.Length / SectorBytes;
        bool good = length % SectorBytes == 0 && length <= DataLimit && sector <= sectors && length / SectorBytes <= sectors - sector;
        offset = good ? (long)sector * SectorBytes : 0;
        return good;
    }

    private Outcome ReadImage(DescriptorChain chain, long offset, uint length, out uint written, out VirtqueueError error)
    {
        written = 0;
        error = VirtqueueError.None;
        while (written < length)
        {
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min((uint)_buffer.Length, length - written));
            if (Guard("read", offset + written, _image, static (image, at, data) => image.Read(at, data), part) == Outcome.Error)
            {
                return Outcome.Error;
            }

            error = chain.Write(written, part);
            if (error != VirtqueueError.None)
            {
                return Failed(ref error);
            }

            written += (uint)part.Length;
        }

        return Outcome.Ok;
    }

    private Outcome WriteImage(DescriptorChain chain, long offset, uint length, out VirtqueueError error)
    {
        error = VirtqueueError.None;
        for (uint done = 0; done < length;)
        {
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min((uint)_buffer.Length, length - done));
            error = chain.Read(HeaderBytes + done, part);
            if (error != VirtqueueError.None)
            {
                return Failed(ref error);
            }

            if (Guard("written", offset + done, _image, static (image, at, data) => image.Write(at, data), part) == Outcome.Error)
            {
                return Outcome.Error;
            }

            done += (uint)part.Length;
        }

        return Outcome.Ok;
    }

    private Outcome GiveIdentity(DescriptorChain chain, uint room, out uint written, out VirtqueueError error)
    {
        written = 0;
        error = VirtqueueError.None;
        if (room < IdentityBytes)
        {
            return Outcome.Error;
        }

        Span<byte> identity = stackalloc byte[IdentityBytes];
        identity.Clear();
        _ = Encoding.ASCII.GetBytes(_identity, identity);
        error = chain.Write(0, identity);
        written = IdentityBytes;
        return Outcome.Ok;
    }

    // The host that has no memory for a page of the guest is an error of this request, not a broken ring.
    private Outcome Failed(ref VirtqueueError error)
    {
        if (error == VirtqueueError.HostMemory)
        {
            Transport?.Environment.Listener.HostFailed(Name, error.Text());
            error = VirtqueueError.None;
        }

        return Outcome.Error;
    }

    private delegate void ImageAction(IDiskImage image, long offset, Span<byte> data);

    private Outcome Guard(string what, long offset, IDiskImage image, ImageAction action, Span<byte> data)
    {
        try
        {
            action(image, offset, data);
            return Outcome.Ok;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Transport?.Environment.Listener.HostFailed(Name, $"{data.Length} bytes at {offset} could not be {what}: {failure.Message}");
            return Outcome.Error;
        }
    }

    private void Finish(ushort head, uint written)
    {
        if (_delay == 0)
        {
            Transport?.Give(0, head, written);
            return;
        }

        _done.Enqueue(new Done(head, written, Transport!.Environment.Scheduler.Clock.Nanoseconds + _delay));
        SetTimer();
    }

    private void TellDone(ulong deadline)
    {
        ulong now = Transport!.Environment.Scheduler.Clock.Nanoseconds;
        while (_done.TryPeek(out Done done) && done.Deadline <= now)
        {
            _ = _done.Dequeue();
            Transport.Give(0, done.Head, done.Written);
        }

        SetTimer();
    }

    private void SetTimer() => _timer?.Set(_done.TryPeek(out Done first) ? first.Deadline : DeviceScheduler.Never);

    private readonly record struct Done(ushort Head, uint Written, ulong Deadline);
}
