using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>SGDT SIDT LGDT LIDT SLDT STR LLDT LTR: the registers that name tables and the task (Intel SDM vol. 3, 2.4).</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class SystemTables
{
    private const uint Base24 = 0x00FF_FFFF;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Sgdt_m1632_16, &MakeMemory<StoreGlobal>);
        table.Add(Code.Sgdt_m1632, &MakeMemory<StoreGlobal>);
        table.Add(Code.Sidt_m1632_16, &MakeMemory<StoreInterrupt>);
        table.Add(Code.Sidt_m1632, &MakeMemory<StoreInterrupt>);
        table.Add(Code.Lgdt_m1632_16, &MakeMemory<LoadGlobal<Size16>>);
        table.Add(Code.Lgdt_m1632, &MakeMemory<LoadGlobal<Size32>>);
        table.Add(Code.Lidt_m1632_16, &MakeMemory<LoadInterrupt<Size16>>);
        table.Add(Code.Lidt_m1632, &MakeMemory<LoadInterrupt<Size32>>);

        table.Add(Code.Sldt_rm16, &MakeStore<LocalTableRegister, Size16>);
        table.Add(Code.Sldt_r32m16, &MakeStore<LocalTableRegister, Size32>);
        table.Add(Code.Str_rm16, &MakeStore<TaskRegister, Size16>);
        table.Add(Code.Str_r32m16, &MakeStore<TaskRegister, Size32>);
        table.Add(Code.Lldt_rm16, &MakeLoad<LocalTableRegister>);
        table.Add(Code.Lldt_r32m16, &MakeLoad<LocalTableRegister>);
        table.Add(Code.Ltr_rm16, &MakeLoad<TaskRegister>);
        table.Add(Code.Ltr_r32m16, &MakeLoad<TaskRegister>);
    }

    private interface ITableInstruction
    {
        static abstract bool TryDo(CpuState* c, Op* o);
    }

    private interface ISystemRegister
    {
        static abstract ushort SelectorOf(CpuState* c);

        static abstract bool TryLoad(CpuState* c, ushort selector);
    }

    private static void MakeMemory<TInstruction>(ref OpBuilder b)
        where TInstruction : struct, ITableInstruction
    {
        b.Memory();
        b.Set(&Do<TInstruction>);
    }

    private static Op* Do<TInstruction>(CpuState* c, Op* o)
        where TInstruction : struct, ITableInstruction => TInstruction.TryDo(c, o) ? Ops.Next(c, o) : Ops.Leave(c, o);

    // All six bytes as one access: it is whole or does not happen. The whole base is stored with 16-bit operands too.
    private static bool TryStore(CpuState* c, Op* o, in TableRegister register)
    {
        byte* place = Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 6, AccessKind.Write);
        if (place == null)
        {
            return false;
        }

        Size16.Store(place, register.Limit);
        Size32.Store(place + 2, register.Base);
        return Access.Commit(c, place);
    }

    private static bool TryLoad<TSize>(CpuState* c, Op* o, ref TableRegister register)
        where TSize : struct, IOperandSize
    {
        if (c->Cpl != 0)
        {
            return SystemMemory.Fail(c, Vector.GeneralProtection, 0);
        }

        byte* place = Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 6, AccessKind.Read);
        if (place == null)
        {
            return false;
        }

        register.Limit = Size16.Load(place);
        register.Base = Size32.Load(place + 2) & (TSize.Bytes == 2 ? Base24 : uint.MaxValue);
        return true;
    }

    private static void MakeStore<TRegister, TSize>(ref OpBuilder b)
        where TRegister : struct, ISystemRegister
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&StoreRegister<TRegister, TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&StoreMemory<TRegister>);
        }
    }

    private static Op* StoreRegister<TRegister, TSize>(CpuState* c, Op* o)
        where TRegister : struct, ISystemRegister
        where TSize : struct, IOperandSize
    {
        if (!ProcessorMode.IsProtected(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        TSize.Store((byte*)c + o->Destination, TRegister.SelectorOf(c));
        return Ops.Next(c, o);
    }

    private static Op* StoreMemory<TRegister>(CpuState* c, Op* o)
        where TRegister : struct, ISystemRegister
    {
        if (!ProcessorMode.IsProtected(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        return Access.TryWrite(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, TRegister.SelectorOf(c)) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static void MakeLoad<TRegister>(ref OpBuilder b)
        where TRegister : struct, ISystemRegister
    {
        if (b.IsRegister(0))
        {
            b.Op->Source = b.Register(0);
            b.Set(&LoadRegister<TRegister>);
        }
        else
        {
            b.Memory();
            b.Set(&LoadMemory<TRegister>);
        }
    }

    private static Op* LoadRegister<TRegister>(CpuState* c, Op* o)
        where TRegister : struct, ISystemRegister => MayLoad(c) && TRegister.TryLoad(c, (ushort)Size16.Load((byte*)c + o->Source))
            ? Ops.Next(c, o)
            : Ops.Leave(c, o);

    private static Op* LoadMemory<TRegister>(CpuState* c, Op* o)
        where TRegister : struct, ISystemRegister =>
        MayLoad(c) && Access.TryRead(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, out uint selector)
            && TRegister.TryLoad(c, (ushort)selector)
            ? Ops.Next(c, o)
            : Ops.Leave(c, o);

    private static bool MayLoad(CpuState* c)
    {
        if (!ProcessorMode.IsProtected(c))
        {
            return SystemMemory.Fail(c, Vector.InvalidOpcode, 0);
        }

        return c->Cpl == 0 || SystemMemory.Fail(c, Vector.GeneralProtection, 0);
    }

    // Both may name only the global table.
    private static bool TryRead(CpuState* c, ushort selector, out Descriptor descriptor)
    {
        descriptor = default;
        return DescriptorTable.NamesLocal(selector)
            ? SystemMemory.Fail(c, Vector.GeneralProtection, selector & ~3u)
            : DescriptorTable.TryRead(c, selector, Vector.GeneralProtection, 0, out descriptor);
    }

    private readonly struct StoreGlobal : ITableInstruction
    {
        public static bool TryDo(CpuState* c, Op* o) => TryStore(c, o, in c->Gdt);
    }

    private readonly struct StoreInterrupt : ITableInstruction
    {
        public static bool TryDo(CpuState* c, Op* o) => TryStore(c, o, in c->Idt);
    }

    private readonly struct LoadGlobal<TSize> : ITableInstruction
        where TSize : struct, IOperandSize
    {
        public static bool TryDo(CpuState* c, Op* o) => TryLoad<TSize>(c, o, ref c->Gdt);
    }

    private readonly struct LoadInterrupt<TSize> : ITableInstruction
        where TSize : struct, IOperandSize
    {
        public static bool TryDo(CpuState* c, Op* o) => TryLoad<TSize>(c, o, ref c->Idt);
    }

    private readonly struct LocalTableRegister : ISystemRegister
    {
        public static ushort SelectorOf(CpuState* c) => c->Ldt.Selector;

        public static bool TryLoad(CpuState* c, ushort selector)
        {
            if (DescriptorTable.IsNull(selector))
            {
                c->Ldt.LoadNull(selector);
                return true;
            }

            if (!TryRead(c, selector, out Descriptor table))
            {
                return false;
            }

            if (!table.IsSystem || table.Type != SystemType.LocalTable)
            {
                return SystemMemory.Fail(c, Vector.GeneralProtection, table.ErrorCode);
            }

            if (!table.IsPresent)
            {
                return SystemMemory.Fail(c, Vector.SegmentNotPresent, table.ErrorCode);
            }

            table.LoadTo(ref c->Ldt, selector);
            return true;
        }
    }

    private readonly struct TaskRegister : ISystemRegister
    {
        public static ushort SelectorOf(CpuState* c) => c->Task.Selector;

        public static bool TryLoad(CpuState* c, ushort selector)
        {
            if (DescriptorTable.IsNull(selector))
            {
                return SystemMemory.Fail(c, Vector.GeneralProtection, 0);
            }

            if (!TryRead(c, selector, out Descriptor task))
            {
                return false;
            }

            if (!task.IsAvailableTask)
            {
                return SystemMemory.Fail(c, Vector.GeneralProtection, task.ErrorCode);
            }

            if (!task.IsPresent)
            {
                return SystemMemory.Fail(c, Vector.SegmentNotPresent, task.ErrorCode);
            }

            if (!DescriptorTable.TryMarkBusy(c, task.Address, busy: true))
            {
                return false;
            }

            c->Task.Load(selector, task.Base, task.Limit, task.Access | SystemType.Busy);
            return true;
        }
    }
}
