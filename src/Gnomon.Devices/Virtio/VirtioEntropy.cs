namespace Gnomon.Devices;

/// <summary>The virtio entropy device (virtio 1.0, 5.4): fills the buffers of queue 0 with random bytes, a page of them at most at a time.</summary>
/// <param name="source">Where the bytes come from; saved with the device if it is an <see cref="IDeviceState"/>.</param>
public sealed class VirtioEntropy(IEntropySource source)
    : VirtioDevice(4, "virtio-entropy", 0x00_FF_00, queueCount: 1, configLength: 0)
{
    private readonly byte[] _buffer = new byte[4096];

    internal override ulong Features => 0;

    internal override void ReadConfig(Span<byte> config)
    {
    }

    internal override bool Serve(int queue, out long cost)
    {
        cost = 0;
        if (Transport?.Take(queue) is not { } chain)
        {
            return false;
        }

        Span<byte> part = _buffer.AsSpan(0, (int)Math.Min((uint)_buffer.Length, chain.Writable));
        VirtqueueError error = chain.Readable != 0 ? VirtqueueError.WrongDirection : VirtqueueError.None;
        if (error == VirtqueueError.None)
        {
            source.Fill(part);
            error = chain.Write(0, part);
        }

        if (error != VirtqueueError.None)
        {
            Transport.Break(error);
            return false;
        }

        cost = part.Length;
        Transport.Give(queue, chain.Head, (uint)part.Length);
        return true;
    }

    internal override void Save(StateWriter writer) => (source as IDeviceState)?.Save(writer);

    internal override void Load(StateReader reader) => (source as IDeviceState)?.Load(reader);
}
