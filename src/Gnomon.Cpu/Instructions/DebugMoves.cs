using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>MOV to and from debug registers (Intel SDM vol. 3, 17.2). An op's extra is the debug register's number.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class DebugMoves
{
    private const int Status = 6;
    private const int Control = 7;

    // Bits that read as ones, and those that can be written.
    private const uint StatusOnes = 0xFFFF_0FF0;
    private const uint StatusBits = 0x0000_E00F;
    private const uint ControlOnes = 0x0000_0400;
    private const uint ControlBits = 0xFFFF_23FF;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Mov_r32_dr, &MakeRead);
        table.Add(Code.Mov_dr_r32, &MakeWrite);
    }

    private static void MakeRead(ref OpBuilder b)
    {
        b.Op->Destination = b.Register(0);
        b.Op->Extra = (ushort)(b.Instruction.Op1Register - Iced.Intel.Register.DR0);
        b.Set(&Read);
    }

    private static void MakeWrite(ref OpBuilder b)
    {
        b.Op->Source = b.Register(1);
        b.Op->Extra = (ushort)(b.Instruction.Op0Register - Iced.Intel.Register.DR0);
        b.SetLast(&Write);
    }

    private static Op* Read(CpuState* c, Op* o)
    {
        if (!TryFind(c, o->Extra, out int number))
        {
            return Ops.Leave(c, o);
        }

        *Ops.Register32(c, o->Destination) = number switch
        {
            Status => c->Dr6,
            Control => c->Dr7,
            _ => c->Breakpoints[number],
        };
        return Ops.Next(c, o);
    }

    private static Op* Write(CpuState* c, Op* o)
    {
        if (!TryFind(c, o->Extra, out int number))
        {
            return Ops.Leave(c, o);
        }

        uint value = *Ops.Register32(c, o->Source);
        switch (number)
        {
            case Status:
                c->Dr6 = (value & StatusBits) | StatusOnes;
                break;
            case Control:
                c->Dr7 = (value & ControlBits) | ControlOnes;
                break;
            default:
                c->Breakpoints[number] = value;
                break;
        }

        if (number != Status)
        {
            // Pages with watched addresses are not kept in the TLB.
            Processor.Of(c).FlushTranslations();
        }

        return Ops.Finish(c, o);
    }

    // DR4 and DR5 are DR6 and DR7, or with CR4.DE nothing.
    private static bool TryFind(CpuState* c, int encoded, out int number)
    {
        number = encoded is 4 or 5 ? encoded + 2 : encoded;
        if (number != encoded && (c->Cr4 & Cr4.DebuggingExtensions) != 0)
        {
            return SystemMemory.Fail(c, Vector.InvalidOpcode, 0);
        }

        if (c->Cpl != 0)
        {
            return SystemMemory.Fail(c, Vector.GeneralProtection, 0);
        }

        if ((c->Dr7 & DebugControl.GeneralDetect) != 0)
        {
            DebugStatus.Set(c, DebugStatus.Detected);
            return SystemMemory.Fail(c, Vector.Debug, DebugStatus.Detected);
        }

        return true;
    }
}
