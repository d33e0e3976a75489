using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT: registers, immediates and memory, all sizes.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Alu
{
    public static void Register(InstructionTable table)
    {
        Binary<Add>(table, Code.Add_rm8_r8, Code.Add_AL_imm8, Code.Add_rm8_imm8, Code.Add_rm8_imm8_82);
        Binary<Or>(table, Code.Or_rm8_r8, Code.Or_AL_imm8, Code.Or_rm8_imm8, Code.Or_rm8_imm8_82);
        Binary<Adc>(table, Code.Adc_rm8_r8, Code.Adc_AL_imm8, Code.Adc_rm8_imm8, Code.Adc_rm8_imm8_82);
        Binary<Sbb>(table, Code.Sbb_rm8_r8, Code.Sbb_AL_imm8, Code.Sbb_rm8_imm8, Code.Sbb_rm8_imm8_82);
        Binary<And>(table, Code.And_rm8_r8, Code.And_AL_imm8, Code.And_rm8_imm8, Code.And_rm8_imm8_82);
        Binary<Sub>(table, Code.Sub_rm8_r8, Code.Sub_AL_imm8, Code.Sub_rm8_imm8, Code.Sub_rm8_imm8_82);
        Binary<Xor>(table, Code.Xor_rm8_r8, Code.Xor_AL_imm8, Code.Xor_rm8_imm8, Code.Xor_rm8_imm8_82);
        Binary<Cmp>(table, Code.Cmp_rm8_r8, Code.Cmp_AL_imm8, Code.Cmp_rm8_imm8, Code.Cmp_rm8_imm8_82);

        table.Add(Code.Test_rm8_r8, &MakeRmR<Test, Size8>);
        table.Add(Code.Test_rm16_r16, &MakeRmR<Test, Size16>);
        table.Add(Code.Test_rm32_r32, &MakeRmR<Test, Size32>);
        table.Add(Code.Test_AL_imm8, &MakeRmI<Test, Size8>);
        table.Add(Code.Test_AX_imm16, &MakeRmI<Test, Size16>);
        table.Add(Code.Test_EAX_imm32, &MakeRmI<Test, Size32>);
        table.Add(Code.Test_rm8_imm8, &MakeRmI<Test, Size8>);
        table.Add(Code.Test_rm16_imm16, &MakeRmI<Test, Size16>);
        table.Add(Code.Test_rm32_imm32, &MakeRmI<Test, Size32>);
        table.Add(Code.Test_rm8_imm8_F6r1, &MakeRmI<Test, Size8>);
        table.Add(Code.Test_rm16_imm16_F7r1, &MakeRmI<Test, Size16>);
        table.Add(Code.Test_rm32_imm32_F7r1, &MakeRmI<Test, Size32>);

        Unary<Inc>(table, Code.Inc_rm8, Code.Inc_rm16, Code.Inc_rm32);
        Unary<Dec>(table, Code.Dec_rm8, Code.Dec_rm16, Code.Dec_rm32);
        Unary<Neg>(table, Code.Neg_rm8, Code.Neg_rm16, Code.Neg_rm32);
        Unary<Not>(table, Code.Not_rm8, Code.Not_rm16, Code.Not_rm32);
        table.Add(Code.Inc_r16, &MakeRm<Inc, Size16>);
        table.Add(Code.Inc_r32, &MakeRm<Inc, Size32>);
        table.Add(Code.Dec_r16, &MakeRm<Dec, Size16>);
        table.Add(Code.Dec_r32, &MakeRm<Dec, Size32>);
    }

    // Iced numbers the forms of each of the eight alike: 8, 16, 32 and 64 bits in turn.
    private static void Binary<TOperation>(InstructionTable table, Code rm8R8, Code alImm8, Code rm8Imm8, Code alias)
        where TOperation : struct, IBinaryOperation
    {
        bool lockable = !TOperation.Discards;
        table.Add(rm8R8, &MakeRmR<TOperation, Size8>, lockable);
        table.Add(rm8R8 + 1, &MakeRmR<TOperation, Size16>, lockable);
        table.Add(rm8R8 + 2, &MakeRmR<TOperation, Size32>, lockable);
        Code r8Rm8 = rm8R8 + 4;
        table.Add(r8Rm8, &MakeRRm<TOperation, Size8>);
        table.Add(r8Rm8 + 1, &MakeRRm<TOperation, Size16>);
        table.Add(r8Rm8 + 2, &MakeRRm<TOperation, Size32>);
        table.Add(alImm8, &MakeRmI<TOperation, Size8>);
        table.Add(alImm8 + 1, &MakeRmI<TOperation, Size16>);
        table.Add(alImm8 + 2, &MakeRmI<TOperation, Size32>);
        int group = rm8Imm8 - Code.Add_rm8_imm8;
        table.Add(rm8Imm8, &MakeRmI<TOperation, Size8>, lockable);
        table.Add(alias, &MakeRmI<TOperation, Size8>, lockable);
        table.Add(FindGroup(Code.Add_rm16_imm16, group), &MakeRmI<TOperation, Size16>, lockable);
        table.Add(FindGroup(Code.Add_rm32_imm32, group), &MakeRmI<TOperation, Size32>, lockable);
        table.Add(FindGroup(Code.Add_rm16_imm8, group), &MakeRmI<TOperation, Size16>, lockable);
        table.Add(FindGroup(Code.Add_rm32_imm8, group), &MakeRmI<TOperation, Size32>, lockable);
    }

    // Each operation of the immediate groups has one form of 8 bits and three (16, 32, 64) of the others, in the same order.
    private static Code FindGroup(Code first, int operation) => first + (operation * 3);

    private static void Unary<TOperation>(InstructionTable table, Code rm8, Code rm16, Code rm32)
        where TOperation : struct, IUnaryOperation
    {
        table.Add(rm8, &MakeRm<TOperation, Size8>, lockable: true);
        table.Add(rm16, &MakeRm<TOperation, Size16>, lockable: true);
        table.Add(rm32, &MakeRm<TOperation, Size32>, lockable: true);
    }

    private static void MakeRmR<TOperation, TSize>(ref OpBuilder b)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterRegister<TOperation, TSize>);
        }
        else if ((b.Op->Flags & OpFlags.Lock) != 0)
        {
            b.Memory();
            b.Set(&LockedRegister<TOperation, TSize>);
        }
        else if (TOperation.Discards)
        {
            b.SetMemory(&CompareMemoryRegister<TOperation, TSize, Flat>, &CompareMemoryRegister<TOperation, TSize, Segmented>);
        }
        else
        {
            b.SetMemory(&MemoryRegister<TOperation, TSize, Flat>, &MemoryRegister<TOperation, TSize, Segmented>);
        }
    }

    private static void MakeRRm<TOperation, TSize>(ref OpBuilder b)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
    {
        b.Op->Destination = b.Register(0);
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&RegisterRegister<TOperation, TSize>);
        }
        else
        {
            b.SetMemory(&RegisterMemory<TOperation, TSize, Flat>, &RegisterMemory<TOperation, TSize, Segmented>);
        }
    }

    private static void MakeRmI<TOperation, TSize>(ref OpBuilder b)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(1) & TSize.Mask;
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&RegisterImmediate<TOperation, TSize>);
        }
        else if ((b.Op->Flags & OpFlags.Lock) != 0)
        {
            b.Memory();
            b.Set(&LockedImmediate<TOperation, TSize>);
        }
        else if (TOperation.Discards)
        {
            b.SetMemory(&CompareMemoryImmediate<TOperation, TSize, Flat>, &CompareMemoryImmediate<TOperation, TSize, Segmented>);
        }
        else
        {
            b.SetMemory(&MemoryImmediate<TOperation, TSize, Flat>, &MemoryImmediate<TOperation, TSize, Segmented>);
        }
    }

    private static void MakeRm<TOperation, TSize>(ref OpBuilder b)
        where TOperation : struct, IUnaryOperation
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&UnaryRegister<TOperation, TSize>);
        }
        else if ((b.Op->Flags & OpFlags.Lock) != 0)
        {
            b.Memory();
            b.Set(&LockedUnary<TOperation, TSize>);
        }
        else
        {
            b.SetMemory(&UnaryMemory<TOperation, TSize, Flat>, &UnaryMemory<TOperation, TSize, Segmented>);
        }
    }

    private static Op* RegisterRegister<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
    {
        byte* destination = (byte*)c + o->Destination;
        uint result = TOperation.Do<TSize>(c, TSize.Load(destination), TSize.Load((byte*)c + o->Source));
        if (!TOperation.Discards)
        {
            TSize.Store(destination, result);
        }

        return Ops.Next(c, o);
    }

    private static Op* RegisterImmediate<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
    {
        byte* destination = (byte*)c + o->Destination;
        uint result = TOperation.Do<TSize>(c, TSize.Load(destination), o->Immediate);
        if (!TOperation.Discards)
        {
            TSize.Store(destination, result);
        }

        return Ops.Next(c, o);
    }

    private static Op* RegisterMemory<TOperation, TSize, TPath>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &RegisterMemory<TOperation, TSize, Slow>);
        }

        byte* destination = (byte*)c + o->Destination;
        uint result = TOperation.Do<TSize>(c, TSize.Load(destination), TSize.Load(place));
        if (!TOperation.Discards)
        {
            TSize.Store(destination, result);
        }

        return Ops.Next(c, o);
    }

    private static Op* MemoryRegister<TOperation, TSize, TPath>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Modify<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &MemoryRegister<TOperation, TSize, Slow>);
        }

        TSize.Store(place, TOperation.Do<TSize>(c, TSize.Load(place), TSize.Load((byte*)c + o->Source)));
        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* MemoryImmediate<TOperation, TSize, TPath>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Modify<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &MemoryImmediate<TOperation, TSize, Slow>);
        }

        TSize.Store(place, TOperation.Do<TSize>(c, TSize.Load(place), o->Immediate));
        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* CompareMemoryRegister<TOperation, TSize, TPath>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &CompareMemoryRegister<TOperation, TSize, Slow>);
        }

        TOperation.Do<TSize>(c, TSize.Load(place), TSize.Load((byte*)c + o->Source));
        return Ops.Next(c, o);
    }

    private static Op* CompareMemoryImmediate<TOperation, TSize, TPath>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Read<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &CompareMemoryImmediate<TOperation, TSize, Slow>);
        }

        TOperation.Do<TSize>(c, TSize.Load(place), o->Immediate);
        return Ops.Next(c, o);
    }

    private static Op* UnaryRegister<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IUnaryOperation
        where TSize : struct, IOperandSize
    {
        byte* destination = (byte*)c + o->Destination;
        TSize.Store(destination, TOperation.Do<TSize>(c, TSize.Load(destination)));
        return Ops.Next(c, o);
    }

    private static Op* UnaryMemory<TOperation, TSize, TPath>(CpuState* c, Op* o)
        where TOperation : struct, IUnaryOperation
        where TSize : struct, IOperandSize
        where TPath : struct, IMemoryPath
    {
        byte* place = TPath.Modify<TSize>(c, o);
        if (place == null)
        {
            return TPath.Miss(c, o, &UnaryMemory<TOperation, TSize, Slow>);
        }

        TSize.Store(place, TOperation.Do<TSize>(c, TSize.Load(place)));
        return TPath.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* LockedRegister<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize =>
        Locked.Modify<BinaryWith<TOperation>, TSize>(c, o, TSize.Load((byte*)c + o->Source));

    private static Op* LockedImmediate<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IBinaryOperation
        where TSize : struct, IOperandSize =>
        Locked.Modify<BinaryWith<TOperation>, TSize>(c, o, o->Immediate);

    private static Op* LockedUnary<TOperation, TSize>(CpuState* c, Op* o)
        where TOperation : struct, IUnaryOperation
        where TSize : struct, IOperandSize =>
        Locked.Modify<UnaryAlone<TOperation>, TSize>(c, o, 0);

    private readonly struct BinaryWith<TOperation> : ILockedOperation
        where TOperation : struct, IBinaryOperation
    {
        public static uint Do<TSize>(CpuState* c, uint old, uint operand)
            where TSize : struct, IOperandSize => TOperation.Do<TSize>(c, old, operand);
    }

    private readonly struct UnaryAlone<TOperation> : ILockedOperation
        where TOperation : struct, IUnaryOperation
    {
        public static uint Do<TSize>(CpuState* c, uint old, uint operand)
            where TSize : struct, IOperandSize => TOperation.Do<TSize>(c, old);
    }
}
