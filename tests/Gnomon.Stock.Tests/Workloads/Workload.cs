using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Gnomon.Stock.Tests.Workloads;

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

    /// <summary>Checks what is known.</summary>
    /// <param name="console">What the guest has written.</param>
    /// <param name="forks">As the script's variable.</param>
    /// <param name="blocks">As the script's variable.</param>
    /// <param name="elements">As the script's variable.</param>
    public static void Check(string console, int forks = 300, int blocks = 256, int elements = 20000)
    {
        const int block = 0x1_0000;
        string[] lines = Lines(console);
        byte[] seed = Seed();
        byte[] data = Repeat(seed, blocks);
        byte[] big = Repeat(seed, 2 * blocks);
        // dd copies a quarter of the first half from page 17 to the second half, page after page; they do not overlap.
        big.AsSpan(17 * 4096, blocks * block / 4).ToArray().CopyTo(big, blocks * block);
        string numbers = string.Join('\n', Enumerable.Range(1, elements));
        double terms = 5.0 * elements;
        string[] expected =
        [
            Text($"{forks} processes, sum {forks * (forks - 1) / 2}"),
            Text($"{block}"), Text($"{blocks * block}"), Text($"{2 * blocks * block}"), "4194304", "200",
            $"{Sha(data)}  -", $"{Sha(big)}  -",
            $"{Md5(data)}  -",
            $"20 {Enumerable.Range(1, elements / 10).Max(i => int.Parse(string.Concat($"{i}".Reverse()), CultureInfo.InvariantCulture))}",
            $"parent {8 * numbers.Length} {Md5(numbers + "\n")}  -",
            .. Enumerable.Range(1, 8).Select(child => $"child {child} {numbers.Length + 1} {Md5(child + numbers + "\n")}  -"),
            "usr1 200", "term handled", "killed child 137", "child with a fault 139", "child with a handler 7", "timeout 143",
            Text($"pi {Math.PI:F12}"),
            Text($"e {Math.E:F12}"),
            Text($"roots {Math.Sqrt(2):F12} {Math.Sqrt(3):F12} {Math.Sqrt(1e10 + 7):F12}"),
            Text($"cosines {Math.Cos(1):F12} {0.5:F12} {-1.0:F12}"),
            Text($"sum {terms / 10:F6}"),
            // The harmonic number by Euler and Maclaurin.
            Text($"harmonic {Math.Log(terms) + 0.577215664901532861 + (1 / (2 * terms)) - (1 / (12 * terms * terms)):F9}"),
            Text($"integers {1_000_000_000 / 7} -7 {int.MaxValue}"),
            "range inf -inf 4.94066e-324 0",
            .. Enumerable.Range(0, 4).Select(round => $"round {round} {Enumerable.Range(0, elements).Sum(i => (long)$"{i * round}x".Length)}"),
            "gone", "workload done",
        ];
        foreach (string line in expected)
        {
            Assert.True(lines.Contains(line), $"\"{line}\" is missing in:\n{string.Join('\n', lines)}");
        }

        // What gunzip gives is what gzip took.
        Assert.Equal(2, lines.Count(line => line == $"{Sha(data)}  -"));
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
    private static string Md5(byte[] bytes) => Convert.ToHexStringLower(MD5.HashData(bytes));
#pragma warning restore CA5351

    private static string Md5(string text) => Md5(Encoding.ASCII.GetBytes(text));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

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
