using System.Runtime.CompilerServices;
using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>One of the string instructions, for elements of any size.</summary>
// SAFETY: the state is that of a live Processor.
internal unsafe interface IStringOperation
{
    /// <summary>Whether it reads at DS:ESI, and so moves ESI.</summary>
    static abstract bool HasSource { get; }

    /// <summary>Whether it uses ES:EDI, and so moves EDI.</summary>
    static abstract bool HasDestination { get; }

    /// <summary>Does one element. False: the reason is pending, and nothing has happened.</summary>
    /// <param name="c">The state.</param>
    /// <param name="o">The op.</param>
    /// <param name="source">The source's offset.</param>
    /// <param name="destination">The destination's offset.</param>
    static abstract bool TryElement<TSize>(CpuState* c, Op* o, uint source, uint destination)
        where TSize : struct, IOperandSize;

    /// <summary>Does many elements, all of which lie in pages that the TLB knows.</summary>
    /// <param name="c">The state.</param>
    /// <param name="o">The op.</param>
    /// <param name="mask">The bits of an offset.</param>
    /// <param name="limit">Elements at most, 1 or more.</param>
    /// <returns>Elements done; 0 when the next one must go through <see cref="TryElement"/>.</returns>
    static abstract uint Run<TSize>(CpuState* c, Op* o, uint mask, uint limit)
        where TSize : struct, IOperandSize;

    /// <summary>Whether the element that was done last ends the repetition.</summary>
    static abstract bool Ends(CpuState* c, Op* o);
}

/// <summary>
/// What all string instructions share: index registers that move by the element's size, up or down as DF says, and repetition
/// (Intel SDM vol. 2, REP). A repetition is done in portions; between two of them the processor stands at the instruction, with registers
/// that say what is left to do.
/// </summary>
// SAFETY: handlers get the state and the op of a live Processor; pointers from Reach hold for the elements that it counted, until the
// next access that may change a translation.
internal static unsafe class StringLoop
{
    /// <summary>Elements in one portion at most.</summary>
    public const uint MaxElements = 4096;

    private const int Ecx = 1;
    private const int Esi = 6;
    private const int Edi = 7;

    /// <summary>How a portion ended.</summary>
    private enum Ending
    {
        /// <summary>An element could not be done; those before it are.</summary>
        Stopped,

        /// <summary>The instruction is done.</summary>
        Done,

        /// <summary>There is more to do.</summary>
        More,
    }

    /// <summary>Enters the row of a string instruction.</summary>
    public static void Add<TOperation, TSize>(InstructionTable table, Code code)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize => table.Add(code, &Make<TOperation, TSize>);

    /// <summary>Fills in the source's segment and the address size.</summary>
    /// <returns>Whether it is repeated.</returns>
    public static bool Prepare(ref OpBuilder b)
    {
        for (int i = 0; i < b.Instruction.OpCount; i++)
        {
            OpKind kind = b.Instruction.GetOpKind(i);
            if (kind is OpKind.MemorySegSI or OpKind.MemoryESDI)
            {
                b.Op->Flags |= OpFlags.Address16;
            }

            if (kind is OpKind.MemorySegSI or OpKind.MemorySegESI)
            {
                b.Op->SegmentNumber = (byte)(b.Instruction.MemorySegment - Iced.Intel.Register.ES);
            }
        }

        return (b.Op->Flags & (OpFlags.Repeat | OpFlags.RepeatNotEqual)) != 0;
    }

    /// <summary>The handler of one element.</summary>
    public static Op* Once<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize
    {
        uint mask = MaskOf(o);
        if (!TOperation.TryElement<TSize>(c, o, c->Registers[Esi] & mask, c->Registers[Edi] & mask))
        {
            return Ops.Leave(c, o);
        }

        Advance<TOperation, TSize>(c, mask, 1);
        return Ops.Next(c, o);
    }

    /// <summary>The handler of a repetition.</summary>
    public static Op* Repeat<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize
    {
        Ending ending = Portion<TOperation, TSize>(c, o);
        return ending == Ending.Done ? Ops.Next(c, o) : ending == Ending.More ? Ops.Jumped(c, o) : Ops.Leave(c, o);
    }

    /// <summary>The offset of the next source element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Source(CpuState* c, uint mask) => c->Registers[Esi] & mask;

    /// <summary>The offset of the next destination element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Destination(CpuState* c, uint mask) => c->Registers[Edi] & mask;

    /// <summary>Whether the index registers go down.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDown(CpuState* c) => (c->SystemFlags & Flags.Direction) != 0;

    /// <summary>Finds the elements that lie, as a whole, in one page that the TLB knows, inside their segment and before the offset wraps.</summary>
    /// <param name="c">The state.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="offset">The first element's offset.</param>
    /// <param name="mask">The bits of an offset.</param>
    /// <param name="write">Whether they are written.</param>
    /// <param name="count">How many are wanted; becomes how many there are.</param>
    /// <returns>The host address of the first element, or null when not even that one can be had.</returns>
    public static byte* Reach<TSize>(CpuState* c, int segment, uint offset, uint mask, bool write, ref uint count)
        where TSize : struct, IOperandSize
    {
        byte* first = write ? Access.FastWrite(c, segment, offset, TSize.Bytes) : Access.FastRead(c, segment, offset, TSize.Bytes);
        if (first == null)
        {
            return null;
        }

        // The first element is inside the segment and inside the page: no difference below is negative.
        SegmentRegister* s = (SegmentRegister*)&c->Segments + segment;
        uint inPage = (s->Base + offset) & PageSize.OffsetMask;
        uint elements = IsDown(c)
            ? (Math.Min(inPage, offset - s->Lowest) / TSize.Bytes) + 1
            : (Math.Min(PageSize.OffsetMask - inPage, Math.Min(s->Highest, mask) - offset) + 1) / TSize.Bytes;
        count = Math.Min(count, elements);
        return elements == 0 || offset > mask - (TSize.Bytes - 1) ? null : first;
    }

    /// <summary>The lowest address of elements that begin at <paramref name="first"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Lowest<TSize>(byte* first, uint count, bool down)
        where TSize : struct, IOperandSize => down ? first - ((count - 1) * TSize.Bytes) : first;

    /// <summary>The last element of those that begin at <paramref name="first"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Last<TSize>(byte* first, uint count, bool down)
        where TSize : struct, IOperandSize => down ? first - ((count - 1) * TSize.Bytes) : first + ((count - 1) * TSize.Bytes);

    /// <summary>Writes one element at ES:EDI.</summary>
    public static bool TryStore<TSize>(CpuState* c, uint offset, uint value)
        where TSize : struct, IOperandSize
    {
        byte* place = Access.FastWrite(c, Segment.Es, offset, TSize.Bytes);
        if (place == null)
        {
            return Access.TryWrite(c, Segment.Es, offset, TSize.Bytes, value);
        }

        TSize.Store(place, value);
        return true;
    }

    private static void Make<TOperation, TSize>(ref OpBuilder b)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize
    {
        if (Prepare(ref b))
        {
            b.Set(&Repeat<TOperation, TSize>);
        }
        else
        {
            b.Set(&Once<TOperation, TSize>);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint MaskOf(Op* o) => (o->Flags & OpFlags.Address16) != 0 ? 0xFFFF : uint.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Advance<TOperation, TSize>(CpuState* c, uint mask, uint elements)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize
    {
        uint distance = elements * TSize.Bytes;
        distance = IsDown(c) ? 0 - distance : distance;
        if (TOperation.HasSource)
        {
            Add(c, Esi, distance, mask);
        }

        if (TOperation.HasDestination)
        {
            Add(c, Edi, distance, mask);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(CpuState* c, int register, uint distance, uint mask)
    {
        uint old = c->Registers[register];
        c->Registers[register] = (old & ~mask) | ((old + distance) & mask);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Ending Portion<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IStringOperation
        where TSize : struct, IOperandSize
    {
        uint mask = MaskOf(o);
        uint count = c->Registers[Ecx] & mask;
        if (count == 0)
        {
            return Ending.Done;
        }

        // A debug trap comes after each element.
        uint left = (c->SystemFlags & Flags.Trap) != 0 ? 1 : Math.Min(count, MaxElements);
        uint result = c->Result;
        uint carries = c->Carries;
        bool begun = false;
        do
        {
            uint done = TOperation.Run<TSize>(c, o, mask, left);
            if (done == 0)
            {
                AccessLog log = Processor.Of(c).Linear.Log;
                bool exchanged = log.IsRepeating;
                if (!TOperation.TryElement<TSize>(c, o, c->Registers[Esi] & mask, c->Registers[Edi] & mask))
                {
                    // A fault shows the status flags of before the instruction (Intel SDM vol. 2, REP).
                    c->Result = result;
                    c->Carries = carries;
                    if (begun && c->Pending == Pending.Exit)
                    {
                        c->SystemFlags |= Flags.Resume;
                    }

                    return Ending.Stopped;
                }

                done = 1;
                log.Clear();

                // Interrupts come between elements, also when each of them ends a run: nothing but this would let them in, or let the
                // repetition count.
                left = exchanged ? 1 : left;
            }

            begun = true;
            Advance<TOperation, TSize>(c, mask, done);
            Add(c, Ecx, 0 - done, mask);
            count -= done;
            left -= done;
            if (count == 0 || TOperation.Ends(c, o))
            {
                return Ending.Done;
            }
        }
        while (left > 0 && Volatile.Read(ref c->Attention) == 0 && c->DebugHits == 0);

        // RF keeps the instruction's own breakpoint from being met again (Intel SDM vol. 3, 17.3.1.1).
        c->SystemFlags |= Flags.Resume;
        c->Eip += o->EipOffset;
        return Ending.More;
    }
}
