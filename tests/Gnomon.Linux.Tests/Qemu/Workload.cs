using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Gnomon.Linux.Tests.Qemu;

/// <summary>testdata/linux/workload.sh, and the results that this program computes for itself.</summary>
internal static class Workload
{
    public static string Script { get; } = Path.Combine(Root(), "testdata", "linux", "workload.sh");

    /// <summary>The lines that must be the same on every machine.</summary>
    public static string[] Lines(string console)
    {
        string[] lines = console.Replace("\r", "", StringComparison.Ordinal).Split('\n');
        int first = Array.IndexOf(lines, "begin identity");
        int last = Array.IndexOf(lines, "workload done");
        Assert.True(first >= 0 && last > first, console);
        return [.. lines[first..(last + 1)].Where(line => !line.StartsWith("time ", StringComparison.Ordinal))];
    }

    public static void Check(string console)
    {
        string[] lines = Lines(console);
        byte[] seed = Seed();
        byte[] data = Repeat(seed, 256);
        byte[] big = Repeat(seed, 512);
        // dd copies 1024 blocks of 4096 from block 17 to block 4096, one after another; they do not overlap.
        big.AsSpan(17 * 4096, 1024 * 4096).ToArray().CopyTo(big, 4096 * 4096);
        string numbers = string.Join('\n', Enumerable.Range(1, 20000));
        string[] expected =
        [
            "300 processes, sum 44850",
            "65536", "16777216", "33554432", "4194304", "200",
            $"{Sha(data)}  -", $"{Sha(big)}  -",
            Convert.ToHexStringLower(Md5(data)) + "  -",
            "20 2000",
            $"parent {8 * numbers.Length} {Cksum(numbers + "\n")} {numbers.Length + 1}",
            .. Enumerable.Range(1, 8).Select(child => $"{numbers.Length + 1} {Cksum(child + numbers + "\n")} {numbers.Length + 2}"),
            "usr1 200", "term handled", "killed child 137", "child with a fault 139", "child with a handler 7", "timeout 143",
            Math.PI.ToString("F15", CultureInfo.InvariantCulture),
            $"{Math.E.ToString("F15", CultureInfo.InvariantCulture)} {Math.E.ToString("F15", CultureInfo.InvariantCulture)}",
            "1.000000000000000",
            Math.Log(10).ToString("F15", CultureInfo.InvariantCulture),
            "142857142 -7 2147483647",
            .. Enumerable.Range(0, 4).Select(round => $"round {round} {Enumerable.Range(0, 20000).Sum(i => (long)$"{i * round}x".Length)}"),
            "gone", "workload done",
        ];
        foreach (string line in expected)
        {
            Assert.True(lines.Contains(line), $"\"{line}\" is missing in:\n{string.Join('\n', lines)}");
        }

        // What gunzip gives is what gzip took.
        Assert.Equal(2, lines.Count(line => line == $"{Sha(data)}  -"));
        Assert.Equal(Math.Sqrt(2).ToString("F15", CultureInfo.InvariantCulture), lines.Single(line => line.StartsWith("1.41421", StringComparison.Ordinal)).Split(' ')[0]);
        string[] parts = [.. lines.Where(line => line.StartsWith("begin ", StringComparison.Ordinal)).Select(line => line[6..])];
        Assert.Equal(parts, lines.Where(line => line.StartsWith("end ", StringComparison.Ordinal)).Select(line => line[4..]));
        Assert.Equal(11, parts.Length);
    }

    private static byte[] Seed()
    {
        StringBuilder text = new();
        long x = 1;
        for (int i = 0; i < 8192; i++)
        {
            x = x * 16807 % 2147483647;
            text.Append((x % 268435456).ToString("x7", CultureInfo.InvariantCulture)).Append('\n');
        }

        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private static byte[] Repeat(byte[] bytes, int count)
    {
        byte[] all = new byte[bytes.Length * count];
        for (int i = 0; i < count; i++)
        {
            bytes.CopyTo(all, i * bytes.Length);
        }

        return all;
    }

    private static string Sha(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

#pragma warning disable CA5351 // The workload hashes by MD5 to do work, not to protect anything.
    private static byte[] Md5(byte[] bytes) => MD5.HashData(bytes);
#pragma warning restore CA5351

    // POSIX cksum: CRC of polynomial 0x04C11DB7, bit by bit from the top, the length's bytes behind the content.
    private static uint Cksum(string text)
    {
        List<byte> bytes = [.. Encoding.ASCII.GetBytes(text)];
        for (int length = bytes.Count; length > 0; length >>= 8)
        {
            bytes.Add((byte)length);
        }

        uint crc = 0;
        foreach (byte value in bytes)
        {
            crc ^= (uint)value << 24;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc << 1) ^ ((crc >> 31) * 0x04C1_1DB7);
            }
        }

        return ~crc;
    }

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Gnomon.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The repository is not around the test.");
    }
}
