using Gnomon.Linux.Tests.Fixture;
using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Loading;

public sealed class LinuxLoaderTests
{
    [Fact]
    public void Load_BzImage_EntersItsCodeAtOneMebibyteWithTheZeroPageInEsi()
    {
        byte[] file = KernelFile.BzImage();
        using LoadedGuest guest = new(file);
        Assert.Equal(BootProtocol.BzImage32, guest.Boot.Protocol);
        Assert.Equal(0x10_0000u, guest.Boot.Eip);
        Assert.Equal(0u, guest.Boot.Ebx);
        Assert.NotEqual(0u, guest.Boot.Esi);
        Assert.Equal(file[KernelFile.SetupBytes..], guest.Bytes(0x10_0000, file.Length - KernelFile.SetupBytes));
    }

    [Fact]
    public void Load_BzImageWithASignatureBehind_LeavesTheSignatureOut()
    {
        byte[] file = [.. KernelFile.BzImage(), .. Enumerable.Repeat((byte)0xEE, 3000)];
        using LoadedGuest guest = new(file);
        ulong end = 0x10_0000 + (ulong)(file.Length - 3000 - KernelFile.SetupBytes);
        Assert.All(guest.Bytes(end, 3000), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Load_BzImage_ZeroPageHasTheFilesHeaderAndWhatTheLoaderOwes()
    {
        byte[] disk = [.. Enumerable.Range(0, 10_000).Select(i => (byte)i)];
        byte[] file = KernelFile.BzImage();
        using LoadedGuest guest = new(file, new LinuxBootOptions { CommandLine = "console=ttyS0 größe=1", RamDisk = disk, RsdpAddress = 0xE0010 });
        uint page = guest.Boot.Esi;
        Assert.Equal(0xFF, guest.Bytes(page + 0x210, 1)[0]);
        Assert.Equal(0xE0010u, guest.Read64(page + 0x70));
        Assert.Equal("console=ttyS0 größe=1", guest.Text(guest.Read32(page + 0x228)));
        uint diskAt = guest.Read32(page + 0x218);
        Assert.Equal(disk.Length, (int)guest.Read32(page + 0x21C));
        Assert.Equal(new RamDisk(diskAt, (uint)disk.Length), guest.Boot.RamDisk);
        Assert.Equal(disk, guest.Bytes(diskAt, disk.Length));

        // All that the loader does not own is as in the file: 0x1FA vid_mode, 0x210 loader, 0x218 RAM disk, 0x228 command line.
        for (int at = 0x1F1; at < 0x26C; at++)
        {
            if (at is (< 0x1FA or >= 0x1FC) and not 0x210 and (< 0x218 or >= 0x220) and (< 0x228 or >= 0x22C))
            {
                Assert.Equal(file[at], guest.Bytes(page + (ulong)at, 1)[0]);
            }
        }

        Assert.Equal(0, guest.Bytes(page + 0x26C, 1)[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_Any_MemoryMapInTheZeroPageIsTheMapThatIsReturned(bool elf)
    {
        BootMemoryRange tables = new(0x3FF_0000, 0x1_0000, BootMemoryType.AcpiTables);
        using LoadedGuest guest = new(elf ? KernelFile.Elf() : KernelFile.BzImage(), new LinuxBootOptions { Reserved = [tables] });
        uint page = guest.Boot.Esi;
        int count = guest.Bytes(page + 0x1E8, 1)[0];
        BootMemoryRange[] map = [.. Enumerable.Range(0, count).Select(i => new BootMemoryRange(
            guest.Read64(page + 0x2D0 + ((ulong)i * 20)),
            guest.Read64(page + 0x2D8 + ((ulong)i * 20)),
            (BootMemoryType)guest.Read32(page + 0x2E0 + ((ulong)i * 20))))];
        Assert.Equal(guest.Boot.MemoryMap, map);
        Assert.Equal(
            [
                new(0, 0x9_FC00, BootMemoryType.Ram),
                new(0x9_FC00, 0x400, BootMemoryType.Reserved),
                new(0xE_0000, 0x2_0000, BootMemoryType.Reserved),
                new(0x10_0000, 0x3EF_0000, BootMemoryType.Ram),
                tables,
            ],
            map);
    }

    [Fact]
    public void Load_Elf_SegmentsLieWhereTheySayAndTheZeroPageNamesAProtocol()
    {
        byte[] file = KernelFile.Elf();
        using LoadedGuest guest = new(file, new LinuxBootOptions { CommandLine = "quiet" });
        Assert.Equal(BootProtocol.Elf, guest.Boot.Protocol);
        Assert.Equal(KernelFile.PreferredAddress + 16, guest.Boot.Eip);
        Assert.Equal(file[0x1000..], guest.Bytes(KernelFile.PreferredAddress, 5000));
        uint page = guest.Boot.Esi;
        Assert.Equal("HdrS"u8, guest.Bytes(page + 0x202, 4));
        Assert.True(guest.Read16(page + 0x206) >= 0x20E);
        Assert.Equal(0xFF, guest.Bytes(page + 0x210, 1)[0]);
        Assert.Equal("quiet", guest.Text(guest.Read32(page + 0x228)));
    }

    [Fact]
    public void Load_AnyEntry_DescriptorsAreFlat()
    {
        using LoadedGuest guest = new(KernelFile.BzImage());
        Assert.True(guest.Boot.GdtLimit >= BootedKernel.DataSelector + 7);
        AssertFlat(guest, BootedKernel.CodeSelector, code: true);
        AssertFlat(guest, BootedKernel.DataSelector, code: false);
        Assert.Equal(0u, guest.Read32(guest.Boot.GdtAddress));
        Assert.Equal(0u, guest.Read32(guest.Boot.GdtAddress + 4));
    }

    [Fact]
    public void Load_Pvh_StartInformationNamesCommandLineDiskAndMap()
    {
        const uint entry = KernelFile.PreferredAddress + 0x100;
        byte[] disk = [9, 8, 7];
        using LoadedGuest guest = new(
            KernelFile.Elf(pvh: entry),
            new LinuxBootOptions { Protocol = BootProtocol.Pvh, CommandLine = "a=b", RamDisk = disk, RsdpAddress = 0xE_0000 });
        Assert.Equal(entry, guest.Boot.Eip);
        Assert.Equal(0u, guest.Boot.Esi);
        uint start = guest.Boot.Ebx;
        Assert.Equal(0x336E_C578u, guest.Read32(start));
        Assert.Equal(1u, guest.Read32(start + 4));
        Assert.Equal(1u, guest.Read32(start + 12));
        Assert.Equal("a=b", guest.Text(guest.Read64(start + 24)));
        Assert.Equal(0xE_0000u, guest.Read64(start + 32));
        ulong module = guest.Read64(start + 16);
        Assert.Equal(disk, guest.Bytes(guest.Read64(module), (int)guest.Read64(module + 8)));
        ulong map = guest.Read64(start + 40);
        Assert.Equal(guest.Boot.MemoryMap.Count, (int)guest.Read32(start + 48));
        Assert.Equal(
            guest.Boot.MemoryMap,
            guest.Boot.MemoryMap.Select((_, i) => new BootMemoryRange(
                guest.Read64(map + ((ulong)i * 24)),
                guest.Read64(map + 8 + ((ulong)i * 24)),
                (BootMemoryType)guest.Read32(map + 16 + ((ulong)i * 24)))));
    }

    [Fact]
    public void Load_PvhWithoutADisk_ListsNoModule()
    {
        using LoadedGuest guest = new(KernelFile.Elf(pvh: KernelFile.PreferredAddress), new LinuxBootOptions { Protocol = BootProtocol.Pvh });
        Assert.Equal(0u, guest.Read32(guest.Boot.Ebx + 12));
    }

    [Theory]
    [InlineData(false, 64)]
    [InlineData(true, 64)]
    [InlineData(false, 1024)]
    public void Load_RamDisk_LiesHighBehindTheKernelAndBelowTheKernelsLimit(bool elf, int memoryMiB)
    {
        byte[] file = elf ? KernelFile.Elf() : KernelFile.BzImage();
        using LoadedGuest guest = new(file, new LinuxBootOptions { RamDisk = new byte[5 << 20] }, memoryMiB);
        RamDisk disk = guest.Boot.RamDisk;
        ulong top = Math.Min((ulong)memoryMiB << 20, KernelFile.InitrdMax + 1UL);
        Assert.Equal(0u, disk.Address % 4096);
        Assert.InRange(disk.Address + (ulong)disk.Length, top - 4095, top);
    }

    [Fact]
    public void Load_RamDiskWithReservedTop_KeepsOutOfTheReservedRange()
    {
        LinuxBootOptions options = new() { RamDisk = new byte[4096], Reserved = [new(0x3F0_0000, 0x8_0000, BootMemoryType.Reserved)] };
        using LoadedGuest high = new(KernelFile.BzImage(), options);
        Assert.Equal(0x3FF_F000u, high.Boot.RamDisk.Address);
        using LoadedGuest low = new(KernelFile.BzImage(), options with { RamDisk = new byte[0x9_0000] });
        Assert.Equal(0x3F0_0000u - 0x9_0000, low.Boot.RamDisk.Address);
    }

    [Fact]
    public void Load_RamDiskThatWouldLieInWhatTheKernelUnpacksInto_IsRefusedWithTheMemoryItNeeds()
    {
        // 16 + 8 MiB are the kernel's; of 28 MiB, 4 are left.
        byte[] file = KernelFile.BzImage();
        new LoadedGuest(file, new LinuxBootOptions { RamDisk = new byte[4 << 20] }, 28).Dispose();
        string refusal = LoadedGuest.Refusal(file, new LinuxBootOptions { RamDisk = new byte[(4 << 20) + 1] }, 28);
        Assert.Contains("29 MiB", refusal, StringComparison.Ordinal);
        new LoadedGuest(file, new LinuxBootOptions { RamDisk = new byte[(4 << 20) + 1] }, 29).Dispose();
    }

    [Fact]
    public void Load_TooLittleMemory_SaysHowMuchIsNeeded()
    {
        Assert.Contains("24 MiB", LoadedGuest.Refusal(KernelFile.BzImage(), memoryMiB: 23), StringComparison.Ordinal);
        new LoadedGuest(KernelFile.BzImage(), memoryMiB: 24).Dispose();
        Assert.Contains("17 MiB", LoadedGuest.Refusal(KernelFile.Elf(), memoryMiB: 16), StringComparison.Ordinal);
        new LoadedGuest(KernelFile.Elf(), memoryMiB: 17).Dispose();
    }

    [Fact]
    public void Load_CommandLineOfTheLongestLength_FitsAndOneMoreDoesNot()
    {
        using LoadedGuest guest = new(KernelFile.BzImage(), new LinuxBootOptions { CommandLine = new string('x', 2047) });
        Assert.Equal(new string('x', 2047), guest.Text(guest.Read32(guest.Boot.Esi + 0x228)));
        Assert.Contains("2047", LoadedGuest.Refusal(KernelFile.BzImage(), new LinuxBootOptions { CommandLine = new string('x', 2048) }), StringComparison.Ordinal);
        Assert.Contains("zero", LoadedGuest.Refusal(KernelFile.BzImage(), new LinuxBootOptions { CommandLine = "a\0b" }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BootProtocol.Elf, "unpack")]
    [InlineData(BootProtocol.Pvh, "unpack")]
    public void Load_BzImageByAnotherEntry_IsRefused(BootProtocol protocol, string part) =>
        Assert.Contains(part, LoadedGuest.Refusal(KernelFile.BzImage(), new LinuxBootOptions { Protocol = protocol }), StringComparison.Ordinal);

    [Theory]
    [InlineData(BootProtocol.BzImage32, "not a bzImage")]
    [InlineData(BootProtocol.Pvh, "no PVH entry")]
    public void Load_ElfByAnotherEntry_IsRefused(BootProtocol protocol, string part) =>
        Assert.Contains(part, LoadedGuest.Refusal(KernelFile.Elf(), new LinuxBootOptions { Protocol = protocol }), StringComparison.Ordinal);

    [Fact]
    public void Load_SegmentsOrEntriesInWrongPlaces_AreRefused()
    {
        Assert.Contains("below 1 MiB", LoadedGuest.Refusal(KernelFile.Elf(address: 0x1_0000)), StringComparison.Ordinal);
        Assert.Contains("entry", LoadedGuest.Refusal(KernelFile.Elf(change: file => KernelFile.Put32(file, 24, 0xC100_0000))), StringComparison.Ordinal);
        Assert.Contains("entry", LoadedGuest.Refusal(KernelFile.Elf(pvh: 0x20_0000), new LinuxBootOptions { Protocol = BootProtocol.Pvh }), StringComparison.Ordinal);
        LinuxBootOptions reserved = new() { Reserved = [new(KernelFile.PreferredAddress + 4096, 4096, BootMemoryType.Reserved)] };
        Assert.Contains("no memory for it", LoadedGuest.Refusal(KernelFile.Elf(), reserved), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_BootAreaReserved_IsTheCallersFault() =>
        Assert.Throws<ArgumentException>(() => new LoadedGuest(
            KernelFile.BzImage(), new LinuxBootOptions { Reserved = [new(0x1_0000, 4096, BootMemoryType.Reserved)] }));

    // Intel SDM vol. 3, figure 3-8.
    private static void AssertFlat(LoadedGuest guest, ushort selector, bool code)
    {
        uint low = guest.Read32(guest.Boot.GdtAddress + selector);
        uint high = guest.Read32(guest.Boot.GdtAddress + selector + 4u);
        uint address = (low >> 16) | ((high & 0xFF) << 16) | (high & 0xFF00_0000);
        uint limit = (low & 0xFFFF) | (high & 0xF_0000);
        Assert.Equal(0u, address);
        Assert.Equal(0xF_FFFFu, limit);
        Assert.Equal(0xCu, (high >> 20) & 0xF);            // Pages, 32-bit.
        Assert.Equal(0x9u, (high >> 12) & 0xF);            // Present, privilege 0, code or data.
        Assert.Equal(code ? 0xAu : 0x2u, (high >> 8) & 0xE); // Readable or writable, expanding upwards.
    }
}
