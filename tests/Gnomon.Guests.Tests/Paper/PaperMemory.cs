using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Gnomon.Cpu.Memory;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>
/// One array for everything: the guest's memory from 0 on, so that a guest-physical page is the same page here, and behind it the
/// host's own pages. Device registers are seen by the processor as pages from <see cref="DeviceBase"/> on.
/// </summary>
internal sealed class PaperMemory : PhysicalMemory
{
    public const uint PageBytes = 4096;
    public const uint DeviceBase = 0x7000_0000;
    private const uint HostBytes = 1 << 20;

    private readonly byte[] _bytes;
    private readonly nint _address;

    public PaperMemory(uint guestBytes)
    {
        GuestBytes = guestBytes;
        _bytes = GC.AllocateArray<byte>((int)(guestBytes + HostBytes + PageBytes), pinned: true);
        nint start = Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
        _address = (start + (nint)PageBytes - 1) & -(nint)PageBytes;
        Offset = (int)(_address - start);
    }

    /// <summary>Bytes of the guest's memory.</summary>
    public uint GuestBytes { get; }

    /// <summary>The first of the host's own pages.</summary>
    public uint HostBase => GuestBytes;

    /// <summary>The end of the host's own pages.</summary>
    public uint HostEnd => GuestBytes + HostBytes;

    private int Offset { get; }

    public Span<byte> Bytes(uint address, uint length) => _bytes.AsSpan(Offset + (int)address, (int)length);

    public bool IsGuest(ulong address, ulong length) => address < GuestBytes && length <= GuestBytes - address;

    public uint Read32(uint address) => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(address, 4));

    public void Write32(uint address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Bytes(address, 4), value);

    public ulong Read64(uint address) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(address, 8));

    public override PhysicalPage Find(ulong page, bool write) => page < HostEnd / PageBytes
        ? new PhysicalPage(PhysicalPageKind.Memory, _address + (nint)(page * PageBytes), 0, 0)
        : PhysicalPage.Device;
}
