using CsCheck;

namespace Gnomon.Devices.Tests.Fixture;

/// <summary>One descriptor as the generator thinks of it.</summary>
internal readonly record struct RandomDescriptor(int Place, int At, int LengthKind, int Length, ushort Flags, int Next);

/// <summary>What a hostile driver does before one notification.</summary>
internal sealed record RandomRound(RandomDescriptor[] Table, RandomDescriptor[] Indirect, int[] Heads, int Ahead);

/// <summary>Rings that are half right: most requests can be served, and every rule is broken now and then.</summary>
internal static class RandomRings
{
    public const int QueueSize = 8;

    private const ulong IndirectTables = 0x18000;
    private const int Data = 0x20000;

    public static Gen<RandomRound[]> Rounds { get; } = MakeRounds();

    /// <summary>Writes a round into memory.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="round">The round.</param>
    /// <param name="tame">Writable buffers never lie in the rings and tables, so that a device does not change them.</param>
    /// <param name="requests">Every other descriptor is the header of a disk request.</param>
    public static void Write(DriverQueue queue, RandomRound round, bool tame, bool requests = false)
    {
        for (int i = 0; i < QueueSize; i++)
        {
            if (requests && i % 2 == 0 && round.Table[i].Place < 24)
            {
                queue.WriteDescriptor(i, Data + ((ulong)(round.Table[i].At % 0x1E00) * 16), 16, DriverQueue.Next, i + 1);
            }
            else
            {
                Write(queue, queue.Descriptors, i, round.Table[i], tame);
            }
        }

        for (int i = 0; i < round.Indirect.Length; i++)
        {
            Write(queue, IndirectTables, i, round.Indirect[i], tame);
        }
    }

    private static void Write(DriverQueue queue, ulong table, int slot, RandomDescriptor descriptor, bool tame)
    {
        bool isTable = (descriptor.Flags & DriverQueue.IsTable) != 0;
        uint length = descriptor.LengthKind switch
        {
            < 4 => 1 + (512 * ((uint)descriptor.Length % 9)),
            < 12 => (uint)descriptor.Length % 64,
            < 16 => (uint)descriptor.Length % 9000,
            16 => 0,
            17 => uint.MaxValue - ((uint)descriptor.Length % 4),
            _ => (uint)descriptor.Length % (TestMachine.Bytes * 2),
        };
        ulong address = descriptor.Place switch
        {
            < 24 => (ulong)(Data + (descriptor.At % 0x1E000)),
            24 => TestMachine.Bytes - ((uint)descriptor.At % 40),
            25 => ulong.MaxValue - ((uint)descriptor.At % 40),
            26 => (ulong)descriptor.At << 30,
            _ => tame ? Data : 0x10000 + ((ulong)descriptor.At % 0x9000),
        };
        if (isTable && descriptor.Place < 22)
        {
            address = IndirectTables + ((ulong)(descriptor.At % 3) * 128);
            length = (uint)(1 + (descriptor.Length % 8)) * 16;
        }

        queue.WriteDescriptorAt(table, slot, address, length, descriptor.Flags, descriptor.Next);
    }

    private static Gen<RandomRound[]> MakeRounds()
    {
        Gen<ushort> flags = Gen.Frequency(
            (6, Gen.Const((ushort)2)), (6, Gen.Const((ushort)3)), (2, Gen.Const((ushort)1)), (2, Gen.Const((ushort)0)), (3, Gen.Const((ushort)4)), (1, Gen.UShort));
        Gen<RandomDescriptor> descriptor = Gen.Select(
            Gen.Int[0, 27], Gen.Int[0, 1 << 20], Gen.Int[0, 18], Gen.Int[0, 1 << 20], flags, Gen.Frequency((30, Gen.Int[0, QueueSize - 1]), (1, Gen.Int[0, 0xFFFF])),
            (place, at, kind, length, bits, next) => new RandomDescriptor(place, at, kind, length, bits, next));
        Gen<RandomRound> round = Gen.Select(
            descriptor.Array[QueueSize], descriptor.Array[24], Gen.Frequency((60, Gen.Int[0, QueueSize - 1]), (1, Gen.Int[0, 0xFFFF])).Array[QueueSize], Gen.Int[0, QueueSize + 1],
            (table, indirect, heads, ahead) => new RandomRound(table, indirect, heads, ahead));
        return round.Array[1, 6];
    }
}
