using Gnomon.Linux.Tests.Fixture;
using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Loading;

public sealed class KernelImageTests
{
    [Fact]
    public void Parse_WrongFiles_AreRefusedInOneSentenceThatSaysWhy()
    {
        (byte[] File, string Part)[] cases =
        [
            ([], "it has 0 bytes"),
            ("#!/bin/sh\n"u8.ToArray(), "neither an ELF file nor a bzImage"),
            (new byte[1 << 20], "neither an ELF file nor a bzImage"),
            (KernelFile.BzImage(change: file => file[0x236] |= 1), "64-bit bzImage"),
            (KernelFile.BzImage(change: file => file[0x211] = 0), "zImage"),
            (KernelFile.BzImage()[..2000], "truncated"),
            (KernelFile.BzImage()[..^16], "truncated"),
            (KernelFile.BzImage(change: file => KernelFile.Put32(file, 0x24C, 0x1000_0000)), "behind its end"),
            (KernelFile.BzImage(change: file => KernelFile.Put32(file, 0x248, 0xFFFF_FFFF)), "behind its end"),
            (KernelFile.BzImage(change: file => KernelFile.Put32(file, 0x1F4, 0)), "no code"),
            (KernelFile.Elf(change: file => file[4] = 2), "64-bit ELF"),
            (KernelFile.Elf(change: file => file[18] = 40), "another machine"),
            (KernelFile.Elf(change: file => file[16] = 1), "not an executable"),
            (KernelFile.Elf()[..40], "truncated"),
            (KernelFile.Elf()[..^1], "truncated"),
            (KernelFile.Elf(pvh: 1)[..0x210], "truncated"),
        ];
        foreach ((byte[] file, string part) in cases)
        {
            string message = Assert.Throws<KernelFormatException>(() => KernelImage.Parse(file)).Message;
            Assert.Contains(part, message, StringComparison.Ordinal);
            Assert.EndsWith(".", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Parse_OldProtocol_KnowsWhatWasTrueThen()
    {
        SetupHeader header = SetupHeader.Parse(KernelFile.BzImage(change: file => KernelFile.Put16(file, 0x206, 0x202)));
        Assert.Equal(0x37FF_FFFFu, header.InitrdAddressMax);
        Assert.Equal(255, header.CommandLineMax);
        Assert.False(header.LoadFlags64);
        Assert.Equal(0u, header.PayloadLength);
    }

    [Fact]
    public void Parse_NotesOfAnElfFile_NameThePvhEntry()
    {
        Assert.Equal(0x123_4567u, KernelImage.Parse(KernelFile.Elf(pvh: 0x123_4567)).PvhEntry);
        Assert.Null(KernelImage.Parse(KernelFile.Elf()).PvhEntry);
        Assert.Null(KernelImage.Parse(KernelFile.Elf(pvh: 1, change: file => file[0x228] = (byte)'Y')).PvhEntry);
        Assert.Null(KernelImage.Parse(KernelFile.Elf(pvh: 1, change: file => file[0x224] = 17)).PvhEntry);
        Assert.Null(KernelImage.Parse(KernelFile.Elf(pvh: 1, change: file => KernelFile.Put32(file, 0x204, 0xFFFF_FFFF))).PvhEntry);
        Assert.Null(KernelImage.Parse(KernelFile.Elf(pvh: 1, change: file => KernelFile.Put32(file, 0x200, 0xFFFF_FFFF))).PvhEntry);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ParseAndLoad_DamagedFiles_LoadOrAreRefusedAndNothingElse(bool elf)
    {
        byte[] good = elf ? KernelFile.Elf(pvh: KernelFile.PreferredAddress) : KernelFile.BzImage();
        for (int seed = 1; seed <= TestSettings.Steps(300); seed++)
        {
            Random random = new(seed);
            byte[] file = random.Next(4) == 0 ? good[..random.Next(good.Length)] : [.. good];
            int headers = Math.Min(file.Length, 0x280);
            for (int i = random.Next(1, 8); i > 0 && headers > 0; i--)
            {
                file[random.Next(headers)] = random.Next(3) switch { 0 => 0, 1 => 0xFF, _ => (byte)random.Next(256) };
            }

            LinuxBootOptions options = new() { RamDisk = new byte[5000], Protocol = random.Next(4) == 0 && elf ? BootProtocol.Pvh : BootProtocol.Auto };
            try
            {
                using LoadedGuest guest = new(file, options, memoryMiB: 32);
                Assert.True(guest.Boot.Eip >= 0x10_0000, $"seed {seed}");
            }
            catch (KernelFormatException refusal)
            {
                Assert.NotEmpty(refusal.Message);
            }
        }
    }
}
