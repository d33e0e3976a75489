using Gnomon.Cpu.Memory;
using Gnomon.Memory;

namespace Gnomon.Cpu.Tests.Bare;

/// <summary>What lies where in a bare machine's physical memory.</summary>
public sealed class BareMemoryTests : IDisposable
{
    private const ulong FourGiB = 1UL << 32;

    private readonly HostMemory _host = new(4 + BareMemory.OverheadMiB);

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(192)]
    [InlineData(256)]
    public void Rom_OfEachSize_EndsAt4GiBAndItsLast128KiBAt1MiB(int kiB)
    {
        byte[] rom = Pattern(kiB << 10);
        using BareMemory memory = new(_host, 4, rom);

        byte[] high = new byte[rom.Length];
        memory.Read(FourGiB - (ulong)rom.Length, high);
        Assert.Equal(rom, high);

        byte[] low = new byte[Math.Min(rom.Length, 128 << 10)];
        memory.Read((1UL << 20) - (ulong)low.Length, low);
        Assert.Equal(rom[^low.Length..], low);

        // One byte below either window is not ROM: the open bus, and RAM that nobody wrote.
        Assert.Equal((0xFF, 0x00), (At(memory, FourGiB - (ulong)rom.Length - 1), At(memory, (1UL << 20) - (ulong)low.Length - 1)));
        Assert.Equal(PhysicalPageKind.Device, memory.Find((FourGiB >> 12) - 1, write: true).Kind);
        Assert.Equal(PhysicalPageKind.Device, memory.Find(0xFF, write: true).Kind);
    }

    [Fact]
    public void Ram_IsBackedWhenUsedAndGivenBack()
    {
        int before = _host.FramesInUse;
        using (BareMemory memory = new(_host, 4))
        {
            int made = _host.FramesInUse;
            Assert.Equal(0, At(memory, 0x12_3456));
            Assert.Equal(made, _host.FramesInUse);

            memory.Load(0x1FFE, [1, 2, 3, 4]);

            Assert.Equal(made + 2, _host.FramesInUse);
            Assert.Equal((2, 3), (At(memory, 0x1FFF), At(memory, 0x2000)));
            Assert.Equal(PhysicalPageKind.Memory, memory.Find(0x3FF, write: true).Kind);
        }

        Assert.Equal(before, _host.FramesInUse);
    }

    [Theory]
    [InlineData(0x40_0000)]
    [InlineData(0xE000_0000)]
    [InlineData(0x1_0000_0000)]
    [InlineData(0xF_FFFF_F000)]
    public void OpenBus_ReadsAsAllOnesAndIsADeviceForStores(ulong address)
    {
        using BareMemory memory = new(_host, 4, Pattern(64 << 10));

        Assert.Equal(0xFF, At(memory, address));
        Assert.Equal(PhysicalPageKind.Device, memory.Find(address >> 12, write: true).Kind);
    }

    [Theory]
    [InlineData(0x3F_FFFF, 2)]
    [InlineData(0x40_0000, 1)]
    [InlineData(0xE_FFFF, 2)]
    [InlineData(0xF_FFFF, 2)]
    [InlineData(ulong.MaxValue, 1)]
    public void Load_WhatIsNotAllRam_IsRefused(ulong address, int length)
    {
        using BareMemory memory = new(_host, 4, Pattern(64 << 10));

        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Load(address, new byte[length]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(65535)]
    [InlineData(320 << 10)]
    public void Rom_OfAWrongSize_IsRefused(int bytes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new BareMemory(_host, 4, new byte[bytes]));

    private static byte[] Pattern(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)((i * 7) + (i >> 8) + (i >> 16)))];

    private static int At(BareMemory memory, ulong address)
    {
        Span<byte> one = stackalloc byte[1];
        memory.Read(address, one);
        return one[0];
    }
}
