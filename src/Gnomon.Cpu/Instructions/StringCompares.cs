using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>CMPS and SCAS. REPE goes on while elements are equal, REPNE while they differ.</summary>
// SAFETY: the state and the op are those of a live Processor.
internal static unsafe class StringCompares
{
    public static void Register(InstructionTable table)
    {
        StringLoop.Add<Cmps, Size8>(table, Code.Cmpsb_m8_m8);
        StringLoop.Add<Cmps, Size16>(table, Code.Cmpsw_m16_m16);
        StringLoop.Add<Cmps, Size32>(table, Code.Cmpsd_m32_m32);
        StringLoop.Add<Scas, Size8>(table, Code.Scasb_AL_m8);
        StringLoop.Add<Scas, Size16>(table, Code.Scasw_AX_m16);
        StringLoop.Add<Scas, Size32>(table, Code.Scasd_EAX_m32);
    }

    /// <summary>Whether the repetition goes on while elements are equal.</summary>
    public static bool WhileEqual(Op* o) => (o->Flags & OpFlags.RepeatNotEqual) == 0;

    /// <summary>Whether ZF ends it.</summary>
    public static bool Ends(CpuState* c, Op* o) => Flags.HasZero(c) != WhileEqual(o);
}

// SAFETY (both): the state and the op are those of a live Processor; Reach has counted the elements at the pointers it returned.

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Cmps : IStringOperation
{
    public static bool HasSource => true;

    public static bool HasDestination => true;

    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize
    {
        if (!Access.TryRead(c, o->SegmentNumber, source, TSize.Bytes, out uint left)
            || !Access.TryRead(c, Segment.Es, destination, TSize.Bytes, out uint right))
        {
            return false;
        }

        Cmp.Do<TSize>(c, left, right);
        return true;
    }

    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize
    {
        uint count = limit;
        byte* left = StringLoop.Reach<TSize>(c, o->SegmentNumber, StringLoop.Source(c, mask), mask, write: false, ref count);
        if (left == null)
        {
            return 0;
        }

        byte* right = StringLoop.Reach<TSize>(c, Segment.Es, StringLoop.Destination(c, mask), mask, write: false, ref count);
        if (right == null)
        {
            return 0;
        }

        bool down = StringLoop.IsDown(c);
        bool whileEqual = StringCompares.WhileEqual(o);
        uint done = 0;
        if (!down && whileEqual)
        {
            int bytes = (int)(count * TSize.Bytes);
            uint equal = (uint)new ReadOnlySpan<byte>(left, bytes).CommonPrefixLength(new ReadOnlySpan<byte>(right, bytes)) / TSize.Bytes;
            done = Math.Min(equal + 1, count);
        }
        else
        {
            nint step = down ? -(nint)TSize.Bytes : (nint)TSize.Bytes;
            bool equal;
            do
            {
                equal = TSize.Load(left + (step * (nint)done)) == TSize.Load(right + (step * (nint)done));
                done++;
            }
            while (done < count && equal == whileEqual);
        }

        Cmp.Do<TSize>(c, TSize.Load(StringLoop.Last<TSize>(left, done, down)), TSize.Load(StringLoop.Last<TSize>(right, done, down)));
        return done;
    }

    public static bool Ends(CpuState* c, Op* o) => StringCompares.Ends(c, o);
}

// SAFETY: the state is that of a live Processor.
internal readonly unsafe struct Scas : IStringOperation
{
    public static bool HasSource => false;

    public static bool HasDestination => true;

    public static bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize
    {
        if (!Access.TryRead(c, Segment.Es, destination, TSize.Bytes, out uint right))
        {
            return false;
        }

        Cmp.Do<TSize>(c, TSize.Load((byte*)c), right);
        return true;
    }

    public static uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize
    {
        uint count = limit;
        byte* first = StringLoop.Reach<TSize>(c, Segment.Es, StringLoop.Destination(c, mask), mask, write: false, ref count);
        if (first == null)
        {
            return 0;
        }

        bool down = StringLoop.IsDown(c);
        uint wanted = TSize.Load((byte*)c);
        uint done = down ? Down<TSize>(first, count, wanted, StringCompares.WhileEqual(o)) : Up<TSize>(first, (int)count, wanted, StringCompares.WhileEqual(o));
        Cmp.Do<TSize>(c, wanted, TSize.Load(StringLoop.Last<TSize>(first, done, down)));
        return done;
    }

    public static bool Ends(CpuState* c, Op* o) => StringCompares.Ends(c, o);

    private static uint Up<TSize>(byte* first, int count, uint wanted, bool whileEqual)
        where TSize : struct, IOperandSize
    {
        int at = TSize.Bytes switch
        {
            1 => Find(new ReadOnlySpan<byte>(first, count), (byte)wanted, whileEqual),
            2 => Find(new ReadOnlySpan<ushort>(first, count), (ushort)wanted, whileEqual),
            _ => Find(new ReadOnlySpan<uint>(first, count), wanted, whileEqual),
        };
        return at < 0 ? (uint)count : (uint)at + 1;
    }

    private static int Find<T>(ReadOnlySpan<T> elements, T wanted, bool whileEqual)
        where T : IEquatable<T> => whileEqual ? elements.IndexOfAnyExcept(wanted) : elements.IndexOf(wanted);

    private static uint Down<TSize>(byte* first, uint count, uint wanted, bool whileEqual)
        where TSize : struct, IOperandSize
    {
        uint done = 0;
        bool equal;
        do
        {
            equal = TSize.Load(first - (done * TSize.Bytes)) == wanted;
            done++;
        }
        while (done < count && equal == whileEqual);
        return done;
    }
}
