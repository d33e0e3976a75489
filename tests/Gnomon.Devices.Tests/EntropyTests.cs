using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>The entropy device and its seeded source.</summary>
public sealed class EntropyTests
{
    [Fact]
    public void Buffers_AreFilledFromTheSource()
    {
        using TestMachine machine = new(new VirtioEntropy(new SeededEntropy(42)));
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        byte[] expected = new byte[64];
        new SeededEntropy(42).Fill(expected);
        driver.Queues[0].Submit(0, new Part(0x8000, 24, true), new Part(0x9000, 40, true));
        Assert.Equal((0u, 64u), driver.Queues[0].TakeUsed());
        byte[] filled = [.. machine.Peek(0x8000, 24), .. machine.Peek(0x9000, 40)];
        Assert.Equal(expected, filled);
    }

    [Fact]
    public void LargeBuffer_GetsAPage()
    {
        using TestMachine machine = new(new VirtioEntropy(new SeededEntropy(42)));
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        driver.Queues[0].Submit(0, new Part(0x20000, 0x10000, true));
        Assert.Equal((0u, 4096u), driver.Queues[0].TakeUsed());
        Assert.Equal(new byte[16], machine.Peek(0x21000, 16));
    }

    [Fact]
    public void ReadableBuffer_BreaksTheRing()
    {
        using TestMachine machine = new(new VirtioEntropy(new SeededEntropy(42)));
        VirtioDriver driver = new VirtioDriver(machine, 1).Start();
        driver.Queues[0].Submit(0, new Part(0x8000, 8, false), new Part(0x9000, 8, true));
        Assert.Equal(15 | 64, driver.GetStatus());
        Assert.Equal(new byte[8], machine.Peek(0x9000, 8));
    }

    [Fact]
    public void Configuration_IsNotThere()
    {
        using TestMachine machine = new(new VirtioEntropy(new SeededEntropy(42)));
        VirtioDriver driver = new(machine, 1);
        Assert.Equal([1u, 2u, 3u, 5u], driver.Capabilities.Keys.Order());
    }

    // The published algorithms, once more with unlimited integers.
    [Theory]
    [InlineData(0ul)]
    [InlineData(0xDEAD_BEEF_0123_4567ul)]
    public void SeededEntropy_IsXoshiroSeededBySplitMix(ulong seed)
    {
        UInt128 mask = ulong.MaxValue;
        UInt128 counter = seed;
        UInt128[] s = new UInt128[4];
        for (int i = 0; i < 4; i++)
        {
            counter = (counter + 0x9E3779B97F4A7C15) & mask;
            UInt128 z = counter;
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask;
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask;
            s[i] = z ^ (z >> 31);
        }

        byte[] bytes = new byte[8 * 50];
        new SeededEntropy(seed).Fill(bytes);
        for (int i = 0; i < 50; i++)
        {
            UInt128 result = (Rotate((s[1] * 5) & mask, 7) * 9) & mask;
            Assert.Equal((ulong)result, BitConverter.ToUInt64(bytes, i * 8));
            UInt128 t = (s[1] << 17) & mask;
            s[2] ^= s[0];
            s[3] ^= s[1];
            s[1] ^= s[2];
            s[0] ^= s[3];
            s[2] ^= t;
            s[3] = Rotate(s[3], 45);
        }

        UInt128 Rotate(UInt128 value, int by) => ((value << by) | (value >> (64 - by))) & mask;
    }
}
