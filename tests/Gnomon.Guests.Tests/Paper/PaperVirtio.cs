using System.Buffers.Binary;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>A virtio 1.0 device with its configuration space and registers. A broken ring stops the queue; nothing else happens.</summary>
internal abstract class PaperVirtio
{
    private const uint Common = 0;
    private const uint Notify = 56;
    private const uint Isr = 58;
    private const uint Device = 60;

    private readonly PaperMemory _memory;
    private readonly Action<byte> _interrupt;
    private readonly byte _irq;
    private readonly byte[] _config = new byte[256];
    private readonly Queue[] _queues;
    private byte _status;
    private byte _isr;
    private uint _select;
    private uint _ourSelect;
    private ulong _ours;
    private ushort _queueSelect;

    protected PaperVirtio(PaperMemory memory, ushort id, byte irq, Action<byte> interrupt, int queues)
    {
        _memory = memory;
        _interrupt = interrupt;
        _irq = irq;
        _queues = [.. Enumerable.Range(0, queues).Select(_ => new Queue())];
        Put(0, 0x1AF4u | ((uint)id << 16));
        Put(4, 0x0010_0000);
        Put(8, 0x0780_0001);
        _config[0x34] = 0x40;
        _config[0x3C] = irq;
        Capability(0x40, 0x50, 16, 1, Common, 56);
        Capability(0x50, 0x64, 20, 2, Notify, 2);
        Capability(0x64, 0x74, 16, 3, Isr, 1);
        Capability(0x74, 0x84, 16, 4, Device, 12);
        Capability(0x84, 0, 20, 5, 0, 0);
    }

    public uint BaseAddress { get; set; }

    protected abstract uint LowFeatures { get; }

    protected abstract uint ReadConfig(uint offset);

    protected virtual void WriteConfig(uint offset, int size, uint value)
    {
    }

    protected virtual bool HasWork(int queue) => true;

    /// <summary>Does one request.</summary>
    /// <returns>How many bytes were written.</returns>
    protected abstract uint Serve(int queue, byte[] read, int writable, out byte[] written);

    public uint ReadPci(uint offset, int size)
    {
        if (offset is >= 0x10 and < 0x14)
        {
            Put(0x10, BaseAddress);
        }

        if (offset is >= 0x94 and < 0x98)
        {
            Put(0x94, ReadRegister(Get(0x8C), (int)Math.Clamp(Get(0x90), 1, 4)));
        }

        return Get(offset) & Mask(size);
    }

    public void WritePci(uint offset, int size, uint value)
    {
        if (offset is 4 or 0x88 or 0x8C or 0x90 or (>= 0x94 and < 0x98))
        {
            for (int i = 0; i < size; i++)
            {
                _config[offset + (uint)i] = (byte)(value >> (8 * i));
            }
        }

        if (offset == 0x94)
        {
            WriteRegister(Get(0x8C), (int)Get(0x90), value);
        }
    }

    public uint ReadRegister(uint offset, int size)
    {
        Queue? queue = _queueSelect < _queues.Length ? _queues[_queueSelect] : null;
        uint value = offset switch
        {
            0 => _select,
            4 => _select == 0 ? LowFeatures : _select == 1 ? 1u : 0,
            8 => _ourSelect,
            12 => _ourSelect < 2 ? (uint)(_ours >> (int)(32 * _ourSelect)) : 0,
            18 => (uint)_queues.Length,
            20 => _status,
            22 => _queueSelect,
            24 => queue?.Size ?? 0u,
            28 => queue is { IsEnabled: true } ? 1u : 0,
            >= 32 and < 56 => queue is null ? 0 : (uint)(queue.Addresses[(offset - 32) / 8] >> (int)(offset % 8 * 8)),
            >= Device => ReadConfig(offset - Device),
            _ => 0,
        };
        if (offset == Isr)
        {
            value = _isr;
            _isr = 0;
        }

        return value & Mask(size);
    }

    public void WriteRegister(uint offset, int size, uint value)
    {
        Queue? queue = _queueSelect < _queues.Length ? _queues[_queueSelect] : null;
        switch (offset)
        {
            case 0: _select = value; break;
            case 8: _ourSelect = value; break;
            case 12: _ours = _ourSelect == 0 ? (_ours & ~0xFFFF_FFFFUL) | value : (_ours & 0xFFFF_FFFF) | ((ulong)value << 32); break;
            case 20: SetStatus((byte)value); break;
            case 22: _queueSelect = (ushort)value; break;
            case 24 when queue is not null: queue.Size = (ushort)value; break;
            case 28 when queue is not null: queue.IsEnabled = value == 1; break;
            case >= 32 and < 56 when queue is not null:
                ref ulong address = ref queue.Addresses[(offset - 32) / 8];
                address = offset % 8 == 0 ? (address & ~0xFFFF_FFFFUL) | value : (address & 0xFFFF_FFFF) | ((ulong)value << 32);
                break;
            case Notify: Run((int)value); break;
            case >= Device: WriteConfig(offset - Device, size, value); break;
            default: break;
        }
    }

    private void SetStatus(byte value)
    {
        bool refused = (value & 8) != 0 && (_ours >> 32 & 1) == 0;
        _status = refused ? (byte)(value & ~8) : value;
        if (value == 0)
        {
            foreach (Queue queue in _queues)
            {
                queue.Reset();
            }
        }
    }

    private void Run(int number)
    {
        if (number >= _queues.Length || (_status & 4) == 0 || !HasWork(number))
        {
            return;
        }

        Queue queue = _queues[number];
        bool any = false;
        while (queue.IsEnabled && queue.TryTake(_memory, out ushort head, out byte[] read, out List<(ulong Address, uint Length)> writable))
        {
            int room = (int)writable.Sum(part => (long)part.Length);
            uint count = Serve(number, read, room, out byte[] written);
            int done = 0;
            foreach ((ulong address, uint length) in writable)
            {
                int part = Math.Min((int)length, written.Length - done);
                written.AsSpan(done, part).CopyTo(_memory.Bytes((uint)address, length));
                done += part;
            }

            queue.Give(_memory, head, count);
            any = true;
        }

        if (any && queue.WantsInterrupt(_memory))
        {
            _isr |= 1;
            _interrupt(_irq);
        }
    }

    private void Capability(uint at, byte next, byte length, byte type, uint offset, uint bytes)
    {
        Put(at, 9u | ((uint)next << 8) | ((uint)length << 16) | ((uint)type << 24));
        Put(at + 8, offset);
        Put(at + 12, bytes);
    }

    private void Put(uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_config.AsSpan((int)at), value);

    private uint Get(uint at) => BinaryPrimitives.ReadUInt32LittleEndian([.. _config.AsSpan((int)at, Math.Min(4, 256 - (int)at)), 0, 0, 0]);

    private static uint Mask(int size) => uint.MaxValue >> (32 - (8 * size));

    private sealed class Queue
    {
        private ushort _taken;
        private ushort _given;

        public ushort Size { get; set; } = 256;

        public bool IsEnabled { get; set; }

        public ulong[] Addresses { get; } = new ulong[3]; // descriptors, available, used

        public void Reset()
        {
            (Size, IsEnabled, _taken, _given) = (256, false, 0, 0);
            Array.Clear(Addresses);
        }

        public bool WantsInterrupt(PaperMemory memory) => (memory.Read32((uint)Addresses[1]) & 1) == 0;

        public bool TryTake(PaperMemory memory, out ushort head, out byte[] read, out List<(ulong Address, uint Length)> writable)
        {
            read = [];
            writable = [];
            head = 0;
            bool valid = Size is > 0 and <= 256 && memory.IsGuest(Addresses[0], Size * 16ul) && memory.IsGuest(Addresses[1], 4 + (Size * 2ul))
                && memory.IsGuest(Addresses[2], 4 + (Size * 8ul));
            if (!valid || (ushort)(memory.Read32((uint)Addresses[1]) >> 16) == _taken)
            {
                return false;
            }

            head = BinaryPrimitives.ReadUInt16LittleEndian(memory.Bytes((uint)Addresses[1] + 4 + (2u * (uint)(_taken % Size)), 2));
            List<byte> bytes = [];
            IsEnabled = Follow(memory, head, bytes, writable);
            _taken++;
            read = [.. bytes];
            return IsEnabled;
        }

        public void Give(PaperMemory memory, ushort head, uint written)
        {
            uint used = (uint)Addresses[2];
            uint slot = used + 4 + (8u * (uint)(_given++ % Size));
            memory.Write32(slot, head);
            memory.Write32(slot + 4, written);
            BinaryPrimitives.WriteUInt16LittleEndian(memory.Bytes(used + 2, 2), _given);
        }

        private bool Follow(PaperMemory memory, ushort index, List<byte> read, List<(ulong Address, uint Length)> writable)
        {
            ulong table = Addresses[0];
            uint count = Size;
            for (uint seen = 0; seen < count && index < count; seen++)
            {
                Span<byte> descriptor = memory.Bytes((uint)table + (index * 16u), 16);
                ulong address = BinaryPrimitives.ReadUInt64LittleEndian(descriptor);
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(descriptor[8..]);
                uint flags = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[12..]);
                if (!memory.IsGuest(address, length) || (flags & 4) != 0)
                {
                    return false; // indirect tables are for braver hosts
                }

                if ((flags & 2) != 0)
                {
                    writable.Add((address, length));
                }
                else
                {
                    read.AddRange(memory.Bytes((uint)address, length));
                }

                if ((flags & 1) == 0)
                {
                    return true;
                }

                index = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..]);
            }

            return false;
        }
    }
}
