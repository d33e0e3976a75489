using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Cpu.Events;

namespace Gnomon.Cpu.Execution;

/// <summary>
/// One decoded instruction, 32 bytes. Its handler runs it and goes on to the next op of the block by itself; the last op of a block
/// returns the head of the next block.
/// </summary>
/// <remarks>A handler has this shape, and ends with <c>return Ops.Next(c, o)</c>, which the compiler makes a jump:
/// <code>static Op* Handler(CpuState* c, Op* o)</code></remarks>
// SAFETY: ops lie in a BlockCache's native memory, which lives as long as its Processor and is reused only between blocks.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Op
{
    /// <summary>The handler.</summary>
    public delegate*<CpuState*, Op*, Op*> Run;

    /// <summary>The immediate operand; for branches the distance from the block's start to the target.</summary>
    public uint Immediate;

    /// <summary>The displacement of the memory operand; for branches the distance from the block's start to the next instruction.</summary>
    public uint Displacement;

    /// <summary>Byte offset in <see cref="CpuState"/> of the first operand's register.</summary>
    public byte Destination;

    /// <summary>Byte offset in <see cref="CpuState"/> of the second operand's register.</summary>
    public byte Source;

    /// <summary>Byte offset of the memory operand's base register; that of <see cref="CpuState.Zero"/> without one.</summary>
    public byte Base;

    /// <summary>Byte offset of the index register, or of <see cref="CpuState.Zero"/>.</summary>
    public byte Index;

    /// <summary>log2 of the index's factor, 0 … 3.</summary>
    public byte Scale;

    /// <summary>The memory operand's segment register.</summary>
    public byte SegmentNumber;

    /// <summary>See <see cref="OpFlags"/>.</summary>
    public OpFlags Flags;

    /// <summary>Bytes of the instruction, 1 … 15.</summary>
    public byte Length;

    /// <summary>Distance from the block's start.</summary>
    public ushort EipOffset;

    /// <summary>Instructions from this one to the block's end, this one included. 0 in helpers that are no instruction.</summary>
    public ushort Remaining;

    /// <summary>Iced's number for the instruction form.</summary>
    public ushort Code;

    /// <summary>Free for the handler; in ops that are no instruction, <see cref="OpExtra"/>.</summary>
    public ushort Extra;
}

/// <summary>What an op that is no instruction is.</summary>
internal static class OpExtra
{
    /// <summary>It leads on to the next block.</summary>
    public const ushort FallThrough = 1;

    /// <summary>It leaves.</summary>
    public const ushort Stop = 2;
}

/// <summary>What an op's prefixes and encoding say.</summary>
[Flags]
internal enum OpFlags : byte
{
    None = 0,

    /// <summary>16-bit addressing: the effective address is cut to 16 bits.</summary>
    Address16 = 1,

    /// <summary>16-bit operands.</summary>
    Operand16 = 2,

    /// <summary>REP or REPE.</summary>
    Repeat = 4,

    /// <summary>REPNE.</summary>
    RepeatNotEqual = 8,

    /// <summary>LOCK.</summary>
    Lock = 16,
}

/// <summary>Behind a block's last op: where its two ways out lead. Each begins as a stub that finds the block and patches it in.</summary>
// SAFETY: the state and the ops are those of a live Processor; links lie behind a block's last op.
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal unsafe struct BlockLink
{
    /// <summary>Where the branch goes.</summary>
    public Op* Taken;

    /// <summary>Where it falls through.</summary>
    public Op* Next;
}

/// <summary>What all handlers share.</summary>
// SAFETY: the state and the ops are those of a live Processor; links lie behind a block's last op.
internal static unsafe class Ops
{
    /// <summary>Ops behind a block's last one: the links and their two stubs.</summary>
    public const int TailOps = 3;

    /// <summary>Runs the next op of the block.</summary>
    // SAFETY: a block never ends with an op that calls this: the block builder closes each with a terminal op.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op* Next(CpuState* c, Op* o) => o[1].Run(c, o + 1);

    /// <summary>The links behind a terminal op.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static BlockLink* Links(Op* o) => (BlockLink*)(o + 1);

    /// <summary>A 32-bit register by its offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint* Register32(CpuState* c, byte offset) => (uint*)((byte*)c + offset);

    /// <summary>Gives up in the middle of an instruction: EIP is that of the instruction, and it and those behind it are not counted.
    /// The reason is in <see cref="CpuState.Pending"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Leave(CpuState* c, Op* o)
    {
        c->Eip += o->EipOffset;
        c->Budget += o->Remaining;
        return null;
    }

    /// <summary>Leaves the block after this instruction, which is done: the next one is looked up. For instructions that change what
    /// blocks depend on. With a <see cref="CpuState.Pending"/> set it is a trap.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Finish(CpuState* c, Op* o)
    {
        c->Eip += o->EipOffset + (uint)o->Length;
        c->Budget += o->Remaining - 1;
        return null;
    }

    /// <summary>Leaves the block after this instruction, which has set EIP itself.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Jumped(CpuState* c, Op* o)
    {
        c->Budget += o->Remaining - 1;
        return null;
    }

    /// <summary>Records an exception without error code and gives up: a fault.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Fault(CpuState* c, Op* o, byte vector)
    {
        Raise(c, vector, 0);
        return Leave(c, o);
    }

    /// <summary>Records an exception and gives up: a fault.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Op* Fault(CpuState* c, Op* o, byte vector, uint code)
    {
        Raise(c, vector, code);
        return Leave(c, o);
    }

    /// <summary>Records an exception that is reported behind its instruction (INT3, INTO, INT n, #DB): the caller then finishes it.</summary>
    public static void RaiseTrap(CpuState* c, byte vector, EventKind kind)
    {
        c->Pending = Pending.Exception;
        c->FaultKind = kind;
        c->FaultVector = vector;
        c->FaultCode = 0;
    }

    /// <summary>Records an exception. The error code is ignored where the vector has none.</summary>
    public static void Raise(CpuState* c, byte vector, uint code)
    {
        c->Pending = Pending.Exception;
        c->FaultKind = EventKind.Fault;
        c->FaultVector = vector;
        c->FaultCode = code;
    }
}
