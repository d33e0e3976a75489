using System.Runtime.CompilerServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Instructions;
using Gnomon.Memory;

namespace Gnomon.Cpu.Memory;

/// <summary>
/// How a handler reaches its memory operand, as a type parameter. A handler over a fast path is a few instructions that give up on a miss
/// by jumping to the same handler over <see cref="Slow"/>, which can do everything:
/// <code>
/// byte* p = TPath.Read&lt;TSize&gt;(c, o);
/// if (p == null) return TPath.Miss(c, o, &amp;Handler&lt;TSize, Slow&gt;);
/// … and for writes, when the bytes stand at p: if (!TPath.Commit(c, p)) return Ops.Leave(c, o);
/// </code>
/// </summary>
// SAFETY: the state and the op are those of a live Processor; pointers hold for the bytes of the operand until the next access.
internal unsafe interface IMemoryPath
{
    /// <summary>Where the operand can be read, or null.</summary>
    static abstract byte* Read<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize;

    /// <summary>Where the operand can be written without being read, or null.</summary>
    static abstract byte* Write<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize;

    /// <summary>Where the operand can be read and then written, or null.</summary>
    static abstract byte* Modify<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize;

    /// <summary>Finishes a write. False: the instruction must give up, and nothing has been written.</summary>
    static abstract bool Commit(CpuState* c, byte* place);

    /// <summary>What to do when there is no pointer.</summary>
    static abstract Op* Miss(CpuState* c, Op* o, delegate*<CpuState*, Op*, Op*> slow);
}

/// <summary>The operand's effective address.</summary>
// SAFETY: the state and the op are those of a live Processor; pointers hold for the bytes of the operand until the next access.
internal static unsafe class EffectiveAddress
{
    /// <summary>Base + index × factor + displacement, with 32-bit addressing.</summary>
    // SAFETY: register offsets in an op are those of CpuState's registers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Of32(CpuState* c, Op* o) =>
        *Ops.Register32(c, o->Base) + (*Ops.Register32(c, o->Index) << o->Scale) + o->Displacement;

    /// <summary>With 16- or 32-bit addressing, as the op says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Of(CpuState* c, Op* o)
    {
        uint address = Of32(c, o);
        return (o->Flags & OpFlags.Address16) != 0 ? address & 0xFFFF : address;
    }
}

/// <summary>Flat segments and 32-bit addressing: the effective address is the linear one.</summary>
// SAFETY: a TLB entry whose tag matches the page of the last byte covers all bytes of the access.
internal readonly unsafe struct Flat : IMemoryPath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Read<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint address = EffectiveAddress.Of32(c, o);
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return ((address + (TSize.Bytes - 1)) & ~PageSize.OffsetMask) == entry->ReadTag ? (byte*)entry->Delta + address : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Write<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint address = EffectiveAddress.Of32(c, o);
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return ((address + (TSize.Bytes - 1)) & ~PageSize.OffsetMask) == entry->WriteTag ? (byte*)entry->Delta + address : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Modify<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Write<TSize>(c, o);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Commit(CpuState* c, byte* place) => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op* Miss(CpuState* c, Op* o, delegate*<CpuState*, Op*, Op*> slow) => slow(c, o);
}

/// <summary>Any segment, any addressing; memory that the TLB knows.</summary>
// SAFETY: as Flat; the segment number in an op is below 6.
internal readonly unsafe struct Segmented : IMemoryPath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Read<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint offset = EffectiveAddress.Of(c, o);
        SegmentRegister* segment = (SegmentRegister*)&c->Segments + o->SegmentNumber;
        uint address = segment->Base + offset;
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return segment->MayRead(offset, TSize.Bytes) && ((address + (TSize.Bytes - 1)) & ~PageSize.OffsetMask) == entry->ReadTag
            ? (byte*)entry->Delta + address : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Write<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint offset = EffectiveAddress.Of(c, o);
        SegmentRegister* segment = (SegmentRegister*)&c->Segments + o->SegmentNumber;
        uint address = segment->Base + offset;
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return segment->MayWrite(offset, TSize.Bytes) && ((address + (TSize.Bytes - 1)) & ~PageSize.OffsetMask) == entry->WriteTag
            ? (byte*)entry->Delta + address : null;
    }

    // Reading as well: a segment that is writable is readable.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Modify<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Write<TSize>(c, o);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Commit(CpuState* c, byte* place) => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op* Miss(CpuState* c, Op* o, delegate*<CpuState*, Op*, Op*> slow) => slow(c, o);
}

/// <summary>Everything: misses, page crossings, devices, pages with code; faults are recorded.</summary>
// SAFETY: the state and the op are those of a live Processor; pointers hold for the bytes of the operand until the next access.
internal readonly unsafe struct Slow : IMemoryPath
{
    public static byte* Read<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), TSize.Bytes, AccessKind.Read);

    public static byte* Write<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), TSize.Bytes, AccessKind.Write);

    public static byte* Modify<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), TSize.Bytes, AccessKind.ReadWrite);

    public static bool Commit(CpuState* c, byte* place) => Processor.Of(c).Linear.Commit(place);

    public static Op* Miss(CpuState* c, Op* o, delegate*<CpuState*, Op*, Op*> slow) => Ops.Leave(c, o);
}
