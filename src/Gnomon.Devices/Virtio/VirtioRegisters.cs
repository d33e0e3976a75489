using System.Buffers.Binary;

namespace Gnomon.Devices;

//  Base address 0 of a virtio PCI function
//
//   0  common configuration, 56 bytes (virtio 1.0, 4.1.4.3)
//  56  notification: the number of a queue, 2 bytes, for all queues
//  58  interrupt reasons (ISR), 1 byte
//  60  configuration of the device

/// <summary>The registers of a virtio PCI device.</summary>
internal sealed class VirtioRegisters(VirtioDevice device, VirtioTransport transport) : IMmioDevice
{
    public const int NotifyOffset = 56;
    public const int InterruptOffset = 58;
    public const int DeviceOffset = 60;

    // Where each field of the common configuration starts, and that its last one ends at NotifyOffset.
    private static readonly byte[] _fields = [0, 4, 8, 12, 16, 18, 20, 21, 22, 24, 26, 28, 30, 32, 40, 48, NotifyOffset];

    private const ushort NoVector = 0xFFFF;

    private uint _deviceFeatureSelect;
    private uint _driverFeatureSelect;
    private ushort _queueSelect;

    private Virtqueue? Selected => transport.Queue(_queueSelect);

    /// <inheritdoc/>
    public void Read(int offset, Span<byte> data)
    {
        data.Clear();
        Span<byte> value = stackalloc byte[8];
        for (int i = 0; i + 1 < _fields.Length; i++)
        {
            int start = _fields[i];
            int end = _fields[i + 1];
            if (start < offset + data.Length && end > offset)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(value, ReadField(start));
                CopyOverlap(value[..(end - start)], start, data, offset);
            }
        }

        if (offset <= InterruptOffset && offset + data.Length > InterruptOffset)
        {
            data[InterruptOffset - offset] = transport.AcknowledgeInterrupt();
        }

        if (offset + data.Length > DeviceOffset)
        {
            Span<byte> config = stackalloc byte[device.ConfigLength];
            config.Clear();
            device.ReadConfig(config);
            CopyOverlap(config, DeviceOffset, data, offset);
        }
    }

    /// <inheritdoc/>
    /// <remarks>A write that covers part of a field changes that part; one that covers several writes them one after the other.</remarks>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        Span<byte> value = stackalloc byte[8];
        for (int i = 0; i + 1 < _fields.Length; i++)
        {
            int start = _fields[i];
            int end = _fields[i + 1];
            if (start < offset + data.Length && end > offset)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(value, ReadField(start));
                CopyOverlap(data, offset, value[..(end - start)], start);
                WriteField(start, BinaryPrimitives.ReadUInt64LittleEndian(value));
            }
        }

        if (offset == NotifyOffset && data.Length == 2)
        {
            transport.Notify(BinaryPrimitives.ReadUInt16LittleEndian(data));
        }
        else if (offset >= DeviceOffset && offset - DeviceOffset + data.Length <= device.ConfigLength)
        {
            device.WriteConfig(offset - DeviceOffset, data);
        }
    }

    public void Save(StateWriter writer)
    {
        writer.Begin("virtio registers", 1);
        writer.Write(_deviceFeatureSelect);
        writer.Write(_driverFeatureSelect);
        writer.Write(_queueSelect);
        writer.End();
    }

    public void Load(StateReader reader)
    {
        _ = reader.Begin("virtio registers", 1);
        _deviceFeatureSelect = reader.ReadUInt32();
        _driverFeatureSelect = reader.ReadUInt32();
        _queueSelect = reader.ReadUInt16();
        reader.End();
    }

    private ulong ReadField(int field) => field switch
    {
        0 => _deviceFeatureSelect,
        4 => Half(transport.OfferedFeatures, _deviceFeatureSelect),
        8 => _driverFeatureSelect,
        12 => Half(transport.DriverFeatures, _driverFeatureSelect),
        16 => NoVector,
        18 => (uint)transport.QueueCount,
        20 => (byte)transport.Status,
        21 => transport.Generation,
        22 => _queueSelect,
        24 => Selected?.Size ?? 0u, // 0: there is no such queue
        26 => NoVector,
        28 => Selected is { IsEnabled: true } ? 1u : 0u,
        30 => 0, // all queues are notified at the same place
        32 => Selected?.DescriptorTable ?? 0,
        40 => Selected?.AvailableRing ?? 0,
        48 => Selected?.UsedRing ?? 0,
        _ => 0,
    };

    private void WriteField(int field, ulong value)
    {
        switch (field)
        {
            case 0:
                _deviceFeatureSelect = (uint)value;
                break;
            case 8:
                _driverFeatureSelect = (uint)value;
                break;
            case 12 when _driverFeatureSelect < 2:
                transport.SetDriverFeatures((int)_driverFeatureSelect, (uint)value);
                break;
            case 20:
                SetStatus((byte)value);
                break;
            case 22:
                _queueSelect = (ushort)value;
                break;
            case >= 24 when Selected is { IsEnabled: false } queue:
                WriteQueue(queue, field, value);
                break;
            default:
                break;
        }
    }

    private void SetStatus(byte value)
    {
        if (value == 0)
        {
            _deviceFeatureSelect = 0;
            _driverFeatureSelect = 0;
            _queueSelect = 0;
        }

        transport.SetStatus(value);
    }

    // A queue that is on does not change under its feet any more.
    private void WriteQueue(Virtqueue queue, int field, ulong value)
    {
        switch (field)
        {
            case 24 when Virtqueue.IsSize((ushort)value):
                queue.Size = (ushort)value;
                break;
            case 28 when value == 1:
                transport.EnableQueue(queue);
                break;
            case 32:
                queue.DescriptorTable = value;
                break;
            case 40:
                queue.AvailableRing = value;
                break;
            case 48:
                queue.UsedRing = value;
                break;
            default:
                break;
        }
    }

    private static uint Half(ulong features, uint select) => select switch
    {
        0 => (uint)features,
        1 => (uint)(features >> 32),
        _ => 0,
    };

    // Both spans are pieces of one address space; copies the bytes that lie in both.
    private static void CopyOverlap(ReadOnlySpan<byte> source, int sourceAt, Span<byte> target, int targetAt)
    {
        int start = Math.Max(sourceAt, targetAt);
        int end = Math.Min(sourceAt + source.Length, targetAt + target.Length);
        if (start < end)
        {
            source[(start - sourceAt)..(end - sourceAt)].CopyTo(target[(start - targetAt)..]);
        }
    }
}
