using CsCheck;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>Disk images: files, layers over them.</summary>
public sealed class ImageTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gnomon-devices-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void FileImage_ReadsAndWritesTheFile()
    {
        string path = MakeFile(4 * 512);
        using (FileImage image = new(path, readOnly: false))
        {
            Assert.Equal(2048, image.Length);
            image.Write(512, [1, 2, 3]);
            byte[] read = new byte[4];
            image.Read(511, read);
            Assert.Equal([Content(511), 1, 2, 3], read);
            image.Flush();
        }

        Assert.Equal([1, 2, 3], File.ReadAllBytes(path)[512..515]);
    }

    [Fact]
    public void FileImage_ReadOnly_NeverChangesTheFile()
    {
        string path = MakeFile(512);
        using FileImage image = new(path, readOnly: true);
        using FileImage other = new(path, readOnly: true);
        Assert.True(image.IsReadOnly);
        Assert.Throws<IOException>(() => image.Write(0, [1]));
        Assert.Equal(Content(0), File.ReadAllBytes(path)[0]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(700)]
    public void FileImage_OfNoNumberOfSectors_IsRefused(int bytes) =>
        Assert.Throws<InvalidDataException>(() => new FileImage(MakeFile(bytes), readOnly: true));

    [Fact]
    public void FileImage_ThatWasCutShort_IsAnInputOutputError()
    {
        string path = MakeFile(1024);
        using FileStream writer = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using FileImage image = new(path, readOnly: true);
        writer.SetLength(512);
        Assert.ThrowsAny<IOException>(() => image.Read(512, new byte[512]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Overlay_RandomSteps_IsAByteArrayAndLeavesTheDiskBelow(bool inFile)
    {
        const int sectors = 41; // the last cluster is not whole
        byte[] below = [.. Enumerable.Range(0, sectors * 512).Select(i => Content(i))];
        int files = 0;
        Gen.Select(Gen.Int[0, sectors - 1], Gen.Int[1, 20], Gen.Byte, Gen.Int[0, 9]).Array[1, 60].Sample(
            steps =>
            {
                byte[] model = [.. below];
                TestImage disk = new([.. below]);
                OverlayImage overlay = Make(disk);
                try
                {
                    foreach ((int sector, int count, byte value, int kind) in steps)
                    {
                        int length = Math.Min(count, sectors - sector) * 512;
                        if (kind == 0)
                        {
                            using MemoryStream stream = new();
                            StateWriter writer = new(stream);
                            overlay.Save(writer);
                            stream.Position = 0;
                            overlay.Dispose();
                            overlay = Make(disk);
                            overlay.Write(0, new byte[512]); // must go
                            overlay.Load(new StateReader(stream));
                        }
                        else if (kind < 6)
                        {
                            byte[] data = [.. Enumerable.Range(0, length).Select(i => (byte)(value + (i * 3)))];
                            overlay.Write(sector * 512, data);
                            data.CopyTo(model, sector * 512);
                        }
                        else
                        {
                            byte[] data = new byte[length];
                            overlay.Read(sector * 512, data);
                            Assert.Equal(model[(sector * 512)..((sector * 512) + length)], data);
                        }
                    }

                    byte[] all = new byte[model.Length];
                    overlay.Read(0, all);
                    Assert.Equal(model, all);
                    Assert.Equal(below, disk.Content);
                }
                finally
                {
                    overlay.Dispose();
                }
            },
            iter: TestSettings.Steps(200),
            threads: 1);
        Assert.Empty(Directory.GetFiles(_directory));

        OverlayImage Make(TestImage disk) => inFile ? new(disk, Path.Combine(_directory, $"layer-{files++}")) : new(disk);
    }

    [Fact]
    public void Overlay_WhenTheDiskBelowFails_StaysAsItWas()
    {
        TestImage disk = new(new byte[8192]) { Fails = true };
        using OverlayImage overlay = new(disk);
        Assert.Throws<IOException>(() => overlay.Write(100, [1]));
        Assert.Equal(0, overlay.ClusterCount);
        disk.Fails = false;
        byte[] read = new byte[1];
        overlay.Read(100, read);
        Assert.Equal(0, read[0]);
    }

    [Fact]
    public void Overlay_LoadedOverAnotherDisk_IsRefused()
    {
        using MemoryStream stream = new();
        using OverlayImage saved = new(new TestImage(new byte[1024]));
        saved.Save(new StateWriter(stream));
        stream.Position = 0;
        using OverlayImage other = new(new TestImage(new byte[2048]));
        DeviceStateException error = Assert.Throws<DeviceStateException>(() => other.Load(new StateReader(stream)));
        Assert.Contains("1024", error.Message, StringComparison.Ordinal);
    }

    private static byte Content(int offset) => (byte)((offset * 31) ^ (offset >> 8));

    private string MakeFile(int bytes)
    {
        string path = Path.Combine(_directory, "disk.img");
        File.WriteAllBytes(path, [.. Enumerable.Range(0, bytes).Select(i => Content(i))]);
        return path;
    }
}
