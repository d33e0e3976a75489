using System.Formats.Tar;
using Gnomon.Linux;
using Gnomon.Linux.Tests.Fixture;
using Gnomon.Linux.Tests.Qemu;

namespace Gnomon.Linux.Tests.Packages;

public sealed class DebFileTests
{
    private const TarEntryFormat Gnu = TarEntryFormat.Gnu;
    private const string Release = "9.9.9-1-test";

    [Theory]
    [InlineData("xz", "data.tar.xz", "--block-size=2000")]
    [InlineData("gzip", "data.tar.gz", "-9")]
    [InlineData("zstd", "data.tar.zst", "-5")]
    [InlineData("cat", "data.tar", "-")]
    public void ReadFile_EachPacker_GivesTheFiles(string program, string name, string argument)
    {
        byte[] content = Tools.Sample(9000);
        byte[] tar = TarBytes.Of(
            Gnu,
            TarBytes.Entry(Gnu, "./", TarEntryType.Directory),
            TarBytes.File(Gnu, "./usr/bin/tool", content),
            TarBytes.Entry(Gnu, "./bin", TarEntryType.SymbolicLink, "usr/bin"),
            TarBytes.Entry(Gnu, "./usr/bin/other", TarEntryType.SymbolicLink, "./tool"),
            TarBytes.Entry(Gnu, "./usr/bin/far", TarEntryType.SymbolicLink, "/usr/bin/other"),
            TarBytes.Entry(Gnu, "./usr/bin/hard", TarEntryType.HardLink, "./usr/bin/tool"),
            TarBytes.Entry(Gnu, "./usr/bin/loop", TarEntryType.SymbolicLink, "loop"));
        using DebFile deb = DebFile.Read(DebBytes.Of(Tools.Pack(tar, program, argument), name), "test.deb");
        Assert.Equal(["usr/bin/hard", "usr/bin/tool"], deb.Files);
        foreach (string path in (string[])["/usr/bin/tool", "usr/bin/other", "usr/bin/far", "./usr/bin/hard"])
        {
            Assert.True(deb.Contains(path));
            Assert.Equal(content, deb.ReadFile(path));
        }

        Assert.Throws<LinuxFileException>(() => deb.ReadFile("usr/bin/loop"));
        Assert.Throws<LinuxFileException>(() => deb.ReadFile("usr/bin"));
        Assert.Throws<LinuxFileException>(() => deb.ReadFile("usr/bin/none"));
    }

    [Fact]
    public void Read_WhatIsNoPackageOrDamaged_IsRefusedWithItsName()
    {
        byte[] tar = TarBytes.Of(Gnu, TarBytes.File(Gnu, "a", Tools.Sample(3000)));
        byte[] xz = Tools.Pack(tar, "xz");
        byte[] damaged = [.. xz];
        damaged[xz.Length / 2] ^= 1;
        byte[][] packages =
        [
            [], "text"u8.ToArray(),
            DebBytes.Of(xz)[..^200],
            DebBytes.Of(xz)[..100],
            DebBytes.Of(damaged),
            DebBytes.Of(xz, "data.tar.lzma"),
            DebBytes.Of(xz, "other"),
            DebBytes.Of(tar[..2000], "data.tar"),
        ];
        foreach (byte[] package in packages)
        {
            Assert.Contains("some.deb", Assert.Throws<LinuxFileException>(() => DebFile.Read(package, "some.deb")).Message, StringComparison.Ordinal);
        }

        Assert.Throws<LinuxFileException>(() => DebFile.Open("/does/not/exist.deb"));
    }

    [Theory]
    [InlineData("lib/modules/")]
    [InlineData("usr/lib/modules/")]
    public void KernelPackage_Read_TakesTheKernelAndTheModulesInOrder(string modules)
    {
        using DebFile deb = DebFile.Read(KernelDeb(modules), "kernel.deb");
        KernelPackage package = KernelPackage.Read(deb, ["top", "in-kernel"]);
        Assert.Equal(Release, package.Release);
        Assert.Equal(KernelFile.Elf(), package.Vmlinux.ToArray());
        Assert.Equal(["base_one", "top"], package.Modules.Select(module => module.Name));
        Assert.Throws<LinuxFileException>(() => KernelPackage.Read(deb, ["missing"]));
    }

    [Fact]
    public void KernelPackage_ReadOfAPackageWithoutAKernel_SaysWhatItMayBe()
    {
        using DebFile deb = DebFile.Read(DebBytes.Of(TarBytes.Of(Gnu, TarBytes.File(Gnu, "a", [1])), "data.tar"), "meta.deb");
        Assert.Contains("linux-image", Assert.Throws<LinuxFileException>(() => KernelPackage.Read(deb, [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KernelCache_Get_KeepsWhatWasTakenAndMendsWhatIsDamaged()
    {
        using TemporaryFolder folder = new();
        string deb = folder.File("kernel.deb", KernelDeb("lib/modules/"));
        KernelCache cache = new(folder.Path);
        AssertSame(cache.Get(deb, ["top"]));
        string entry = Assert.Single(Directory.GetDirectories(Path.Combine(folder.Path, "kernels")));
        DateTime made = File.GetLastWriteTimeUtc(Path.Combine(entry, "SHA256SUMS"));
        AssertSame(cache.Get(deb, ["top"]));
        Assert.Equal(made, File.GetLastWriteTimeUtc(Path.Combine(entry, "SHA256SUMS")));

        foreach (string file in Directory.GetFiles(entry))
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[^1] ^= 1;
            File.WriteAllBytes(file, bytes);
            AssertSame(cache.Get(deb, ["top"]));
            File.Delete(file);
            AssertSame(cache.Get(deb, ["top"]));
        }

        Assert.Single(cache.Get(deb, ["base-one"]).Modules);
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(folder.Path, "kernels")).Length);
    }

    private static void AssertSame(KernelPackage package)
    {
        Assert.Equal(Release, package.Release);
        Assert.Equal(KernelFile.Elf(), package.Vmlinux.ToArray());
        Assert.Equal(["base_one", "top"], package.Modules.Select(module => module.Name));
    }

    private static byte[] KernelDeb(string modules)
    {
        byte[] elf = KernelFile.Elf();
        byte[] kernel = KernelFile.BzImage([.. Tools.Pack(elf, "xz", "--check=crc32"), .. BitConverter.GetBytes(elf.Length)]);
        string folder = $"./{modules}{Release}";
        return DebBytes.Of(Tools.Pack(
            TarBytes.Of(
                Gnu,
                TarBytes.File(Gnu, $"./boot/vmlinuz-{Release}", kernel),
                TarBytes.File(Gnu, $"./boot/config-{Release}", [1]),
                TarBytes.File(Gnu, $"{folder}/modules.builtin", "kernel/fs/in-kernel.ko\n"u8.ToArray()),
                TarBytes.File(Gnu, $"{folder}/kernel/a/top.ko", ElfModule.Of("name=top\0depends=base_one\0")),
                TarBytes.File(Gnu, $"{folder}/kernel/z/base-one.ko.xz", Tools.Pack(ElfModule.Of("name=base_one\0depends=\0"), "xz")),
                TarBytes.File(Gnu, "./lib/modules/other/kernel/a/missing.ko", ElfModule.Of("name=missing\0"))),
            "xz"));
    }
}
