using System.Buffers.Binary;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>Where things lie in a measured machine, and the data that its programs work on: the same for all of them.</summary>
internal static class CpuData
{
    /// <summary>Where the program lies.</summary>
    public const uint Code = 0x10_0000;

    /// <summary>The stack's top.</summary>
    public const uint Stack = 0x1F_0000;

    /// <summary><see cref="SourceWords"/> words.</summary>
    public const uint Source = 0x20_0000;

    /// <summary>How many words there are: 64 KiB.</summary>
    public const int SourceWords = 16384;

    /// <summary>Room for a copy of them.</summary>
    public const uint Target = 0x22_0000;

    /// <summary>A list of <see cref="ListNodes"/> nodes of 16 bytes, in an order that jumps about: the next node's address, a value.</summary>
    public const uint List = 0x24_0000;

    /// <summary>Nodes of the list.</summary>
    public const int ListNodes = 4096;

    /// <summary>Room for a number of many words.</summary>
    public const uint Number = 0x26_0000;

    /// <summary>Doubles: small whole numbers, so that sums of their products are exact.</summary>
    public const uint Doubles = 0x28_0000;

    /// <summary>How many doubles there are.</summary>
    public const int DoubleCount = 2048;

    /// <summary>A word for results that leave the processor by memory.</summary>
    public const uint Scratch = 0x2A_0000;

    // Odd, so that multiplying by it visits every node once.
    private const int ListStride = 1657;

    /// <summary>The word at an index.</summary>
    public static uint Word(int index) => ((uint)index * 0x9E37_79B1) ^ ((uint)index << 7);

    /// <summary>The double at an index.</summary>
    public static int Double(int index) => (index * 37 % 201) - 100;

    /// <summary>The list's node that is visited as number <paramref name="step"/>.</summary>
    public static int Node(int step) => step * ListStride % ListNodes;

    /// <summary>Writes all of it.</summary>
    public static void Load(BareMemory memory)
    {
        byte[] words = new byte[SourceWords * 4];
        for (int i = 0; i < SourceWords; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(words.AsSpan(i * 4), Word(i));
        }

        byte[] list = new byte[ListNodes * 16];
        for (int step = 0; step < ListNodes; step++)
        {
            Span<byte> node = list.AsSpan(Node(step) * 16, 16);
            BinaryPrimitives.WriteUInt32LittleEndian(node, step + 1 < ListNodes ? List + ((uint)Node(step + 1) * 16) : 0);
            BinaryPrimitives.WriteUInt32LittleEndian(node[4..], Word(step));
        }

        byte[] doubles = new byte[DoubleCount * 8];
        for (int i = 0; i < DoubleCount; i++)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(doubles.AsSpan(i * 8), Double(i));
        }

        memory.Load(Source, words);
        memory.Load(List, list);
        memory.Load(Doubles, doubles);
    }
}
