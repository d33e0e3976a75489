namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>A generator that begins anywhere at no cost (the SplitMix64 step of Steele, Lea and Flood, 2014).</summary>
internal struct SeededRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next64()
    {
        ulong z = _state += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    public uint Next32() => (uint)(Next64() >> 32);

    /// <summary>A number from zero to <paramref name="end"/> - 1.</summary>
    public int Below(int end) => (int)(((ulong)Next32() * (uint)end) >> 32);

    /// <summary>True in <paramref name="percent"/> of a hundred cases.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    public T Pick<T>(ReadOnlySpan<T> from) => from[Below(from.Length)];

    public void Fill(Span<byte> bytes)
    {
        foreach (ref byte b in bytes)
        {
            b = (byte)(Next64() >> 40);
        }
    }
}
