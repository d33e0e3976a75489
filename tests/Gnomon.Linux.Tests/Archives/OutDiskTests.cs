using System.Formats.Tar;
using System.Text;
using Gnomon.Linux;
using Gnomon.Linux.Tests.Fixture;
using Gnomon.Linux.Tests.Qemu;

namespace Gnomon.Linux.Tests.Archives;

public sealed class OutDiskTests
{
    private const TarEntryFormat Gnu = TarEntryFormat.Gnu;

    [Theory]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Ustar)]
    public void Read_RandomFilesOfAnotherWriter_ComeBackWhole(TarEntryFormat format)
    {
        for (int seed = 1; seed <= TestSettings.Steps(20); seed++)
        {
            Random random = new(seed);
            Dictionary<string, byte[]> expected = [];
            List<TarEntry> entries = [TarBytes.Entry(format, "./", TarEntryType.Directory)];
            for (int i = random.Next(1, 12); i > 0; i--)
            {
                int longest = format == TarEntryFormat.Ustar ? 60 : 200;
                string name = $"{new string((char)('a' + i), random.Next(1, longest))}/{(format == TarEntryFormat.Ustar ? "u" : "ü")} {i}";
                byte[] content = new byte[random.Next(3) switch { 0 => 0, 1 => 512, _ => random.Next(3000) }];
                random.NextBytes(content);
                expected[name] = content;
                entries.Add(TarBytes.File(format, "./" + name, content));
            }

            using TemporaryFolder folder = new();
            OutResult result = Read(folder, Disk(TarBytes.Of(format, [.. entries]), status: seed % 256));
            Assert.Equal(seed % 256, result.Status);
            Assert.Empty(result.Problems);
            Assert.Equal(expected.Count, result.Files);
            Assert.Equal(expected.Values.Sum(content => content.Length), result.Bytes);
            Assert.All(expected, file => Assert.Equal(file.Value, File.ReadAllBytes(Path.Combine(folder.Path, "out", file.Key))));
            Assert.Equal(expected.Count, Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Length);
        }
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("a/../../outside")]
    [InlineData("./../outside")]
    [InlineData("/../outside")]
    [InlineData("..")]
    [InlineData("a/b\\..\\outside")]
    [InlineData("bad\u001b[31mname")]
    [InlineData("new\nline")]
    public void Read_NamesThatLeadOutOrDeceive_AreLeftOut(string name)
    {
        using TemporaryFolder folder = new();
        byte[] tar = [.. TarBytes.Header(name, '0', "00000000003"), .. Padded("bad"u8), .. TarBytes.Header("good", '0', "00000000002"), .. Padded("ok"u8), .. TarBytes.End];
        OutResult result = Read(folder, Disk(tar));
        Assert.Equal(1, result.Files);
        string problem = Assert.Single(result.Problems);
        Assert.DoesNotContain(problem, char.IsControl);
        Assert.Equal([Path.Combine(folder.Path, "out", "good")], Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void Read_AbsoluteName_LiesInTheFolder()
    {
        using TemporaryFolder folder = new();
        byte[] tar = [.. TarBytes.Header("/etc/passwd", '0', "00000000003"), .. Padded("bad"u8), .. TarBytes.End];
        Assert.Equal(1, Read(folder, Disk(tar)).Files);
        Assert.Equal("bad", File.ReadAllText(Path.Combine(folder.Path, "out", "etc", "passwd")));
    }

    [Fact]
    public void Read_LinksAndDevices_AreNotMade()
    {
        using TemporaryFolder folder = new();
        OutResult result = Read(folder, Disk(TarBytes.Of(
            Gnu,
            TarBytes.Entry(Gnu, "away", TarEntryType.SymbolicLink, ".."),
            TarBytes.File(Gnu, "away/file", "x"u8.ToArray()),
            TarBytes.Entry(Gnu, "device", TarEntryType.CharacterDevice),
            TarBytes.Entry(Gnu, "pipe", TarEntryType.Fifo),
            TarBytes.Entry(Gnu, "hard", TarEntryType.HardLink, "../../etc/passwd"),
            TarBytes.Entry(Gnu, "other", TarEntryType.HardLink, "nowhere"))));
        Assert.Equal(1, result.Files);
        Assert.Equal(5, result.Problems.Count);
        Assert.Equal([Path.Combine(folder.Path, "out", "away", "file")], Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
        Assert.Null(new DirectoryInfo(Path.Combine(folder.Path, "out", "away")).LinkTarget);
    }

    [Fact]
    public void Read_LinksThatAreOnTheHost_AreNotFollowed()
    {
        Oracle.RequirePlatform(!OperatingSystem.IsWindows(), "symbolic links without special rights");
        using TemporaryFolder folder = new();
        string outside = folder.File("outside", "untouched"u8);
        string target = Path.Combine(folder.Path, "out");
        Directory.CreateDirectory(target);
        File.CreateSymbolicLink(Path.Combine(target, "file"), outside);
        Directory.CreateSymbolicLink(Path.Combine(target, "folder"), folder.Path);
        OutResult result = Read(folder, Disk(TarBytes.Of(
            Gnu, TarBytes.File(Gnu, "file", "bad"u8.ToArray()), TarBytes.File(Gnu, "folder/outside", "bad"u8.ToArray()), TarBytes.Entry(Gnu, "folder", TarEntryType.Directory))));
        Assert.Equal(0, result.Files);
        Assert.Equal(3, result.Problems.Count);
        Assert.Equal("untouched", File.ReadAllText(outside));
    }

    [Fact]
    public void Read_FileThatIsAHardLinkOnTheHost_LeavesTheOtherNameAlone()
    {
        using TemporaryFolder folder = new();
        string target = Path.Combine(folder.Path, "out");
        Directory.CreateDirectory(target);
        string other = folder.File("other", "old and longer"u8);
        Tools.Pack([], "ln", other, Path.Combine(target, "file"));
        OutResult result = Read(folder, Disk(TarBytes.Of(Gnu, TarBytes.File(Gnu, "file", "new"u8.ToArray()))));
        Assert.Equal(1, result.Files);
        Assert.Equal("new", File.ReadAllText(Path.Combine(target, "file")));
        Assert.Equal("old and longer", File.ReadAllText(other));
    }

    [Fact]
    public void Read_HardLinkToAFileThatCame_IsACopyThatCounts()
    {
        using TemporaryFolder folder = new();
        byte[] tar = TarBytes.Of(Gnu, TarBytes.File(Gnu, "./one", new byte[600]), TarBytes.Entry(Gnu, "./two", TarEntryType.HardLink, "./one"), TarBytes.Entry(Gnu, "./three", TarEntryType.HardLink, "./one"));
        OutResult result = Read(folder, Disk(tar), new OutLimits { MaxBytes = 1300 });
        Assert.Equal((2, 1200L), (result.Files, result.Bytes));
        Assert.Single(result.Problems);
        Assert.Equal(new byte[600], File.ReadAllBytes(Path.Combine(folder.Path, "out", "two")));
    }

    [Fact]
    public void Read_MoreThanTheLimits_StopsThere()
    {
        using TemporaryFolder folder = new();
        byte[] tar = TarBytes.Of(Gnu, [.. Enumerable.Range(0, 10).Select(i => TarBytes.File(Gnu, $"f{i}", new byte[100]))]);
        OutResult bytes = Read(folder, Disk(tar), new OutLimits { MaxBytes = 350 });
        Assert.Equal((3, 300L), (bytes.Files, bytes.Bytes));
        Assert.Single(bytes.Problems);
        OutResult entries = Read(folder, Disk(tar), new OutLimits { MaxEntries = 4 });
        Assert.Equal(4, entries.Files);
        Assert.Single(entries.Problems);
        OutResult deep = Read(folder, Disk(TarBytes.Of(Gnu, TarBytes.File(Gnu, "a/b/c/d", []))), new OutLimits { MaxDepth = 3 });
        Assert.Equal(0, deep.Files);
        Assert.Single(deep.Problems);
    }

    [Fact]
    public void Read_HugeOrFalseLengths_WriteNothing()
    {
        byte[] binary = TarBytes.Header("f", '0', "");
        binary.AsSpan(124, 12).Fill(0xFF);
        binary[124] = 0x80;
        byte[][] archives =
        [
            [.. TarBytes.Header("f", '0', "77777777777"), .. TarBytes.End],
            [.. TarBytes.Header("f", '0', "00000002000"), .. new byte[512]],
            [.. TarBytes.Header("f", '0', "00000009999"), .. TarBytes.End],
            [.. TarBytes.Sealed(binary), .. TarBytes.End],
            [.. TarBytes.Header("f", 'L', "77777777777"), .. TarBytes.End],
            [.. TarBytes.Header("f", 'x', "00000000010"), .. Padded("99999999 "u8), .. TarBytes.End],
            [.. TarBytes.Header("f", 'x', "00000000010"), .. Padded("8 size=-"u8), .. TarBytes.End],
            [.. TarBytes.Header("f", '0', "00000000001").Select((value, i) => i == 5 ? (byte)1 : value), .. TarBytes.End],
            [],
            [1, 2, 3],
        ];
        foreach (byte[] archive in archives)
        {
            using TemporaryFolder folder = new();
            OutResult result = Read(folder, Disk(archive, exact: true));
            Assert.Equal(0, result.Files);
            Assert.Equal(0, result.Status);
            Assert.Single(result.Problems);
            Assert.Empty(Directory.GetFiles(Path.Combine(folder.Path, "out"), "*", SearchOption.AllDirectories));
        }
    }

    [Fact]
    public void Read_DamagedDisks_NeverWriteOutsideAndNeverThrow()
    {
        byte[] good = Disk(TarBytes.Of(
            Gnu, TarBytes.File(Gnu, "a/b", new byte[700]), TarBytes.Entry(Gnu, "c", TarEntryType.HardLink, "a/b"), TarBytes.File(Gnu, new string('x', 200), "y"u8.ToArray())));
        using TemporaryFolder folder = new();
        string marker = folder.File("marker", "m"u8);
        for (int seed = 1; seed <= TestSettings.Steps(300); seed++)
        {
            Random random = new(seed);
            byte[] disk = [.. good];
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                disk[random.Next(random.Next(3) == 0 ? 512 : 4096, disk.Length)] = (byte)random.Next(256);
            }

            // Damage behind the checksum: the headers are sealed again.
            for (int at = 4096; at + 512 <= disk.Length; at += 512)
            {
                if (disk.AsSpan(at + 257, 5).SequenceEqual("ustar"u8))
                {
                    TarBytes.Sealed(disk[at..(at + 512)]).CopyTo(disk, at);
                }
            }

            OutResult result = Read(folder, random.Next(3) == 0 ? disk[..random.Next(disk.Length)] : disk, new OutLimits { MaxBytes = 2000 });
            Assert.InRange(result.Bytes, 0, 2000);
            Assert.Equal([marker], Directory.GetFiles(folder.Path));
            Assert.Equal(["out"], Directory.GetDirectories(folder.Path).Select(Path.GetFileName));
            Directory.Delete(Path.Combine(folder.Path, "out"), recursive: true);
            Directory.CreateDirectory(Path.Combine(folder.Path, "out"));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("gnomon out 1 256 0\n")]
    [InlineData("gnomon out 1 -1 0\n")]
    [InlineData("gnomon out 1 1\n")]
    [InlineData("gnomon out 2 1 0\n")]
    [InlineData("gnomon out 1 1 0")]
    public void Read_DiskThatWasNotFinished_HasNoStatus(string header)
    {
        using TemporaryFolder folder = new();
        byte[] disk = new byte[8192];
        Encoding.ASCII.GetBytes(header).CopyTo(disk, 0);
        OutResult result = Read(folder, disk);
        Assert.Null(result.Status);
        Assert.Single(result.Problems);
    }

    [Fact]
    public void Read_GuestCouldNotPackAll_SaysSoAndTakesWhatIsThere()
    {
        using TemporaryFolder folder = new();
        byte[] tar = TarBytes.Of(Gnu, TarBytes.File(Gnu, "a", new byte[100]), TarBytes.File(Gnu, "b", new byte[5000]))[..3000];
        OutResult result = Read(folder, Disk(tar, status: 3, tarStatus: 1, exact: true));
        Assert.Equal((3, 1), (result.Status, result.Files));
        Assert.Equal(2, result.Problems.Count);
        Assert.Contains("too small", result.Problems[0], StringComparison.Ordinal);
    }

    private static OutResult Read(TemporaryFolder folder, byte[] disk, OutLimits? limits = null) =>
        OutDisk.Read(new MemoryStream(disk), Path.Combine(folder.Path, "out"), limits ?? new OutLimits());

    private static byte[] Disk(byte[] tar, int status = 0, int tarStatus = 0, bool exact = false)
    {
        byte[] disk = new byte[4096 + tar.Length + (exact ? 0 : 4096)];
        Encoding.ASCII.GetBytes($"gnomon out 1 {status} {tarStatus}\n").CopyTo(disk, 0);
        tar.CopyTo(disk, 4096);
        return disk;
    }

    private static byte[] Padded(ReadOnlySpan<byte> content)
    {
        byte[] block = new byte[512];
        content.CopyTo(block);
        return block;
    }
}
