using System.Buffers.Binary;

namespace Gnomon.Devices.Tests.Fixture;

/// <summary>The split virtqueue as the specification says it, over a plain array of bytes: slow, obvious, with its own code only.</summary>
internal sealed class RingModel(byte[] memory, int size, ulong descriptors, ulong available, ulong used)
{
    private ushort _seen;
    private ushort _given;

    /// <summary>Whether a rule was broken; nothing is done then any more.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Serves every request; <paramref name="serve"/> returns how much it wrote, or null when the request breaks a rule.</summary>
    public void Run(Func<List<Part>, uint?> serve)
    {
        while (!IsBroken && Get16(available + 2) != _seen)
        {
            if ((ushort)(Get16(available + 2) - _seen) > size)
            {
                IsBroken = true;
                return;
            }

            ushort head = Get16(available + 4 + (2ul * (uint)(_seen % size)));
            uint? written = head < size && Walk(head) is { } parts ? serve(parts) : null;
            if (written is not { } bytes)
            {
                IsBroken = true;
                return;
            }

            _seen++;
            ulong element = used + 4 + (8ul * (uint)(_given % size));
            BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan((int)element), head);
            BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan((int)element + 4), bytes);
            _given++;
            BinaryPrimitives.WriteUInt16LittleEndian(memory.AsSpan((int)used + 2), _given);
        }
    }

    /// <summary>The buffers of a request, or null when a rule is broken.</summary>
    public List<Part>? Walk(int head)
    {
        List<Part> parts = [];
        return Collect(descriptors, size, head, inside: false, parts)
            && parts.Count <= 256
            && !parts.Zip(parts.Skip(1)).Any(pair => pair.First.Writable && !pair.Second.Writable)
            && parts.Sum(part => (long)part.Length) <= uint.MaxValue
            && parts.All(part => part.Length == 0 || IsInside(part.Address, part.Length))
                ? parts
                : null;
    }

    private bool Collect(ulong table, int count, int first, bool inside, List<Part> parts)
    {
        HashSet<int> visited = [];
        for (int index = first; ;)
        {
            if (index >= count || !visited.Add(index) || parts.Count > 256)
            {
                return false;
            }

            ulong at = table + ((ulong)index * 16);
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(memory.AsSpan((int)at));
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(memory.AsSpan((int)at + 8));
            bool next = (Get16(at + 12) & 1) != 0;
            if ((Get16(at + 12) & 4) != 0)
            {
                return !inside && !next && length != 0 && length % 16 == 0 && IsInside(address, length)
                    && Collect(address, (int)(length / 16), 0, inside: true, parts);
            }

            parts.Add(new Part(address, length, (Get16(at + 12) & 2) != 0));
            if (!next)
            {
                return true;
            }

            index = Get16(at + 14);
        }
    }

    private bool IsInside(ulong address, uint length) => (UInt128)address + length <= (UInt128)memory.Length;

    private ushort Get16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(memory.AsSpan((int)address));
}
