using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>PUSHA, POPA, ENTER and LEAVE. Where the TLB does not know the frame, all of its elements are checked before the first is written.</summary>
// SAFETY: handlers get the state and the op of a live Processor; a fast pointer covers the whole frame.
internal static unsafe class StackFrames
{
    private const int Registers = 8;
    private const int Esp = Stack.Esp;
    private const int Ebp = 5;
    private const int Edi = 7;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Pushaw, &MakePushAll<Size16>);
        table.Add(Code.Pushad, &MakePushAll<Size32>);
        table.Add(Code.Popaw, &MakePopAll<Size16>);
        table.Add(Code.Popad, &MakePopAll<Size32>);
        table.Add(Code.Enterw_imm16_imm8, &MakeEnter<Size16>);
        table.Add(Code.Enterd_imm16_imm8, &MakeEnter<Size32>);
        table.Add(Code.Leavew, &MakeLeave<Size16>);
        table.Add(Code.Leaved, &MakeLeave<Size32>);
    }

    private static void MakePushAll<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.Set(&PushAll<TSize>);

    private static void MakePopAll<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.Set(&PopAll<TSize>);

    private static void MakeEnter<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(0) & 0xFFFF;
        b.Op->Extra = (ushort)(b.Immediate(1) & 31);
        b.Set(&Enter<TSize>);
    }

    private static void MakeLeave<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.Set(TSize.Bytes == 4 && Stack.IsFast(b.Mode) ? &LeaveFast : &Leave<TSize>);

    private static Op* PushAll<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint mask = Stack.PointerMask(c);
        uint top = (c->Registers[Esp] - (Registers * TSize.Bytes)) & mask;
        byte* frame = FitsBelow(top, Registers * TSize.Bytes, mask) ? Access.FastWrite(c, Segment.Ss, top, Registers * TSize.Bytes) : null;
        if (frame == null)
        {
            return PushAllSlowly<TSize>(c, o);
        }

        for (int i = 0; i < Registers; i++)
        {
            TSize.Store(frame + ((Registers - 1 - i) * (int)TSize.Bytes), c->Registers[i]);
        }

        c->Registers[Esp] = (c->Registers[Esp] & ~mask) | top;
        return Ops.Next(c, o);
    }

    private static Op* PushAllSlowly<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint mask = Stack.PointerMask(c);
        uint pointer = c->Registers[Esp];

        // In real and virtual-8086 mode some odd pointers are another fault than a limit violation (Intel SDM vol. 2, PUSHA).
        if (!ProcessorMode.IsProtected(c) && (pointer & mask) is 7 or 9 or 11 or 13 or 15)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        for (uint i = 1; i <= Registers; i++)
        {
            if (!TryProbe<TSize>(c, (pointer - (i * TSize.Bytes)) & mask))
            {
                return Ops.Leave(c, o);
            }
        }

        for (uint i = 1; i <= Registers; i++)
        {
            if (!Access.TryWrite(c, Segment.Ss, (pointer - (i * TSize.Bytes)) & mask, TSize.Bytes, c->Registers[i - 1]))
            {
                return Ops.Leave(c, o);
            }
        }

        Stack.Adjust(c, 0 - (Registers * TSize.Bytes));
        return Ops.Next(c, o);
    }

    private static Op* PopAll<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint mask = Stack.PointerMask(c);
        uint top = c->Registers[Esp] & mask;
        byte* frame = FitsBelow(top, Registers * TSize.Bytes, mask) ? Access.FastRead(c, Segment.Ss, top, Registers * TSize.Bytes) : null;
        if (frame == null)
        {
            return PopAllSlowly<TSize>(c, o);
        }

        for (int i = 0; i < Registers; i++)
        {
            if (i != Esp)
            {
                TSize.Store((byte*)(c->Registers + i), TSize.Load(frame + ((Registers - 1 - i) * (int)TSize.Bytes)));
            }
        }

        c->Registers[Esp] = (c->Registers[Esp] & ~mask) | ((top + (Registers * TSize.Bytes)) & mask);
        return Ops.Next(c, o);
    }

    private static Op* PopAllSlowly<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint* values = stackalloc uint[Registers];
        for (int i = Edi; i >= 0; i--)
        {
            // The place of the stack pointer is passed over.
            if (i != Esp && !Stack.TryRead<TSize>(c, (uint)(Edi - i) * TSize.Bytes, out values[i]))
            {
                return Ops.Leave(c, o);
            }
        }

        for (int i = 0; i < Registers; i++)
        {
            if (i != Esp)
            {
                TSize.Store((byte*)(c->Registers + i), values[i]);
            }
        }

        Stack.Adjust(c, Registers * TSize.Bytes);
        return Ops.Next(c, o);
    }

    // The first pass does every access but the stores; after it the second cannot fault. A source may lie in the frame that is being
    // built, so that it is read only when its turn has come.
    private static Op* Enter<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint mask = Stack.PointerMask(c);
        uint level = o->Extra;
        uint pointer = c->Registers[Esp];
        uint frame = pointer - TSize.Bytes;
        uint pushed = level == 0 ? 1 : level + 1;
        uint final = (pointer - (pushed * TSize.Bytes) - o->Immediate) & mask;
        for (uint i = 1; i <= pushed; i++)
        {
            bool copies = i > 1 && i < pushed;
            if ((copies && !TryReadOuter<TSize>(c, i - 1, out _)) || !TryProbe<TSize>(c, (pointer - (i * TSize.Bytes)) & mask))
            {
                return Ops.Leave(c, o);
            }
        }

        if (!TryProbe<TSize>(c, final))
        {
            return Ops.Leave(c, o);
        }

        for (uint i = 1; i <= pushed; i++)
        {
            uint value = i == 1 ? c->Registers[Ebp] : (pointer & ~mask) | (frame & mask);
            bool copies = i > 1 && i < pushed;
            if ((copies && !TryReadOuter<TSize>(c, i - 1, out value))
                || !Access.TryWrite(c, Segment.Ss, (pointer - (i * TSize.Bytes)) & mask, TSize.Bytes, value))
            {
                return Ops.Leave(c, o);
            }
        }

        TSize.Store((byte*)(c->Registers + Ebp), (pointer & ~mask) | (frame & mask));
        c->Registers[Esp] = (pointer & ~mask) | final;
        return Ops.Next(c, o);
    }

    private static Op* LeaveFast(CpuState* c, Op* o)
    {
        uint frame = c->Registers[Ebp];
        byte* place = Stack.FastPop(c, frame);
        if (place == null)
        {
            return Leave<Size32>(c, o);
        }

        c->Registers[Esp] = frame + 4;
        c->Registers[Ebp] = Size32.Load(place);
        return Ops.Next(c, o);
    }

    private static Op* Leave<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint mask = Stack.PointerMask(c);
        uint frame = c->Registers[Ebp] & mask;
        if (!Access.TryRead(c, Segment.Ss, frame, TSize.Bytes, out uint value))
        {
            return Ops.Leave(c, o);
        }

        c->Registers[Esp] = (c->Registers[Esp] & ~mask) | ((frame + TSize.Bytes) & mask);
        TSize.Store((byte*)(c->Registers + Ebp), value);
        return Ops.Next(c, o);
    }

    private static bool FitsBelow(uint offset, uint size, uint mask) => offset <= mask - (size - 1);

    private static bool TryProbe<TSize>(CpuState* c, uint offset)
        where TSize : struct, IOperandSize => Access.Prepare(c, Segment.Ss, offset, TSize.Bytes, AccessKind.Write) != null;

    // The pointer to an outer frame, 1 for the one next to EBP.
    private static bool TryReadOuter<TSize>(CpuState* c, uint number, out uint value)
        where TSize : struct, IOperandSize =>
        Access.TryRead(c, Segment.Ss, (c->Registers[Ebp] - (number * TSize.Bytes)) & Stack.PointerMask(c), TSize.Bytes, out value);
}
