using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>BT BTS BTR BTC. With a bit number in a register a memory operand is the start of a string of bits: the number is signed and
/// may reach 2 GiB away. CF becomes the bit; ZF stays, and here the undefined flags too.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class BitTests
{
    public static void Register(InstructionTable table)
    {
        Family<Keep>(table, Code.Bt_rm16_r16, Code.Bt_rm16_imm8, lockable: false);
        Family<Set>(table, Code.Bts_rm16_r16, Code.Bts_rm16_imm8, lockable: true);
        Family<Reset>(table, Code.Btr_rm16_r16, Code.Btr_rm16_imm8, lockable: true);
        Family<Complement>(table, Code.Btc_rm16_r16, Code.Btc_rm16_imm8, lockable: true);
    }

    private static void Family<TChange>(InstructionTable table, Code byRegister, Code byImmediate, bool lockable)
        where TChange : struct, IChange
    {
        table.Add(byRegister, &MakeByRegister<TChange, Size16>, lockable);
        table.Add(byRegister + 1, &MakeByRegister<TChange, Size32>, lockable);
        table.Add(byImmediate, &MakeByImmediate<TChange, Size16>, lockable);
        table.Add(byImmediate + 1, &MakeByImmediate<TChange, Size32>, lockable);
    }

    private static void MakeByRegister<TChange, TSize>(ref OpBuilder b)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterByRegister<TChange, TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&MemoryByRegister<TChange, TSize>);
        }
    }

    private static void MakeByImmediate<TChange, TSize>(ref OpBuilder b)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(1) & (uint)(TSize.Bits - 1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterByImmediate<TChange, TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&MemoryByImmediate<TChange, TSize>);
        }
    }

    private static Op* RegisterByRegister<TChange, TSize>(CpuState* c, Op* o)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize => OfRegister<TChange, TSize>(c, o, (int)TSize.Load((byte*)c + o->Source) & (TSize.Bits - 1));

    private static Op* RegisterByImmediate<TChange, TSize>(CpuState* c, Op* o)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize => OfRegister<TChange, TSize>(c, o, (int)o->Immediate);

    private static Op* OfRegister<TChange, TSize>(CpuState* c, Op* o, int bit)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize
    {
        byte* place = (byte*)c + o->Destination;
        uint value = TSize.Load(place);
        if (TChange.Writes)
        {
            TSize.Store(place, TChange.Do(value, 1u << bit));
        }

        Flags.SetCarry(c, (value >> bit) & 1);
        return Ops.Next(c, o);
    }

    private static Op* MemoryByRegister<TChange, TSize>(CpuState* c, Op* o)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize
    {
        int number = (int)TSize.Extend(TSize.Load((byte*)c + o->Source));
        int shift = TSize.Bits == 32 ? 5 : 4;
        uint distance = (uint)(number >> shift) * TSize.Bytes;
        uint offset = EffectiveAddress.Of(c, o) + distance;
        if ((o->Flags & OpFlags.Address16) != 0)
        {
            offset &= 0xFFFF;
        }

        return OfMemory<TChange, TSize>(c, o, offset, number & (TSize.Bits - 1));
    }

    private static Op* MemoryByImmediate<TChange, TSize>(CpuState* c, Op* o)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize => OfMemory<TChange, TSize>(c, o, EffectiveAddress.Of(c, o), (int)o->Immediate);

    private static Op* OfMemory<TChange, TSize>(CpuState* c, Op* o, uint offset, int bit)
        where TChange : struct, IChange
        where TSize : struct, IOperandSize
    {
        byte* place = Access.Prepare(c, o->SegmentNumber, offset, TSize.Bytes, TChange.Writes ? AccessKind.ReadWrite : AccessKind.Read);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        uint value = TSize.Load(place);
        if (TChange.Writes)
        {
            // Interlocked with LOCK and without: a store of the whole operand would undo what another processor did to its neighbours.
            while (!TSize.Replace(place, value, TChange.Do(value, 1u << bit)))
            {
                value = TSize.Load(place);
            }

            if (!Access.Commit(c, place))
            {
                return Ops.Leave(c, o);
            }
        }

        Flags.SetCarry(c, (value >> bit) & 1);
        return Ops.Next(c, o);
    }

    private interface IChange
    {
        static abstract bool Writes { get; }

        static abstract uint Do(uint value, uint mask);
    }

    private readonly struct Keep : IChange
    {
        public static bool Writes => false;

        public static uint Do(uint value, uint mask) => value;
    }

    private readonly struct Set : IChange
    {
        public static bool Writes => true;

        public static uint Do(uint value, uint mask) => value | mask;
    }

    private readonly struct Reset : IChange
    {
        public static bool Writes => true;

        public static uint Do(uint value, uint mask) => value & ~mask;
    }

    private readonly struct Complement : IChange
    {
        public static bool Writes => true;

        public static uint Do(uint value, uint mask) => value ^ mask;
    }
}
