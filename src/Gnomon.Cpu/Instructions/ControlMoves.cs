using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>MOV to and from control registers, LMSW SMSW CLTS (Intel SDM vol. 2). An op's extra is the control register's number.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class ControlMoves
{
    private const uint StatusWord = 0xF;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Mov_r32_cr, &MakeRead);
        table.Add(Code.Mov_cr_r32, &MakeWrite);
        table.Add(Code.Smsw_rm16, &MakeStatusRead<Size16>);
        table.Add(Code.Smsw_r32m16, &MakeStatusRead<Size32>);
        table.Add(Code.Lmsw_rm16, &MakeStatusWrite);
        table.Add(Code.Lmsw_r32m16, &MakeStatusWrite);
        table.Add(Code.Clts, &MakeClearTaskSwitched);
    }

    private static void MakeRead(ref OpBuilder b)
    {
        b.Op->Destination = b.Register(0);
        b.Op->Extra = (ushort)(b.Instruction.Op1Register - Iced.Intel.Register.CR0);
        b.Set(&Read);
        if (!Exists(b.Op->Extra))
        {
            b.SetLast(&Undefined);
        }
    }

    private static void MakeWrite(ref OpBuilder b)
    {
        b.Op->Source = b.Register(1);
        b.Op->Extra = (ushort)(b.Instruction.Op0Register - Iced.Intel.Register.CR0);
        b.SetLast(Exists(b.Op->Extra) ? &Write : &Undefined);
    }

    private static bool Exists(int number) => number is 0 or 2 or 3 or 4;

    private static Op* Undefined(CpuState* c, Op* o) => Ops.Fault(c, o, Vector.InvalidOpcode);

    private static Op* Read(CpuState* c, Op* o)
    {
        if (c->Cpl != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        if (!TryRead(c, o->Extra, o->Length, out uint value))
        {
            return Ops.Leave(c, o);
        }

        *Ops.Register32(c, o->Destination) = value;
        return Ops.Next(c, o);
    }

    // What an intercepted register shows comes from the monitor.
    private static bool TryRead(CpuState* c, int number, byte length, out uint value)
    {
        LinearMemory memory = Processor.Of(c).Linear;
        if (number == 2 || (memory.Intercepts & Intercepts.ControlRead) == 0)
        {
            value = number switch { 0 => c->Cr0, 2 => c->Cr2, 3 => c->Cr3, _ => c->Cr4 };
            return true;
        }

        bool known = memory.Log.TryNext(out ulong answer);
        value = (uint)answer;
        if (!known)
        {
            memory.Leave(new CpuExit { Reason = CpuExitReason.ControlRead, Register = (byte)number, Size = length });
        }

        return known;
    }

    private static Op* Write(CpuState* c, Op* o)
    {
        if (c->Cpl != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        uint value = *Ops.Register32(c, o->Source);
        if (o->Extra == 2)
        {
            c->Cr2 = value;
            return Ops.Finish(c, o);
        }

        bool done = o->Extra switch
        {
            0 => TryWrite0(c, o, value, uint.MaxValue),
            3 => IsIntercepted(c) ? Exit(c, o, value, uint.MaxValue) : ControlRegisters.TryWriteCr3(c, value),
            _ => TryWrite4(c, o, value),
        };
        return done ? Ops.Finish(c, o) : Ops.Leave(c, o);
    }

    private static bool IsIntercepted(CpuState* c) => (Processor.Of(c).Intercepts & Intercepts.ControlWrite) != 0;

    // The instruction is done but for the write.
    private static bool Exit(CpuState* c, Op* o, uint value, uint mask)
    {
        int number = o->Code is (ushort)Code.Mov_cr_r32 ? o->Extra : 0;
        ControlRegisters.Leave(c, number, value, mask, o->Length);
        return true;
    }

    // What is wrong in itself faults before a monitor is asked.
    private static bool TryWrite0(CpuState* c, Op* o, uint value, uint mask)
    {
        if (mask == uint.MaxValue && !ControlRegisters.IsValidCr0(value))
        {
            return SystemMemory.Fail(c, Vector.GeneralProtection, 0);
        }

        return IsIntercepted(c) ? Exit(c, o, value, mask) : ControlRegisters.TryWriteCr0(c, value);
    }

    private static bool TryWrite4(CpuState* c, Op* o, uint value)
    {
        if ((value & ~ControlRegisters.Cr4Bits(Processor.Of(c).Options.Profile)) != 0)
        {
            return SystemMemory.Fail(c, Vector.GeneralProtection, 0);
        }

        return IsIntercepted(c) ? Exit(c, o, value, uint.MaxValue) : ControlRegisters.TryWriteCr4(c, value);
    }

    private static void MakeStatusRead<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&StatusToRegister<TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&StatusToMemory);
        }
    }

    // Any level may; with a 32-bit register all of CR0 is shown, as processors do.
    private static Op* StatusToRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        if (!TryRead(c, 0, o->Length, out uint value))
        {
            return Ops.Leave(c, o);
        }

        TSize.Store((byte*)c + o->Destination, value);
        return Ops.Next(c, o);
    }

    private static Op* StatusToMemory(CpuState* c, Op* o) =>
        TryRead(c, 0, o->Length, out uint value) && Access.TryWrite(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, value)
            ? Ops.Next(c, o)
            : Ops.Leave(c, o);

    private static void MakeStatusWrite(ref OpBuilder b)
    {
        if (b.IsRegister(0))
        {
            b.Op->Source = b.Register(0);
            b.SetLast(&StatusFromRegister);
        }
        else
        {
            b.Memory();
            b.SetLast(&StatusFromMemory);
        }
    }

    private static Op* StatusFromRegister(CpuState* c, Op* o) => c->Cpl == 0
        ? WriteStatus(c, o, Size16.Load((byte*)c + o->Source))
        : Ops.Fault(c, o, Vector.GeneralProtection, 0);

    private static Op* StatusFromMemory(CpuState* c, Op* o)
    {
        if (c->Cpl != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        return Access.TryRead(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, out uint value) ? WriteStatus(c, o, value) : Ops.Leave(c, o);
    }

    // PE MP EM TS. PE can be set but not cleared.
    private static Op* WriteStatus(CpuState* c, Op* o, uint word)
    {
        uint mask = StatusWord & ~(~word & Cr0.ProtectionEnable);
        return TryWrite0(c, o, (c->Cr0 & ~mask) | (word & mask), mask) ? Ops.Finish(c, o) : Ops.Leave(c, o);
    }

    private static void MakeClearTaskSwitched(ref OpBuilder b) => b.SetLast(&ClearTaskSwitched);

    private static Op* ClearTaskSwitched(CpuState* c, Op* o)
    {
        if (c->Cpl != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        return TryWrite0(c, o, c->Cr0 & ~Cr0.TaskSwitched, Cr0.TaskSwitched) ? Ops.Finish(c, o) : Ops.Leave(c, o);
    }
}
