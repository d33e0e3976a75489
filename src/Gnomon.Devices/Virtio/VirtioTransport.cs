using System.Numerics;

namespace Gnomon.Devices;

/// <summary>The device status bits (virtio 1.0, 2.1).</summary>
[Flags]
internal enum VirtioStatus : byte
{
    None = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    NeedsReset = 64,
    Failed = 128,
}

/// <summary>
/// What a virtio device and its driver share whatever the bus: status, features, queues, the reasons of an interrupt. It runs the
/// device: queues that were notified are served in slices, so that no notification costs more than about one slice; what is left
/// goes on a little later, by the scheduler.
/// </summary>
internal sealed class VirtioTransport
{
    private const ulong IndirectDescriptors = 1ul << 28;
    private const ulong Version1 = 1ul << 32;

    private const byte QueueInterrupt = 1;
    private const byte ConfigurationInterrupt = 2;

    // Moving a slice takes a few milliseconds. A request and each of its buffers cost a little even when they move nothing.
    private const long SliceBytes = 8 << 20;
    private const long RequestCost = 1 << 10;
    private const long BufferCost = 1 << 6;
    private const ulong SlicePauseNanoseconds = 10_000;

    private readonly VirtioDevice _device;
    private readonly Action<bool> _drive;
    private readonly Virtqueue[] _queues;
    private readonly DescriptorChain _chain;
    private readonly DeviceTimer _slice;
    private uint _ready;
    private uint _given;
    private bool _running;

    public VirtioTransport(VirtioDevice device, DeviceEnvironment environment, Action<bool> drive)
    {
        _device = device;
        Environment = environment;
        _drive = drive;
        _queues = [.. Enumerable.Range(0, device.QueueCount).Select(_ => new Virtqueue(environment.Memory))];
        _chain = new DescriptorChain(environment.Memory);
        _slice = environment.Scheduler.CreateTimer(_ => Run());
        device.Attach(this);
    }

    public DeviceEnvironment Environment { get; }

    public ulong OfferedFeatures => _device.Features | IndirectDescriptors | Version1;

    public ulong DriverFeatures { get; private set; }

    public VirtioStatus Status { get; private set; }

    /// <summary>Counts changes of the device's configuration.</summary>
    public byte Generation { get; private set; }

    /// <summary>The reasons of the interrupt: bit 0 a queue, bit 1 the configuration.</summary>
    public byte InterruptReasons { get; private set; }

    public int QueueCount => _queues.Length;

    public Virtqueue? Queue(int index) => index < _queues.Length ? _queues[index] : null;

    /// <summary>Whether requests are served: the driver is ready, and no ring is broken.</summary>
    public bool IsLive => (Status & (VirtioStatus.DriverOk | VirtioStatus.NeedsReset)) == VirtioStatus.DriverOk;

    /// <summary>The driver says which of the offered features it takes. Too late once both have agreed.</summary>
    public void SetDriverFeatures(int half, uint bits)
    {
        if ((Status & VirtioStatus.FeaturesOk) == 0)
        {
            int shift = 32 * half;
            DriverFeatures = (DriverFeatures & ~((ulong)uint.MaxValue << shift)) | ((ulong)bits << shift);
        }
    }

    /// <summary>
    /// The driver sets status bits, one step at a time: a step whose forerunner is missing, or features that cannot be had, are
    /// refused, which the driver sees when it reads the status back. Bits never go, except all at once by writing 0: the reset.
    /// </summary>
    public void SetStatus(byte value)
    {
        if (value == 0)
        {
            Reset();
            return;
        }

        VirtioStatus wanted = (VirtioStatus)value;
        VirtioStatus before = Status;
        Status |= wanted & VirtioStatus.Failed;
        Step(wanted, VirtioStatus.Acknowledge, true);
        Step(wanted, VirtioStatus.Driver, (Status & VirtioStatus.Acknowledge) != 0);
        Step(wanted, VirtioStatus.FeaturesOk, (Status & VirtioStatus.Driver) != 0 && FeaturesAreGood);
        Step(wanted, VirtioStatus.DriverOk, (Status & VirtioStatus.FeaturesOk) != 0);
        if (((Status & ~before) & VirtioStatus.DriverOk) != 0)
        {
            // Buffers may have been made available, and notified, before.
            _ready = (1u << _queues.Length) - 1;
            Run();
        }
    }

    /// <summary>The driver switches a queue on.</summary>
    public void EnableQueue(Virtqueue queue)
    {
        VirtqueueError error = queue.Enable();
        if (error != VirtqueueError.None)
        {
            Break(error);
        }
    }

    /// <summary>The driver has made buffers available, or the device has something for them.</summary>
    public void Notify(int queue)
    {
        if (IsLive && queue < _queues.Length)
        {
            _ready |= 1u << queue;
            Run();
        }
    }

    /// <summary>The next request of a queue, or null: none, or the ring is broken.</summary>
    public DescriptorChain? Take(int queue)
    {
        if (!IsLive)
        {
            return null;
        }

        bool indirect = (DriverFeatures & IndirectDescriptors) != 0;
        VirtqueueError error = _queues[queue].TryTake(_chain, indirect, out bool found);
        if (error != VirtqueueError.None)
        {
            Break(error);
        }

        return found ? _chain : null;
    }

    /// <summary>A request is done. The interrupt follows when the device has nothing more to do.</summary>
    public void Give(int queue, ushort head, uint written)
    {
        if (!IsLive)
        {
            return;
        }

        VirtqueueError error = _queues[queue].Give(head, written);
        if (error != VirtqueueError.None)
        {
            Break(error);
            return;
        }

        _given |= 1u << queue;
        if (!_running)
        {
            InterruptForQueues();
        }
    }

    /// <summary>A ring is broken: the device stops until it is reset, tells the driver and the owner.</summary>
    public void Break(VirtqueueError error)
    {
        if ((Status & VirtioStatus.NeedsReset) != 0)
        {
            return;
        }

        Status |= VirtioStatus.NeedsReset;
        _ready = 0;
        _slice.Cancel();
        if (error == VirtqueueError.HostMemory)
        {
            Environment.Listener.HostFailed(_device.Name, error.Text());
        }
        else
        {
            Environment.Listener.GuestBrokeRules(_device.Name, error.Text());
        }

        if ((Status & VirtioStatus.DriverOk) != 0)
        {
            Interrupt(ConfigurationInterrupt);
        }
    }

    /// <summary>The device's configuration has changed.</summary>
    public void ConfigurationChanged()
    {
        Generation++;
        if (IsLive)
        {
            Interrupt(ConfigurationInterrupt);
        }
    }

    /// <summary>The driver reads the reasons, which clears them and lowers the line.</summary>
    public byte AcknowledgeInterrupt()
    {
        byte reasons = InterruptReasons;
        InterruptReasons = 0;
        _drive(false);
        return reasons;
    }

    public void Save(StateWriter writer)
    {
        writer.Begin("virtio " + _device.Name, 1);
        writer.Write(DriverFeatures);
        writer.Write((byte)Status);
        writer.Write(Generation);
        writer.Write(InterruptReasons);
        writer.Write(_ready);
        writer.Write(_slice.Deadline);
        foreach (Virtqueue queue in _queues)
        {
            queue.Save(writer);
        }

        writer.End();
        _device.Save(writer);
    }

    public void Load(StateReader reader)
    {
        _ = reader.Begin("virtio " + _device.Name, 1);
        DriverFeatures = reader.ReadUInt64();
        Status = (VirtioStatus)reader.ReadByte();
        if ((Status & VirtioStatus.FeaturesOk) != 0 && !FeaturesAreGood)
        {
            throw reader.Damaged($"its driver uses features 0x{DriverFeatures:x}, and 0x{OfferedFeatures:x} are offered here");
        }

        Generation = reader.ReadByte();
        InterruptReasons = reader.ReadByte();
        _ready = reader.ReadUInt32() & ((1u << _queues.Length) - 1);
        _slice.Set(reader.ReadUInt64());
        foreach (Virtqueue queue in _queues)
        {
            queue.Load(reader);
        }

        reader.End();
        _device.Load(reader);
    }

    private bool FeaturesAreGood => (DriverFeatures & Version1) != 0 && (DriverFeatures & ~OfferedFeatures) == 0;

    private void Step(VirtioStatus wanted, VirtioStatus step, bool allowed)
    {
        if ((wanted & step) != 0 && allowed)
        {
            Status |= step;
        }
    }

    private void Reset()
    {
        Status = VirtioStatus.None;
        DriverFeatures = 0;
        InterruptReasons = 0;
        _ready = 0;
        _given = 0;
        _slice.Cancel();
        foreach (Virtqueue queue in _queues)
        {
            queue.Reset();
        }

        _device.Reset();
        _drive(false);
    }

    private void Run()
    {
        if (_running)
        {
            return; // what a device sets going while it is served, the loop below sees
        }

        _running = true;
        try
        {
            long left = SliceBytes;
            while (_ready != 0 && left > 0)
            {
                int queue = BitOperations.TrailingZeroCount(_ready);
                if (_device.Serve(queue, out long cost))
                {
                    left -= RequestCost + (BufferCost * _chain.Count) + cost;
                }
                else
                {
                    _ready &= ~(1u << queue);
                }
            }
        }
        finally
        {
            _running = false;
        }

        if (_ready != 0)
        {
            _slice.Set(Environment.Scheduler.Clock.Nanoseconds + SlicePauseNanoseconds);
        }

        InterruptForQueues();
    }

    private void InterruptForQueues()
    {
        uint given = _given;
        _given = 0;
        bool interrupt = false;
        while (given != 0 && IsLive)
        {
            int queue = BitOperations.TrailingZeroCount(given);
            given &= given - 1;
            VirtqueueError error = _queues[queue].WantsInterrupt(out bool wanted);
            if (error != VirtqueueError.None)
            {
                Break(error);
                return;
            }

            interrupt |= wanted;
        }

        if (interrupt)
        {
            Interrupt(QueueInterrupt);
        }
    }

    private void Interrupt(byte reason)
    {
        InterruptReasons |= reason;
        _drive(true);
    }
}
