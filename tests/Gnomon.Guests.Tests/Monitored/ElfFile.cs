using System.Buffers.Binary;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>Makes kernels of bytes.</summary>
internal static class ElfFile
{
    private const int Offset = 0x1000;

    /// <summary>An executable of one segment, which begins with its entry.</summary>
    public static byte[] Of(ReadOnlySpan<byte> memory, uint address)
    {
        byte[] file = new byte[Offset + memory.Length];
        "\u007FELF\u0001\u0001\u0001"u8.CopyTo(file);
        (int At, int Value)[] halves = [(16, 2), (18, 3), (40, 52), (42, 32), (44, 1)];
        (int At, uint Value)[] words =
        [
            (20, 1), (24, address), (28, 52), (52, 1), (56, Offset), (60, address), (64, address), (68, (uint)memory.Length), (72, (uint)memory.Length),
        ];
        foreach ((int at, int value) in halves)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), (ushort)value);
        }

        foreach ((int at, uint value) in words)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
        }

        memory.CopyTo(file.AsSpan(Offset));
        return file;
    }
}
