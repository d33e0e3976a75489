using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>The physical address space of a ROM's machine: 16 MiB of zeroed RAM with the ROM's last 128 KiB over it, and the whole ROM
/// below 4 GiB. A store into the ROM and everything else is an exit.</summary>
// SAFETY: Find gives out pages that lie as a whole inside the allocation, which lives until Dispose; the processor that uses this memory
// is disposed of before.
internal sealed unsafe class RomMemory : PhysicalMemory, IDisposable
{
    private const int PageBytes = 4096;
    private const ulong RamPages = (16 << 20) / PageBytes;
    private const ulong LowRomEnd = 0x10_0000 / PageBytes;
    private const ulong LowRomPages = 0x2_0000 / PageBytes;
    private const ulong RomEnd = 0x1_0000_0000 / PageBytes;

    private readonly byte* _bytes;
    private readonly ulong _romPages;

    public RomMemory(byte[] rom)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rom.Length % PageBytes, 0);
        _romPages = (ulong)rom.Length / PageBytes;
        nuint size = (nuint)((RamPages + _romPages) * PageBytes);
        _bytes = (byte*)NativeMemory.AlignedAlloc(size, PageBytes);
        NativeMemory.Clear(_bytes, size);
        rom.CopyTo(new Span<byte>(_bytes + (RamPages * PageBytes), rom.Length));
    }

    public override PhysicalPage Find(ulong page, bool write)
    {
        ulong lowPages = Math.Min(_romPages, LowRomPages);
        if (page >= RomEnd - _romPages && page < RomEnd)
        {
            return Rom(_romPages - (RomEnd - page), write);
        }

        if (page >= LowRomEnd - lowPages && page < LowRomEnd)
        {
            return Rom(_romPages - (LowRomEnd - page), write);
        }

        return page < RamPages ? PhysicalPage.Memory(_bytes + (page * PageBytes)) : PhysicalPage.Device;
    }

    /// <summary>A hash of the RAM's content.</summary>
    public string Hash() => Convert.ToHexString(SHA256.HashData(new ReadOnlySpan<byte>(_bytes, (int)RamPages * PageBytes)));

    public void Dispose() => NativeMemory.AlignedFree(_bytes);

    private PhysicalPage Rom(ulong page, bool write) =>
        write ? PhysicalPage.Device : PhysicalPage.Memory(_bytes + ((RamPages + page) * PageBytes));
}
