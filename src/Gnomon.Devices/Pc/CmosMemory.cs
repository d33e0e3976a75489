namespace Gnomon.Devices;

/// <summary>What firmware leaves in CMOS memory: equipment and memory sizes, with their check sum.</summary>
internal static class CmosMemory
{
    private const int Equipment = 0x14;
    private const int BaseMemory = 0x15;
    private const int ExtendedMemory = 0x17;
    private const int CheckSum = 0x2E;
    private const int ExtendedMemoryAgain = 0x30;
    private const int Above16MiB = 0x34;
    private const int Above4GiB = 0x5B;

    private const byte Fpu = 1 << 1;
    private const ulong KiB = 1024;
    private const ulong MiB = 1024 * KiB;
    private const ulong Block = 64 * KiB;

    /// <summary>Fills it.</summary>
    /// <param name="registers">The 128 bytes.</param>
    /// <param name="memoryBytes">The size of memory; what does not lie below 4 GiB lies above.</param>
    public static void Fill(Span<byte> registers, ulong memoryBytes)
    {
        registers[Equipment] = Fpu;
        Put16(registers[BaseMemory..], Math.Min(memoryBytes / KiB, 640));
        ulong extended = memoryBytes <= MiB ? 0 : Math.Min((memoryBytes - MiB) / KiB, ushort.MaxValue);
        Put16(registers[ExtendedMemory..], extended);
        Put16(registers[ExtendedMemoryAgain..], extended);
        ulong below = Math.Min(memoryBytes, 4096 * MiB);
        Put16(registers[Above16MiB..], below <= 16 * MiB ? 0 : Math.Min((below - (16 * MiB)) / Block, ushort.MaxValue));
        ulong above = (memoryBytes - below) / Block;
        Put16(registers[Above4GiB..], above & 0xFFFF);
        registers[Above4GiB + 2] = (byte)Math.Min(above >> 16, byte.MaxValue);

        int sum = 0;
        foreach (byte value in registers[0x10..CheckSum])
        {
            sum += value;
        }

        registers[CheckSum] = (byte)(sum >> 8);
        registers[CheckSum + 1] = (byte)sum;
    }

    private static void Put16(Span<byte> place, ulong value)
    {
        place[0] = (byte)value;
        place[1] = (byte)(value >> 8);
    }
}
