using System.Runtime.InteropServices;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Tests;

/// <summary>Physical memory from 0 up; everything above is a device.</summary>
/// <param name="bytes">How much; a multiple of 4096.</param>
// SAFETY: native memory as long as this object lives; addresses are compared with its length.
internal sealed unsafe class TestRam(int bytes) : PhysicalMemory, IDisposable
{
    private readonly byte* _bytes = Allocate(bytes);

    /// <summary>The host address of a physical one.</summary>
    public byte* At(uint address) => address < (uint)bytes ? _bytes + address : throw new ArgumentOutOfRangeException(nameof(address));

    /// <summary>Bytes of memory.</summary>
    public Span<byte> Bytes(uint address, int length) => new(At(address), length);

    public override PhysicalPage Find(ulong page, bool write) =>
        page < (ulong)bytes >> 12 ? PhysicalPage.Memory(_bytes + (page << 12)) : PhysicalPage.Device;

    public void Dispose() => NativeMemory.AlignedFree(_bytes);

    private static byte* Allocate(int length)
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, 4096);
        new Span<byte>(memory, length).Clear();
        return memory;
    }
}
