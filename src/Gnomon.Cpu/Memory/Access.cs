using System.Runtime.CompilerServices;
using Gnomon.Cpu.Execution;
using Gnomon.Memory;

namespace Gnomon.Cpu.Memory;

/// <summary>Memory by segment and offset, for handlers that need no fast path of their own. Every member that returns false or null has
/// recorded why.</summary>
// SAFETY: the state is that of a live Processor; segment numbers are below 6; returned pointers hold for the bytes asked for until the
// next access.
internal static unsafe class Access
{
    /// <summary>Checks the segment and prepares an access.</summary>
    /// <returns>Where the bytes are, or null.</returns>
    public static byte* Prepare(CpuState* c, int segment, uint offset, uint size, AccessKind kind)
    {
        SegmentRegister* s = (SegmentRegister*)&c->Segments + segment;
        bool allowed = (kind & AccessKind.Write) != 0 ? s->MayWrite(offset, size) : s->MayRead(offset, size);
        if (!allowed)
        {
            Ops.Raise(c, segment == Segment.Ss ? Vector.StackFault : Vector.GeneralProtection, 0);
            return null;
        }

        return Processor.Of(c).Linear.Prepare(s->Base + offset, size, kind);
    }

    /// <summary>Finishes a write that was prepared.</summary>
    public static bool Commit(CpuState* c, byte* place) => Processor.Of(c).Linear.Commit(place);

    /// <summary>Reads 1, 2 or 4 bytes, zero-extended.</summary>
    public static bool TryRead(CpuState* c, int segment, uint offset, uint size, out uint value)
    {
        byte* place = FastRead(c, segment, offset, size);
        if (place == null)
        {
            place = Prepare(c, segment, offset, size, AccessKind.Read);
        }

        value = place == null ? 0 : Load(place, size);
        return place != null;
    }

    /// <summary>Writes 1, 2 or 4 bytes.</summary>
    public static bool TryWrite(CpuState* c, int segment, uint offset, uint size, uint value)
    {
        byte* place = Prepare(c, segment, offset, size, AccessKind.Write);
        if (place == null)
        {
            return false;
        }

        Store(place, size, value);
        return Commit(c, place);
    }

    /// <summary>Reads 1, 2 or 4 bytes at a host address.</summary>
    public static uint Load(byte* place, uint size) => size switch
    {
        1 => *place,
        2 => Unsafe.ReadUnaligned<ushort>(place),
        _ => Unsafe.ReadUnaligned<uint>(place),
    };

    /// <summary>Writes 1, 2 or 4 bytes at a host address.</summary>
    public static void Store(byte* place, uint size, uint value)
    {
        switch (size)
        {
            case 1: *place = (byte)value; break;
            case 2: Unsafe.WriteUnaligned(place, (ushort)value); break;
            default: Unsafe.WriteUnaligned(place, value); break;
        }
    }

    /// <summary>The bytes of a read that the TLB knows, or null: nothing is recorded then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* FastRead(CpuState* c, int segment, uint offset, uint size)
    {
        SegmentRegister* s = (SegmentRegister*)&c->Segments + segment;
        uint address = s->Base + offset;
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return s->MayRead(offset, size) && ((address + (size - 1)) & ~PageSize.OffsetMask) == entry->ReadTag
            ? (byte*)entry->Delta + address : null;
    }

    /// <summary>The bytes of a write that the TLB knows, or null: nothing is recorded then. No commit is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* FastWrite(CpuState* c, int segment, uint offset, uint size)
    {
        SegmentRegister* s = (SegmentRegister*)&c->Segments + segment;
        uint address = s->Base + offset;
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return s->MayWrite(offset, size) && ((address + (size - 1)) & ~PageSize.OffsetMask) == entry->WriteTag
            ? (byte*)entry->Delta + address : null;
    }
}
