using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>MOVS, STOS and LODS.</summary>
internal static class Strings
{
    public static void Register(InstructionTable table)
    {
        StringLoop.Add<Movs, Size8>(table, Code.Movsb_m8_m8);
        StringLoop.Add<Movs, Size16>(table, Code.Movsw_m16_m16);
        StringLoop.Add<Movs, Size32>(table, Code.Movsd_m32_m32);
        StringLoop.Add<Stos, Size8>(table, Code.Stosb_m8_AL);
        StringLoop.Add<Stos, Size16>(table, Code.Stosw_m16_AX);
        StringLoop.Add<Stos, Size32>(table, Code.Stosd_m32_EAX);
        StringLoop.Add<Lods, Size8>(table, Code.Lodsb_AL_m8);
        StringLoop.Add<Lods, Size16>(table, Code.Lodsw_AX_m16);
        StringLoop.Add<Lods, Size32>(table, Code.Lodsd_EAX_m32);
    }
}

// SAFETY (all three): the state and the op are those of a live Processor; Reach has counted the elements at the pointers it returned.

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Movs : IStringOperation
{
    public static bool HasSource => true;

    public static bool HasDestination => true;

    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize =>
        Access.TryRead(c, o->SegmentNumber, source, TSize.Bytes, out uint value) && StringLoop.TryStore<TSize>(c, destination, value);

    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize
    {
        uint count = limit;
        byte* source = StringLoop.Reach<TSize>(c, o->SegmentNumber, StringLoop.Source(c, mask), mask, write: false, ref count);
        if (source == null)
        {
            return 0;
        }

        byte* destination = StringLoop.Reach<TSize>(c, Segment.Es, StringLoop.Destination(c, mask), mask, write: true, ref count);
        if (destination == null)
        {
            return 0;
        }

        Copy<TSize>(source, destination, count, StringLoop.IsDown(c));
        return count;
    }

    public static bool Ends(CpuState* c, Op* o) => false;

    // As if element by element. Where no element is written before it is read, that is a move of the whole.
    private static void Copy<TSize>(byte* source, byte* destination, uint count, bool down)
        where TSize : struct, IOperandSize
    {
        uint bytes = count * TSize.Bytes;
        byte* from = StringLoop.Lowest<TSize>(source, count, down);
        byte* to = StringLoop.Lowest<TSize>(destination, count, down);
        bool apart = to >= from + bytes || from >= to + bytes;
        if (apart || (down ? to >= from : to <= from))
        {
            Buffer.MemoryCopy(from, to, bytes, bytes);
            return;
        }

        if (!down && (uint)(to - from) >= TSize.Bytes)
        {
            Propagate(from, (uint)(to - from), bytes);
            return;
        }

        nint step = down ? -(nint)TSize.Bytes : (nint)TSize.Bytes;
        for (; count > 0; count--)
        {
            TSize.Store(destination, TSize.Load(source));
            source += step;
            destination += step;
        }
    }

    // The first bytes come again and again: a source byte at or behind the destination has been written by an earlier element.
    private static void Propagate(byte* start, uint period, uint bytes)
    {
        uint filled = period;
        uint end = period + bytes;
        while (filled < end)
        {
            uint part = Math.Min(filled, end - filled);
            Buffer.MemoryCopy(start, start + filled, part, part);
            filled += part;
        }
    }
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Stos : IStringOperation
{
    public static bool HasSource => false;

    public static bool HasDestination => true;

    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize => StringLoop.TryStore<TSize>(c, destination, c->Registers[0]);

    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize
    {
        uint count = limit;
        byte* first = StringLoop.Reach<TSize>(c, Segment.Es, StringLoop.Destination(c, mask), mask, write: true, ref count);
        if (first == null)
        {
            return 0;
        }

        byte* lowest = StringLoop.Lowest<TSize>(first, count, StringLoop.IsDown(c));
        uint value = c->Registers[0];
        switch (TSize.Bytes)
        {
            case 1: new Span<byte>(lowest, (int)count).Fill((byte)value); break;
            case 2: new Span<ushort>(lowest, (int)count).Fill((ushort)value); break;
            default: new Span<uint>(lowest, (int)count).Fill(value); break;
        }

        return count;
    }

    public static bool Ends(CpuState* c, Op* o) => false;
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Lods : IStringOperation
{
    public static bool HasSource => true;

    public static bool HasDestination => false;

    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize
    {
        if (!Access.TryRead(c, o->SegmentNumber, source, TSize.Bytes, out uint value))
        {
            return false;
        }

        TSize.Store((byte*)c, value);
        return true;
    }

    // Only the last element is still there in the end.
    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize
    {
        uint count = limit;
        byte* first = StringLoop.Reach<TSize>(c, o->SegmentNumber, StringLoop.Source(c, mask), mask, write: false, ref count);
        if (first == null)
        {
            return 0;
        }

        TSize.Store((byte*)c, TSize.Load(StringLoop.Last<TSize>(first, count, StringLoop.IsDown(c))));
        return count;
    }

    public static bool Ends(CpuState* c, Op* o) => false;
}
