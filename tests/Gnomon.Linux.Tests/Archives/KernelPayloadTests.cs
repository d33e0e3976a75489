using Gnomon.Linux;
using Gnomon.Linux.Compression;
using Gnomon.Linux.Tests.Fixture;
using Gnomon.Linux.Tests.Qemu;
using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Archives;

public sealed class KernelPayloadTests
{
    private static readonly byte[] _elf = [.. KernelFile.Elf(change: file => Tools.Sample(4000, 3).CopyTo(file, 0x1000)), .. Tools.Sample(900, 4)];

    public static TheoryData<string, string[]> Packers => new()
    {
        { "gzip", ["-n", "-9"] },
        { "xz", ["--check=crc32", "--x86", "--lzma2=dict=32MiB"] },
        { "xz", ["--check=crc64"] },
        { "xz", ["--check=sha256", "--block-size=1000"] },
        { "xz", ["--check=none"] },
        { "zstd", ["-19", "--check"] },
    };

    [Theory]
    [MemberData(nameof(Packers))]
    public void Unpack_PayloadOfEachPacker_GivesTheKernelWithWhatLiesBehindIt(string program, string[] arguments)
    {
        UnpackedKernel unpacked = KernelPayload.Unpack(Image(program, Tools.Pack(_elf, program, arguments)));
        Assert.Equal("", unpacked.Reason);
        Assert.Equal(_elf, unpacked.Vmlinux.ToArray());
        Assert.Equal(KernelKind.Elf, unpacked.Kernel!.Kind);
        Assert.Equal(KernelFile.PreferredAddress + 16, unpacked.Kernel.Entry);
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public void Unpack_AnyByteDamaged_GivesTheSameKernelOrAReason(string program, string[] arguments)
    {
        byte[] packed = Tools.Pack(_elf, program, arguments);
        bool isChecked = !arguments.Contains("--check=none");
        int refused = 0;
        for (int seed = 1; seed <= TestSettings.Steps(50); seed++)
        {
            Random random = new(seed);
            byte[] damaged = [.. packed];
            damaged[random.Next(packed.Length)] ^= (byte)(1 << random.Next(8));
            UnpackedKernel unpacked = KernelPayload.Unpack(Image(program, damaged));
            refused += unpacked.Kernel is null ? 1 : 0;
            Assert.Equal(unpacked.Kernel is null, unpacked.Reason.Length > 0);

            // A byte that says nothing of the content (a time, a name) may differ; the content may not.
            Assert.True(unpacked.Kernel is null || !isChecked || unpacked.Vmlinux.Span.SequenceEqual(_elf), $"seed {seed}");
        }

        Assert.True(refused > 0);
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public void Unpack_ByteThatWasNotPackedDamaged_IsFoundByTheChecksumAlone(string program, string[] arguments)
    {
        // What cannot be packed is stored as it is, so that no decoder meets anything odd.
        byte[] noise = KernelFile.Elf(200_000);
        new Random(1).NextBytes(noise.AsSpan(0x1000));
        byte[] packed = Tools.Pack(noise, program, arguments);
        packed[packed.Length / 2] ^= 0x10;
        UnpackedKernel unpacked = KernelPayload.Unpack(Image(program, packed, noise.Length));
        Assert.Equal(arguments.Contains("--check=none"), unpacked.Kernel is not null);
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public void Unpack_Truncated_IsRefused(string program, string[] arguments)
    {
        byte[] packed = Tools.Pack(_elf, program, arguments);
        foreach (int length in (int[])[packed.Length - 1, packed.Length - 5, packed.Length / 2, 20, 8])
        {
            UnpackedKernel unpacked = KernelPayload.Unpack(Image(program, packed[..length]));
            Assert.Null(unpacked.Kernel);
            Assert.EndsWith(".", unpacked.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Unpack_WrongLengthBehindThePayload_IsRefused()
    {
        byte[] packed = Tools.Pack(_elf, "xz", "--check=crc32");
        foreach (int length in (int[])[_elf.Length - 1, _elf.Length + 1, 0, -1])
        {
            UnpackedKernel unpacked = KernelPayload.Unpack(KernelImage.Parse(KernelFile.BzImage([.. packed, .. BitConverter.GetBytes(length)])));
            Assert.Null(unpacked.Kernel);
        }
    }

    [Theory]
    [InlineData("BZh91AY")]
    [InlineData("plain bytes")]
    [InlineData("\u0002\u0021\u004C\u0018lz4")]
    public void Unpack_FormatThatOnlyTheGuestCanUnpack_HasThatReason(string start)
    {
        byte[] payload = [.. start.Select(c => (byte)c), .. new byte[100]];
        UnpackedKernel unpacked = KernelPayload.Unpack(KernelImage.Parse(KernelFile.BzImage(payload)));
        Assert.Null(unpacked.Kernel);
        Assert.Contains("only the guest", unpacked.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Unpack_WhatIsNoKernelInside_IsRefused()
    {
        byte[] noKernel = Tools.Sample(5000);
        Assert.Null(KernelPayload.Unpack(Image("xz", Tools.Pack(noKernel, "xz", "--check=crc32"), noKernel.Length)).Kernel);
        Assert.Null(KernelPayload.Unpack(KernelImage.Parse(KernelFile.Elf())).Kernel);
        Assert.Null(KernelPayload.Unpack(KernelImage.Parse(KernelFile.BzImage(change: file => KernelFile.Put16(file, 0x206, 0x207)))).Kernel);
    }

    [Theory]
    [InlineData("xz", "--block-size=40000")]
    [InlineData("xz", "--block-size=40000 --x86 --lzma2=dict=64KiB")]
    [InlineData("zstd", "-3")]
    public void Open_SmallReads_GiveTheSameBytes(string program, string arguments)
    {
        byte[] sample = Tools.Sample(300_000);
        byte[] packed = Tools.Pack(sample, program, arguments.Split(' '));
        using Stream stream = Decompressor.Open(packed);
        MemoryStream read = new();
        byte[] buffer = new byte[977];
        for (int count = stream.Read(buffer); count > 0; count = stream.Read(buffer))
        {
            read.Write(buffer, 0, count);
        }

        Assert.Equal(sample, read.ToArray());
        Assert.Throws<InvalidDataException>(() => Decompressor.Unpack(packed, sample.Length - 1));
    }

    [Fact]
    public void Crc_OfTheCheckString_IsTheCataloguedValue()
    {
        // The check values of CRC-32/ISO-HDLC and CRC-64/XZ in the catalogue of parametrised CRC algorithms.
        Assert.Equal(0xCBF4_3926u, Checksums.Crc32("123456789"u8));
        Assert.Equal(0x995D_C9BB_DF19_39FAu, Checksums.Crc64("123456789"u8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Unpack_DebiansKernel_IsWhatXzUnpacks(bool pae)
    {
        _ = Oracle.Tool("xz");
        KernelPackage kernel = DebianPackages.Kernel(pae);
        SetupHeader header = SetupHeader.Parse(kernel.Vmlinuz.Span);
        int at = ((kernel.Vmlinuz.Span[0x1F1] + 1) * 512) + (int)header.PayloadOffset;
        byte[] payload = kernel.Vmlinuz.Slice(at, (int)header.PayloadLength - 4).ToArray();
        Assert.True(Tools.Pack(payload, "xz", "-dc").AsSpan().SequenceEqual(kernel.Vmlinux.Span));
        Assert.Equal(pae, KernelImage.Parse(kernel.Vmlinux).PvhEntry is not null);
    }

    private static KernelImage Image(string program, byte[] packed, int? length = null) =>
        KernelImage.Parse(KernelFile.BzImage(program == "gzip" ? packed : [.. packed, .. BitConverter.GetBytes(length ?? _elf.Length)]));
}
