using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Loading;

public sealed class BootMemoryMapTests
{
    private const int Unit = 0x400;

    [Fact]
    public void Build_RandomReservations_AgreesWithAModelOfSmallUnits()
    {
        for (int seed = 1; seed <= TestSettings.Steps(300); seed++)
        {
            Random random = new(seed);
            const int units = 8 << 10;
            int size = random.Next(1, units);
            BootMemoryType?[] model = new BootMemoryType?[units];
            Array.Fill(model, BootMemoryType.Ram, 0, size);
            Array.Fill(model, null, 0xA_0000 / Unit, 0x4_0000 / Unit);
            Array.Fill(model, BootMemoryType.Reserved, 0x9_FC00 / Unit, 1);
            Array.Fill(model, BootMemoryType.Reserved, 0xE_0000 / Unit, 0x2_0000 / Unit);
            bool[] taken = new bool[units];
            Array.Fill(taken, true, 0x9_FC00 / Unit, 0x6_0400 / Unit);
            List<BootMemoryRange> reserved = [];
            for (int i = random.Next(6); i > 0; i--)
            {
                int from = random.Next(units - 64);
                int count = random.Next(1, 64);
                if (!taken.AsSpan(from, count).Contains(true))
                {
                    BootMemoryType type = (BootMemoryType)random.Next(2, 5);
                    Array.Fill(taken, true, from, count);
                    Array.Fill(model, type, from, count);
                    reserved.Add(new BootMemoryRange((ulong)from * Unit, (ulong)count * Unit, type));
                }
            }

            IReadOnlyList<BootMemoryRange> map = BootMemoryMap.Build((ulong)size * Unit, reserved);
            BootMemoryType?[] built = new BootMemoryType?[units];
            ulong end = 0;
            foreach (BootMemoryRange range in map)
            {
                Assert.True(range.Address >= end && range.Length > 0, $"seed {seed}: {range}");
                end = range.Address + range.Length;
                Array.Fill(built, range.Type, (int)(range.Address / Unit), (int)(range.Length / Unit));
            }

            Assert.True(model.AsSpan().SequenceEqual(built), $"seed {seed}: size {size}, {string.Join(", ", reserved)}: {string.Join(", ", map)}");
        }
    }

    [Fact]
    public void Build_RangeAtTheEndOfTheAddressSpace_IsKept()
    {
        BootMemoryRange rom = new(0xFFFC_0000, 0x4_0000, BootMemoryType.Reserved);
        Assert.Contains(rom, BootMemoryMap.Build(64 << 20, [rom]));
    }

    [Theory]
    [InlineData(0x20_0000, 0)]
    [InlineData(0xF_FFFF, 0x10)]
    [InlineData(0x9_FB00, 0x200)]
    [InlineData(ulong.MaxValue, 2)]
    public void Build_EmptyOrOverlapping_IsTheCallersFault(ulong address, ulong length) =>
        Assert.Throws<ArgumentException>(() => BootMemoryMap.Build(64 << 20, [new(address, length, BootMemoryType.Reserved)]));

    [Fact]
    public void Build_ReservedRangesThatOverlapEachOther_IsTheCallersFault() =>
        Assert.Throws<ArgumentException>(() => BootMemoryMap.Build(
            64 << 20, [new(0x20_0000, 0x2000, BootMemoryType.Reserved), new(0x20_1000, 0x2000, BootMemoryType.AcpiTables)]));

    [Fact]
    public void Build_ReservedAsRam_IsTheCallersFault() =>
        Assert.Throws<ArgumentException>(() => BootMemoryMap.Build(64 << 20, [new(0x20_0000, 0x2000, BootMemoryType.Ram)]));
}
