namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>What the data pages contain before a case, but for the case's patches.</summary>
internal static class Background
{
    private static readonly byte[] _low = Make(1);
    private static readonly byte[] _high = Make(2);

    /// <summary>The bytes of the window that begins at <paramref name="start"/>: writable pages, then the read-only one.</summary>
    public static ReadOnlySpan<byte> Of(uint start) => start switch
    {
        AddressMap.LowData => _low,
        AddressMap.HighData => _high,
        _ => throw new ArgumentOutOfRangeException(nameof(start)),
    };

    /// <summary>The byte at a linear address of a data window.</summary>
    public static byte At(uint address) => address >= AddressMap.HighData
        ? _high[address - AddressMap.HighData]
        : _low[address - AddressMap.LowData];

    private static byte[] Make(int seed)
    {
        byte[] bytes = new byte[AddressMap.WindowBytes];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
