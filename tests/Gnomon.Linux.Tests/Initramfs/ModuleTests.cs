using Gnomon.Linux;
using Gnomon.Linux.Tests.Fixture;

namespace Gnomon.Linux.Tests.Initramfs;

public sealed class ModuleTests
{
    [Fact]
    public void Read_ModuleInformation_GivesNameAndDependencies()
    {
        KernelModule module = KernelModule.Read(ElfModule.Of("license=GPL\0name=virtio-rng\0depends=virtio-ring,virtio\0alias=depends=x\0"), "a.ko");
        Assert.Equal("virtio_rng", module.Name);
        Assert.Equal(["virtio_ring", "virtio"], module.Dependencies);
        Assert.Empty(KernelModule.Read(ElfModule.Of("name=x\0depends=\0"), "a.ko").Dependencies);
        Assert.Equal("old_one", KernelModule.Read(ElfModule.Of("depends=\0"), "lib/old-one.ko.xz").Name);
    }

    [Theory]
    [InlineData("xz", "--check=crc32 --lzma2=dict=2MiB")]
    [InlineData("zstd", "-19")]
    [InlineData("gzip", "-n")]
    public void Read_PackedModule_IsUnpacked(string program, string arguments)
    {
        byte[] plain = ElfModule.Of("name=x\0depends=y\0");
        KernelModule module = KernelModule.Read(Tools.Pack(plain, program, arguments.Split(' ')), "x.ko");
        Assert.Equal(plain, module.Content.ToArray());
        Assert.Equal(["y"], module.Dependencies);
    }

    [Fact]
    public void Read_WhatIsNoModule_IsRefused()
    {
        byte[][] files =
        [
            [], "text"u8.ToArray(),
            ElfModule.Of(null),
            ElfModule.Of("name=a/b\0"),
            ElfModule.Of("name=a\0depends=b c\0"),
            ElfModule.Of("name=a\0", file => file[4] = 2),
            ElfModule.Of("name=a\0", file => file[18] = 62),
            ElfModule.Of("name=a\0", file => KernelFile.Put32(file, 32, 0xFFFF_FFF0)),
            ElfModule.Of("name=a\0", file => KernelFile.Put16(file, 50, 7)),
            ElfModule.Of("name=a\0")[..^10],
        ];
        foreach (byte[] file in files)
        {
            Assert.Contains("bad.ko", Assert.Throws<LinuxFileException>(() => KernelModule.Read(file, "bad.ko")).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_DamagedModules_AreReadOrRefusedAndNothingElse()
    {
        byte[] good = ElfModule.Of("name=abc\0depends=de,fg\0");
        for (int seed = 1; seed <= TestSettings.Steps(1000); seed++)
        {
            Random random = new(seed);
            byte[] file = random.Next(5) == 0 ? good[..random.Next(good.Length)] : [.. good];
            for (int i = random.Next(1, 5); i > 0 && file.Length > 0; i--)
            {
                file[random.Next(file.Length)] = random.Next(2) == 0 ? (byte)0xFF : (byte)random.Next(256);
            }

            try
            {
                Assert.NotEmpty(KernelModule.Read(file, "x.ko").Name);
            }
            catch (LinuxFileException refusal)
            {
                Assert.NotEmpty(refusal.Message);
            }
        }
    }

    [Fact]
    public void Sort_RandomGraphs_DependenciesComeFirstAndNothingElseComes()
    {
        for (int seed = 1; seed <= TestSettings.Steps(200); seed++)
        {
            Random random = new(seed);
            int count = random.Next(1, 20);
            Dictionary<string, string[]> graph = [];
            for (int i = 0; i < count; i++)
            {
                graph[$"m{i}"] = [.. Enumerable.Range(0, i).Where(_ => random.Next(4) == 0).Select(j => $"m{j}")];
            }

            string[] wanted = [.. graph.Keys.Where(_ => random.Next(3) == 0)];
            string[] order = [.. ModuleOrder.Sort(wanted, name => Module(name, graph[name]), _ => false).Select(module => module.Name)];
            HashSet<string> needed = [.. wanted];
            for (int i = count - 1; i >= 0; i--)
            {
                if (needed.Contains($"m{i}"))
                {
                    needed.UnionWith(graph[$"m{i}"]);
                }
            }

            Assert.Equal(needed.Order(), order.Order());
            Assert.All(order, name => Assert.All(graph[name], dependency => Assert.True(Array.IndexOf(order, dependency) < Array.IndexOf(order, name))));
        }
    }

    [Fact]
    public void Sort_MissingOrCircular_IsRefusedAndBuiltInIsNot()
    {
        KernelModule? Find(string name) => name switch
        {
            "a" => Module("a", ["b"]),
            "b" => Module("b", ["c"]),
            "loop" => Module("loop", ["pool"]),
            "pool" => Module("pool", ["loop"]),
            _ => null,
        };
        Assert.Contains("c, which b needs", Assert.Throws<LinuxFileException>(() => ModuleOrder.Sort(["a"], Find, _ => false)).Message, StringComparison.Ordinal);
        Assert.Contains("no module x_y", Assert.Throws<LinuxFileException>(() => ModuleOrder.Sort(["x-y"], Find, _ => false)).Message, StringComparison.Ordinal);
        Assert.Contains("circle", Assert.Throws<LinuxFileException>(() => ModuleOrder.Sort(["loop"], Find, _ => false)).Message, StringComparison.Ordinal);
        Assert.Equal(["b", "a"], ModuleOrder.Sort(["c", "a"], Find, name => name == "c").Select(module => module.Name));
    }

    [Theory]
    [InlineData("lib/x/virtio-rng.ko", "virtio_rng")]
    [InlineData("a.b.ko.zst", null)]
    [InlineData("crc32c.ko.xz", "crc32c")]
    [InlineData("modules.builtin", null)]
    [InlineData(".ko", null)]
    public void NameOfFile_Any_IsTheModulesOrNone(string file, string? name) => Assert.Equal(name, KernelModule.NameOfFile(file));

    private static KernelModule Module(string name, string[] dependencies) =>
        KernelModule.Read(ElfModule.Of($"name={name}\0depends={string.Join(',', dependencies)}\0"), name + ".ko");
}
