using System.Globalization;
using System.Text;
using Gnomon.Linux;

namespace Gnomon.Linux.Tests.Archives;

public sealed class CpioArchiveTests
{
    [Fact]
    public void ToArray_RandomTrees_AreReadBackByAnIndependentReader()
    {
        for (int seed = 1; seed <= TestSettings.Steps(100); seed++)
        {
            Random random = new(seed);
            CpioArchive archive = new();
            SortedDictionary<string, (int Mode, byte[] Content, int Major, int Minor)> expected = new(StringComparer.Ordinal);
            for (int i = random.Next(20); i > 0; i--)
            {
                string path = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Name(random)));
                byte[] content = new byte[random.Next(4) == 0 ? 0 : random.Next(70)];
                random.NextBytes(content);
                bool taken = expected.Keys.Any(other => other == path || other.StartsWith(path + "/", StringComparison.Ordinal)
                    || (path.StartsWith(other + "/", StringComparison.Ordinal) && (expected[other].Mode & 0xF000) != 0x4000));
                if (taken)
                {
                    continue;
                }

                for (int slash = path.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = path.IndexOf('/', slash + 1))
                {
                    expected.TryAdd(path[..slash], (0x41ED, [], 0, 0));
                }

                switch (random.Next(4))
                {
                    case 0:
                        archive.AddFile("/" + path, content, 0x1C0);
                        expected[path] = (0x81C0, content, 0, 0);
                        break;
                    case 1:
                        archive.AddDirectory(path + "/", 0x3FF);
                        expected[path] = (0x43FF, [], 0, 0);
                        break;
                    case 2:
                        archive.AddSymbolicLink(path, "../x/" + path);
                        expected[path] = (0xA1FF, Encoding.UTF8.GetBytes("../x/" + path), 0, 0);
                        break;
                    default:
                        bool block = random.Next(2) == 0;
                        archive.AddDevice(path, block, 254, 17);
                        expected[path] = ((block ? 0x6000 : 0x2000) | 0x180, [], 254, 17);
                        break;
                }
            }

            byte[] bytes = archive.ToArray();
            Assert.Equal(bytes, archive.ToArray());
            List<(string Path, int Mode, byte[] Content, int Major, int Minor)> read = Read(bytes);
            Assert.Equal(expected.Keys, read.Select(entry => entry.Path));
            foreach ((string path, int mode, byte[] content, int major, int minor) in read)
            {
                Assert.Equal((path, expected[path].Mode, expected[path].Major, expected[path].Minor), (path, mode, major, minor));
                Assert.Equal(expected[path].Content, content);
            }
        }
    }

    [Fact]
    public void AddFile_InAnotherOrder_GivesTheSameBytes()
    {
        CpioArchive one = new();
        one.AddFile("/b/x", "1"u8.ToArray());
        one.AddFile("/a", "2"u8.ToArray());
        CpioArchive other = new();
        other.AddFile("a", "2"u8.ToArray());
        other.AddDirectory("b");
        other.AddFile("//b//x", "0"u8.ToArray());
        other.AddFile("b/x", "1"u8.ToArray());
        Assert.Equal(one.ToArray(), other.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("a/../b")]
    [InlineData("./a")]
    [InlineData("a\0b")]
    [InlineData("TRAILER!!!")]
    public void AddFile_PathThatIsNone_IsRefused(string path) =>
        Assert.Throws<LinuxFileException>(() => new CpioArchive().AddFile(path, default));

    [Fact]
    public void Add_FileInTheWayOfADirectory_IsRefused()
    {
        CpioArchive archive = new();
        archive.AddFile("a", default);
        Assert.Throws<LinuxFileException>(() => archive.AddFile("a/b", default));
        Assert.Throws<LinuxFileException>(() => archive.AddDirectory("a"));
        archive.AddDirectory("d");
        Assert.Throws<LinuxFileException>(() => archive.AddFile("d", default));
    }

    private static string Name(Random random)
    {
        string[] names = ["a", "b", "bin", "longer name", "ü", "a-b", "a.b", "x"];
        return names[random.Next(names.Length)];
    }

    // The kernel's buffer-format document: magic, ino, mode, uid, gid, nlink, mtime, filesize, maj, min, rmaj, rmin, namesize, chksum.
    private static List<(string Path, int Mode, byte[] Content, int Major, int Minor)> Read(byte[] bytes)
    {
        List<(string, int, byte[], int, int)> entries = [];
        HashSet<int> inodes = [];
        int at = 0;
        while (true)
        {
            Assert.Equal(0, at % 4);
            Assert.Equal("070701", Encoding.ASCII.GetString(bytes, at, 6));
            int[] fields = [.. Enumerable.Range(0, 13).Select(i =>
                int.Parse(Encoding.ASCII.GetString(bytes, at + 6 + (i * 8), 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            string name = Encoding.UTF8.GetString(bytes, at + 110, fields[11] - 1);
            Assert.Equal(0, bytes[at + 110 + fields[11] - 1]);
            int content = (at + 110 + fields[11] + 3) & ~3;
            if (name == "TRAILER!!!")
            {
                return entries;
            }

            Assert.True(inodes.Add(fields[0]) && fields[0] > 0);
            Assert.Equal((0, 0, 0, 0), (fields[2], fields[3], fields[5], fields[12]));
            entries.Add((name, fields[1], bytes[content..(content + fields[6])], fields[9], fields[10]));
            at = (content + fields[6] + 3) & ~3;
        }
    }
}
