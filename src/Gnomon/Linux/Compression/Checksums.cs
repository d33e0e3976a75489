namespace Gnomon.Linux.Compression;

/// <summary>The checksums of gzip and xz.</summary>
internal static class Checksums
{
    private static readonly uint[] _crc32 = Table32(0xEDB8_8320);
    private static readonly ulong[] _crc64 = Table64(0xC96C_5795_D787_0F42);

    /// <summary>CRC-32 as in IEEE 802.3, gzip and xz.</summary>
    public static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = _crc32[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return ~crc;
    }

    /// <summary>CRC-64 as in ECMA-182 and xz.</summary>
    public static ulong Crc64(ReadOnlySpan<byte> bytes)
    {
        ulong crc = ulong.MaxValue;
        foreach (byte value in bytes)
        {
            crc = _crc64[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static uint[] Table32(uint polynomial)
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value >> 1) ^ ((value & 1) * polynomial);
            }

            table[i] = value;
        }

        return table;
    }

    private static ulong[] Table64(ulong polynomial)
    {
        ulong[] table = new ulong[256];
        for (uint i = 0; i < 256; i++)
        {
            ulong value = i;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value >> 1) ^ ((value & 1) * polynomial);
            }

            table[i] = value;
        }

        return table;
    }
}
