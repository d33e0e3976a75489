using System.Buffers.Binary;

namespace Gnomon.Devices.Tests.Fixture;

/// <summary>
/// The guest's side of a virtio device, as a driver has it: it finds the registers by the capabilities and goes through ports, windows
/// and memory only. Offsets are those of virtio 1.0, 4.1.4.3, written down here once more.
/// </summary>
internal sealed class VirtioDriver
{
    public const int FeatureSelect = 0;
    public const int Feature = 4;
    public const int DriverFeatureSelect = 8;
    public const int DriverFeature = 12;
    public const int Vector = 16;
    public const int QueueCount = 18;
    public const int Status = 20;
    public const int Generation = 21;
    public const int QueueSelect = 22;
    public const int QueueSize = 24;
    public const int QueueVector = 26;
    public const int QueueEnable = 28;
    public const int QueueNotifyOffset = 30;
    public const int QueueDescriptors = 32;
    public const int QueueAvailable = 40;
    public const int QueueUsed = 48;

    public const ulong Version1 = 1ul << 32;
    public const ulong Indirect = 1ul << 28;

    private readonly TestMachine _machine;
    private readonly int _device;

    public VirtioDriver(TestMachine machine, int device)
    {
        _machine = machine;
        _device = device;
        for (uint at = machine.ReadConfig(device, 0x34, 1); at != 0; at = machine.ReadConfig(device, (int)at + 1, 1))
        {
            Assert.Equal(9u, machine.ReadConfig(device, (int)at, 1));
            Capabilities.Add(machine.ReadConfig(device, (int)at + 3, 1), (int)at);
        }

        Window = machine.ReadConfig(device, 0x10) & ~0xFu;
        Common = Window + Offset(1);
        Notification = Window + Offset(2);
        Interrupt = Window + Offset(3);
        Configuration = Capabilities.ContainsKey(4) ? Window + Offset(4) : 0;
    }

    /// <summary>Where each type of capability lies in configuration space.</summary>
    public Dictionary<uint, int> Capabilities { get; } = [];

    public uint Window { get; }

    public uint Common { get; }

    public uint Notification { get; }

    public uint Interrupt { get; }

    public uint Configuration { get; }

    public DriverQueue[] Queues { get; private set; } = [];

    public uint Read(int field, int size) => (uint)_machine.ReadMmio(Common + (uint)field, size);

    public void Write(int field, int size, uint value) => _machine.WriteMmio(Common + (uint)field, size, value);

    public ulong OfferedFeatures()
    {
        Write(FeatureSelect, 4, 0);
        ulong low = Read(Feature, 4);
        Write(FeatureSelect, 4, 1);
        return low | ((ulong)Read(Feature, 4) << 32);
    }

    public void TakeFeatures(ulong features)
    {
        Write(DriverFeatureSelect, 4, 0);
        Write(DriverFeature, 4, (uint)features);
        Write(DriverFeatureSelect, 4, 1);
        Write(DriverFeature, 4, (uint)(features >> 32));
    }

    public byte GetStatus() => (byte)Read(Status, 1);

    public byte SetStatus(byte status)
    {
        Write(Status, 1, status);
        return GetStatus();
    }

    /// <summary>Everything that a driver does until the device runs; each queue has 16 KiB for its rings, each device 32 KiB, from 64 KiB on.</summary>
    public VirtioDriver Start(ulong features = Version1 | Indirect, ushort queueSize = 256)
    {
        Assert.Equal(0, SetStatus(0));
        Assert.Equal(1, SetStatus(1));
        Assert.Equal(3, SetStatus(3));
        TakeFeatures(features);
        Assert.Equal(11, SetStatus(11));
        Queues = [.. Enumerable.Range(0, (int)Read(QueueCount, 2)).Select(queue => SetUpQueue(queue, queueSize))];
        Assert.Equal(15, SetStatus(15));
        return this;
    }

    public DriverQueue SetUpQueue(int queue, ushort size)
    {
        ulong start = 0x10000 + ((ulong)(_device - 1) * 0x8000) + ((ulong)queue * 0x4000);
        DriverQueue rings = new(_machine, this, queue, size, start, start + 0x1000, start + 0x2000);
        Write(QueueSelect, 2, (uint)queue);
        Assert.Equal(256u, Read(QueueSize, 2));
        Write(QueueSize, 2, size);
        WriteAddress(QueueDescriptors, rings.Descriptors);
        WriteAddress(QueueAvailable, rings.Available);
        WriteAddress(QueueUsed, rings.Used);
        Write(QueueEnable, 2, 1);
        return rings;
    }

    /// <summary>The driver of a machine that goes on from this one's state.</summary>
    public VirtioDriver MovedTo(TestMachine machine)
    {
        VirtioDriver moved = new(machine, _device);
        moved.Queues = [.. Queues.Select(queue => queue.MovedTo(machine, moved))];
        return moved;
    }

    public void WriteAddress(int field, ulong value)
    {
        Write(field, 4, (uint)value);
        Write(field + 4, 4, (uint)(value >> 32));
    }

    public void Notify(int queue) => _machine.WriteMmio(Notification, 2, (uint)queue);

    public byte AcknowledgeInterrupt() => (byte)_machine.ReadMmio(Interrupt, 1);

    public uint ReadWindow(uint bar, uint offset, uint length, int size)
    {
        AimWindow(bar, offset, length);
        return _machine.ReadConfig(_device, Capabilities[5] + 16, size);
    }

    public void WriteWindow(uint bar, uint offset, uint length, int size, uint value)
    {
        AimWindow(bar, offset, length);
        _machine.WriteConfig(_device, Capabilities[5] + 16, size, value);
    }

    private uint Offset(uint type) => _machine.ReadConfig(_device, Capabilities[type] + 8);

    private void AimWindow(uint bar, uint offset, uint length)
    {
        _machine.WriteConfig(_device, Capabilities[5] + 4, 1, bar);
        _machine.WriteConfig(_device, Capabilities[5] + 12, 4, length);
        _machine.WriteConfig(_device, Capabilities[5] + 8, 4, offset);
    }
}

/// <summary>One buffer of a request.</summary>
internal readonly record struct Part(ulong Address, uint Length, bool Writable);

/// <summary>The driver's side of one queue: it writes descriptors and the available ring, and reads the used ring.</summary>
internal sealed class DriverQueue(TestMachine machine, VirtioDriver driver, int index, ushort size, ulong descriptors, ulong available, ulong used)
{
    public const ushort Next = 1;
    public const ushort Writes = 2;
    public const ushort IsTable = 4;

    private ushort _available;
    private ushort _used;

    public ulong Descriptors => descriptors;

    public ulong Available => available;

    public ulong Used => used;

    public ushort UsedIndex => (ushort)machine.Peek(used + 2, 2, 0);

    public DriverQueue MovedTo(TestMachine other, VirtioDriver otherDriver) =>
        new(other, otherDriver, index, size, descriptors, available, used) { _available = _available, _used = _used };

    public void WriteDescriptor(int slot, ulong address, uint length, int flags, int next) => WriteDescriptorAt(descriptors, slot, address, length, flags, next);

    public void WriteDescriptorAt(ulong table, int slot, ulong address, uint length, int flags, int next)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(12), (ushort)flags);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(14), (ushort)next);
        machine.Poke(table + ((ulong)slot * 16), bytes);
    }

    /// <summary>Writes a request into consecutive descriptors from <paramref name="head"/> on.</summary>
    public void WriteChain(int head, params Part[] parts) => WriteChainAt(descriptors, head, parts);

    /// <summary>Writes a request into a table of its own, and the one descriptor that names it.</summary>
    public void WriteIndirect(int head, ulong table, params Part[] parts)
    {
        WriteChainAt(table, 0, parts);
        WriteDescriptor(head, table, (uint)parts.Length * 16, IsTable, 0);
    }

    public void MakeAvailable(int head)
    {
        machine.Poke16(available + 4 + (2ul * (uint)(_available % size)), head);
        machine.Poke16(available + 2, ++_available);
    }

    /// <summary>Makes requests available and notifies the device.</summary>
    public void Submit(params int[] heads)
    {
        foreach (int head in heads)
        {
            MakeAvailable(head);
        }

        driver.Notify(index);
    }

    public void Submit(int head, params Part[] parts)
    {
        WriteChain(head, parts);
        Submit([head]);
    }

    /// <summary>The next request that the device has given back: its first descriptor and how much was written; null when there is none.</summary>
    public (uint Head, uint Written)? TakeUsed()
    {
        if (_used == UsedIndex)
        {
            return null;
        }

        ulong element = used + 4 + (8ul * (uint)(_used++ % size));
        return ((uint)machine.Peek(element, 4, 0), (uint)machine.Peek(element + 4, 4, 0));
    }

    private void WriteChainAt(ulong table, int first, Part[] parts)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            bool last = i == parts.Length - 1;
            WriteDescriptorAt(
                table, first + i, parts[i].Address, parts[i].Length, (parts[i].Writable ? Writes : 0) | (last ? 0 : Next), last ? 0 : first + i + 1);
        }
    }
}
