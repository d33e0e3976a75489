using System.Runtime.CompilerServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>XCHG XADD CMPXCHG CMPXCHG8B. With memory all of them are one interlocked operation, with LOCK or without: XCHG always is one
/// (Intel SDM vol. 3, 8.1.2.1), and for the others it costs little.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Exchange
{
    private const int Ecx = 1;
    private const int Edx = 2;
    private const int Ebx = 3;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Xchg_rm8_r8, &MakeXchg<Size8>, lockable: true);
        table.Add(Code.Xchg_rm16_r16, &MakeXchg<Size16>, lockable: true);
        table.Add(Code.Xchg_rm32_r32, &MakeXchg<Size32>, lockable: true);
        table.Add(Code.Xchg_r16_AX, &MakeXchg<Size16>);
        table.Add(Code.Xchg_r32_EAX, &MakeXchg<Size32>);
        table.Add(Code.Xadd_rm8_r8, &MakeXadd<Size8>, lockable: true);
        table.Add(Code.Xadd_rm16_r16, &MakeXadd<Size16>, lockable: true);
        table.Add(Code.Xadd_rm32_r32, &MakeXadd<Size32>, lockable: true);
        table.Add(Code.Cmpxchg_rm8_r8, &MakeCompare<Size8>, lockable: true);
        table.Add(Code.Cmpxchg_rm16_r16, &MakeCompare<Size16>, lockable: true);
        table.Add(Code.Cmpxchg_rm32_r32, &MakeCompare<Size32>, lockable: true);
        table.Add(Code.Cmpxchg8b_m64, &MakeCompare8, lockable: true);
    }

    private static void MakeXchg<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&XchgRegisters<TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&XchgMemory<TSize>);
        }
    }

    private static void MakeXadd<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&XaddRegisters<TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&XaddMemory<TSize>);
        }
    }

    private static void MakeCompare<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&CompareRegisters<TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&CompareMemory<TSize>);
        }
    }

    private static void MakeCompare8(ref OpBuilder b)
    {
        b.Memory();
        b.Set(&Compare8);
    }

    private static Op* XchgRegisters<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* left = (byte*)c + o->Destination;
        byte* right = (byte*)c + o->Source;
        uint value = TSize.Load(left);
        TSize.Store(left, TSize.Load(right));
        TSize.Store(right, value);
        return Ops.Next(c, o);
    }

    private static Op* XchgMemory<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* place = Slow.Modify<TSize>(c, o);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        byte* register = (byte*)c + o->Source;
        uint mine = TSize.Load(register);
        uint old;
        do
        {
            old = TSize.Load(place);
        }
        while (!TSize.Replace(place, old, mine));

        if (!Slow.Commit(c, place))
        {
            return Ops.Leave(c, o);
        }

        TSize.Store(register, old);
        return Ops.Next(c, o);
    }

    private static Op* XaddRegisters<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* left = (byte*)c + o->Destination;
        byte* right = (byte*)c + o->Source;
        uint old = TSize.Load(left);
        uint sum = Add.Do<TSize>(c, old, TSize.Load(right));

        // With one register for both the sum wins.
        TSize.Store(right, old);
        TSize.Store(left, sum);
        return Ops.Next(c, o);
    }

    private static Op* XaddMemory<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* place = Slow.Modify<TSize>(c, o);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        byte* register = (byte*)c + o->Source;
        uint addend = TSize.Load(register);
        uint old;
        do
        {
            old = TSize.Load(place);
        }
        while (!TSize.Replace(place, old, Add.Do<TSize>(c, old, addend)));

        if (!Slow.Commit(c, place))
        {
            return Ops.Leave(c, o);
        }

        TSize.Store(register, old);
        return Ops.Next(c, o);
    }

    private static Op* CompareRegisters<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* place = (byte*)c + o->Destination;
        uint old = TSize.Load(place);
        Sub.Do<TSize>(c, TSize.Load((byte*)c), old);
        if (Flags.HasZero(c))
        {
            TSize.Store(place, TSize.Load((byte*)c + o->Source));
        }
        else
        {
            TSize.Store((byte*)c, old);
        }

        return Ops.Next(c, o);
    }

    // The destination is written in either case: it must be writable, and a failed comparison stores what was there.
    private static Op* CompareMemory<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        byte* place = Slow.Modify<TSize>(c, o);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        uint expected = TSize.Load((byte*)c);
        uint desired = TSize.Load((byte*)c + o->Source);
        uint old;
        bool replaced = false;
        do
        {
            old = TSize.Load(place);
        }
        while (old == expected && !(replaced = TSize.Replace(place, old, desired)));

        if (!Slow.Commit(c, place))
        {
            return Ops.Leave(c, o);
        }

        Sub.Do<TSize>(c, expected, old);
        if (!replaced)
        {
            TSize.Store((byte*)c, old);
        }

        return Ops.Next(c, o);
    }

    private static Op* Compare8(CpuState* c, Op* o)
    {
        byte* place = Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 8, AccessKind.ReadWrite);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        ulong expected = ((ulong)c->Registers[Edx] << 32) | c->Registers[0];
        ulong desired = ((ulong)c->Registers[Ecx] << 32) | c->Registers[Ebx];
        ulong old = Interlocked.CompareExchange(ref Unsafe.AsRef<ulong>(place), desired, expected);
        if (!Access.Commit(c, place))
        {
            return Ops.Leave(c, o);
        }

        bool equal = old == expected;
        if (!equal)
        {
            c->Registers[0] = (uint)old;
            c->Registers[Edx] = (uint)(old >> 32);
        }

        Flags.WriteStatus(c, (Flags.Read(c) & ~Flags.Zero) | (equal ? Flags.Zero : 0));
        return Ops.Next(c, o);
    }
}
