using System.Numerics;

namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>What the measured programs must come to, computed in another way where there is one.</summary>
internal static class CpuModels
{
    /// <summary>Rounds of a hash such as SHA-1's first twenty.</summary>
    public static uint Hash(int rounds)
    {
        (uint a, uint b, uint c, uint d) = (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476);
        for (int left = rounds; left > 0; left--)
        {
            uint choice = (b & c) | (~b & d);
            uint mixed = BitOperations.RotateLeft(a, 5) + choice + 0x5A82_7999 + (uint)left;
            (a, b, c, d) = (mixed, a, BitOperations.RotateLeft(b, 30), c);
        }

        return a ^ b ^ c ^ d;
    }

    /// <summary>The sum of words, taken so many times as they fit.</summary>
    public static uint Sum(int words) => (uint)Enumerable.Range(0, words).Sum(i => (long)CpuData.Word(i));

    /// <summary>The sum along the list, several times.</summary>
    public static uint List(int times) => (uint)times * Sum(CpuData.ListNodes);

    /// <summary>A Fibonacci number.</summary>
    public static uint Fibonacci(int n)
    {
        (uint last, uint next) = (0, 1);
        for (int i = 0; i < n; i++)
        {
            (last, next) = (next, last + next);
        }

        return last;
    }

    /// <summary>The exclusive or of the words of a number added up so many times.</summary>
    public static uint BigSum(int times)
    {
        BigInteger number = Enumerable.Range(0, CpuKernels.NumberWords).Reverse().Aggregate(BigInteger.Zero, (sum, i) => (sum << 32) | CpuData.Word(i));
        BigInteger total = (number * times) & ((BigInteger.One << (32 * CpuKernels.NumberWords)) - 1);
        uint result = 0;
        for (; !total.IsZero; total >>= 32)
        {
            result ^= (uint)(total & uint.MaxValue);
        }

        return result;
    }

    /// <summary>The cyclic redundancy check of IEEE 802.3 over bytes of the words, by table, without the last inversion.</summary>
    public static uint Crc(int bytes)
    {
        uint[] table = [.. Enumerable.Range(0, 256).Select(index => Enumerable.Range(0, 8).Aggregate((uint)index, (value, _) => (value & 1) != 0 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1))];
        uint crc = uint.MaxValue;
        for (int i = 0; i < bytes; i++)
        {
            crc = (crc >> 8) ^ table[(byte)(crc ^ (CpuData.Word(i / 4) >> (8 * (i % 4))))];
        }

        return crc;
    }

    /// <summary>First and last word of a copy, and of a filled block.</summary>
    public static uint Moved(int words) => (CpuData.Word(0) ^ CpuData.Word(words - 1)) + CpuKernels.Filling;

    /// <summary>The sum of products of neighbours.</summary>
    public static uint Products(int pairs) => (uint)Enumerable.Range(0, pairs).Sum(i => CpuData.Double(2 * i) * CpuData.Double((2 * i) + 1));
}
