using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>INT n, INT3, INTO, INT1, and the instructions that are undefined on purpose.</summary>
/// <remarks>While one of the first four is pending, <see cref="CpuState.FaultCode"/> is the instruction's length and no error code: EIP stands
/// behind it, and a fault of the delivery (a gate with too low a DPL) must report the instruction itself.</remarks>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class SoftwareInterrupts
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Int_imm8, &MakeInterrupt);
        table.Add(Code.Int3, &MakeBreakpoint);
        table.Add(Code.Into, &MakeOverflow);
        table.Add(Code.Int1, &MakeDebug);
        table.Add(Code.Ud0, &MakeUndefined);
        table.Add(Code.Ud0_r16_rm16, &MakeUndefined);
        table.Add(Code.Ud0_r32_rm32, &MakeUndefined);
        table.Add(Code.Ud1_r16_rm16, &MakeUndefined);
        table.Add(Code.Ud1_r32_rm32, &MakeUndefined);
        table.Add(Code.Ud2, &MakeUndefined);
    }

    private static void MakeInterrupt(ref OpBuilder b)
    {
        b.Op->Immediate = b.Immediate(0) & 0xFF;
        b.SetLast(&Interrupt);
    }

    private static void MakeBreakpoint(ref OpBuilder b) => b.SetLast(&Breakpoint);

    private static void MakeOverflow(ref OpBuilder b) => b.SetLast(&Overflow);

    private static void MakeDebug(ref OpBuilder b) => b.SetLast(&Debug);

    private static void MakeUndefined(ref OpBuilder b) => b.SetLast(&Undefined);

    // With CR4.VME the redirection map decides, which delivery looks at (Intel SDM vol. 3, table 20-2).
    private static Op* Interrupt(CpuState* c, Op* o) =>
        FlagTransfers.IsRestricted(c) && (c->Cr4 & Cr4.VirtualMode) == 0
            ? Ops.Fault(c, o, Vector.GeneralProtection, 0)
            : Raise(c, o, (byte)o->Immediate, EventKind.SoftwareInterrupt);

    private static Op* Breakpoint(CpuState* c, Op* o)
    {
        LinearMemory memory = Processor.Of(c).Linear;
        if ((memory.Intercepts & Intercepts.Breakpoint) != 0)
        {
            memory.Leave(new CpuExit { Reason = CpuExitReason.Breakpoint, Size = o->Length });
            return Ops.Leave(c, o);
        }

        return Raise(c, o, Vector.Breakpoint, EventKind.SoftwareException);
    }

    private static Op* Overflow(CpuState* c, Op* o) =>
        Flags.HasOverflow(c) ? Raise(c, o, Vector.Overflow, EventKind.SoftwareException) : Ops.Finish(c, o);

    // No DPL counts, and DR6 stays as it is.
    private static Op* Debug(CpuState* c, Op* o) => Raise(c, o, Vector.Debug, EventKind.Trap);

    private static Op* Undefined(CpuState* c, Op* o) => Ops.Fault(c, o, Vector.InvalidOpcode);

    private static Op* Raise(CpuState* c, Op* o, byte vector, EventKind kind)
    {
        Ops.RaiseTrap(c, vector, kind);
        c->FaultCode = o->Length;
        return Ops.Finish(c, o);
    }
}
