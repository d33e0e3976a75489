using System.Runtime.CompilerServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>The stack: PUSH and POP of registers, immediates and memory, and what others build on.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Stack
{
    /// <summary>The number of ESP.</summary>
    public const int Esp = 4;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Push_r16, &MakePushRegister<Size16>);
        table.Add(Code.Push_r32, &MakePushRegister<Size32>);
        table.Add(Code.Push_rm16, &MakePush<Size16>);
        table.Add(Code.Push_rm32, &MakePush<Size32>);
        table.Add(Code.Push_imm16, &MakePushImmediate<Size16>);
        table.Add(Code.Pushd_imm32, &MakePushImmediate<Size32>);
        table.Add(Code.Pushw_imm8, &MakePushImmediate<Size16>);
        table.Add(Code.Pushd_imm8, &MakePushImmediate<Size32>);
        table.Add(Code.Pop_r16, &MakePopRegister<Size16>);
        table.Add(Code.Pop_r32, &MakePopRegister<Size32>);
        table.Add(Code.Pop_rm16, &MakePop<Size16>);
        table.Add(Code.Pop_rm32, &MakePop<Size32>);
    }

    /// <summary>Whether pushes and pops can go the flat way: a flat stack with 32-bit pointer.</summary>
    public static bool IsFast(BlockMode mode) => (mode & (BlockMode.FlatData | BlockMode.Stack32)) == (BlockMode.FlatData | BlockMode.Stack32);

    /// <summary>Where four bytes can be pushed, if the TLB knows it; else null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* FastPush(CpuState* c, uint address)
    {
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return ((address + 3) & ~PageSize.OffsetMask) == entry->WriteTag ? (byte*)entry->Delta + address : null;
    }

    /// <summary>Where four bytes can be popped, if the TLB knows it; else null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* FastPop(CpuState* c, uint address)
    {
        TlbEntry* entry = c->Tlb + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        return ((address + 3) & ~PageSize.OffsetMask) == entry->ReadTag ? (byte*)entry->Delta + address : null;
    }

    /// <summary>The bits of ESP that the stack segment uses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PointerMask(CpuState* c) => (c->Mode & BlockMode.Stack32) != 0 ? uint.MaxValue : 0xFFFF;

    /// <summary>Pushes a value. False: it faulted, and nothing has changed.</summary>
    public static bool TryPush<TSize>(CpuState* c, uint value)
        where TSize : struct, IOperandSize
    {
        uint mask = PointerMask(c);
        uint top = (c->Registers[Esp] - TSize.Bytes) & mask;
        byte* place = Access.Prepare(c, Segment.Ss, top, TSize.Bytes, AccessKind.Write);
        if (place == null)
        {
            return false;
        }

        TSize.Store(place, value);
        if (!Access.Commit(c, place))
        {
            return false;
        }

        c->Registers[Esp] = (c->Registers[Esp] & ~mask) | top;
        return true;
    }

    /// <summary>Reads a value on the stack and leaves it there.</summary>
    /// <param name="c">The state.</param>
    /// <param name="offset">Bytes above the stack pointer.</param>
    /// <param name="value">The value.</param>
    public static bool TryRead<TSize>(CpuState* c, uint offset, out uint value)
        where TSize : struct, IOperandSize =>
        Access.TryRead(c, Segment.Ss, (c->Registers[Esp] + offset) & PointerMask(c), TSize.Bytes, out value);

    /// <summary>Moves the stack pointer up.</summary>
    public static void Adjust(CpuState* c, uint bytes)
    {
        uint mask = PointerMask(c);
        c->Registers[Esp] = (c->Registers[Esp] & ~mask) | ((c->Registers[Esp] + bytes) & mask);
    }

    private static void MakePushRegister<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(0);
        b.Set(TSize.Bytes == 4 && IsFast(b.Mode) ? &PushRegisterFast : &PushRegister<TSize>);
    }

    private static void MakePush<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            MakePushRegister<TSize>(ref b);
        }
        else
        {
            b.Memory();
            b.Set(&PushMemory<TSize>);
        }
    }

    private static void MakePushImmediate<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(0);
        b.Set(TSize.Bytes == 4 && IsFast(b.Mode) ? &PushImmediateFast : &PushImmediate<TSize>);
    }

    private static void MakePopRegister<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        b.Set(TSize.Bytes == 4 && IsFast(b.Mode) ? &PopRegisterFast : &PopRegister<TSize>);
    }

    private static void MakePop<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            MakePopRegister<TSize>(ref b);
        }
        else
        {
            b.Memory();
            b.Set(&PopMemory<TSize>);
        }
    }

    private static Op* PushRegisterFast(CpuState* c, Op* o)
    {
        uint top = c->Registers[Esp] - 4;
        byte* place = FastPush(c, top);
        if (place == null)
        {
            return PushRegister<Size32>(c, o);
        }

        Size32.Store(place, *Ops.Register32(c, o->Source));
        c->Registers[Esp] = top;
        return Ops.Next(c, o);
    }

    private static Op* PushRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize =>
        TryPush<TSize>(c, TSize.Load((byte*)c + o->Source)) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static Op* PushImmediateFast(CpuState* c, Op* o)
    {
        uint top = c->Registers[Esp] - 4;
        byte* place = FastPush(c, top);
        if (place == null)
        {
            return PushImmediate<Size32>(c, o);
        }

        Size32.Store(place, o->Immediate);
        c->Registers[Esp] = top;
        return Ops.Next(c, o);
    }

    private static Op* PushImmediate<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize =>
        TryPush<TSize>(c, o->Immediate) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static Op* PushMemory<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (!Access.TryRead(c, o->SegmentNumber, EffectiveAddress.Of(c, o), TSize.Bytes, out uint value))
        {
            return Ops.Leave(c, o);
        }

        return TryPush<TSize>(c, value) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* PopRegisterFast(CpuState* c, Op* o)
    {
        uint top = c->Registers[Esp];
        byte* place = FastPop(c, top);
        if (place == null)
        {
            return PopRegister<Size32>(c, o);
        }

        // POP ESP: what was popped wins.
        c->Registers[Esp] = top + 4;
        *Ops.Register32(c, o->Destination) = Size32.Load(place);
        return Ops.Next(c, o);
    }

    private static Op* PopRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (!TryRead<TSize>(c, 0, out uint value))
        {
            return Ops.Leave(c, o);
        }

        Adjust(c, TSize.Bytes);
        TSize.Store((byte*)c + o->Destination, value);
        return Ops.Next(c, o);
    }

    // A destination based on ESP is computed after the pop (Intel SDM vol. 2, POP).
    private static Op* PopMemory<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (!TryRead<TSize>(c, 0, out uint value))
        {
            return Ops.Leave(c, o);
        }

        uint before = c->Registers[Esp];
        Adjust(c, TSize.Bytes);
        if (!Access.TryWrite(c, o->SegmentNumber, EffectiveAddress.Of(c, o), TSize.Bytes, value))
        {
            c->Registers[Esp] = before;
            return Ops.Leave(c, o);
        }

        return Ops.Next(c, o);
    }
}
