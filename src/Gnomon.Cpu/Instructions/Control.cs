using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>HLT INVLPG INVD WBINVD VMCALL SYSENTER SYSEXIT (Intel SDM vol. 2).</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class Control
{
    private const int SysenterFeature = 11;
    private const int FlatCode = 0xC09B;
    private const int FlatData = 0xC093;
    private const int UserLevel = 3 << 5;
    private const int Ecx = 1;
    private const int Edx = 2;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Hlt, &MakeHalt);
        table.Add(Code.Invlpg_m, &MakeInvalidate);
        table.Add(Code.Invd, &MakeCacheFlush);
        table.Add(Code.Wbinvd, &MakeCacheFlush);
        table.Add(Code.Vmcall, &MakeCall);
        table.Add(Code.Sysenter, &MakeEnter);
        table.Add(Code.Sysexitd, &MakeExit);
    }

    private static void MakeHalt(ref OpBuilder b) => b.SetLast(&Halt);

    private static Op* Halt(CpuState* c, Op* o)
    {
        if (c->Cpl != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        c->Activity = ActivityState.Halted;
        return Ops.Finish(c, o);
    }

    private static void MakeInvalidate(ref OpBuilder b)
    {
        b.Memory();
        b.SetLast(&InvalidatePage);
    }

    // No access is made: limits and rights do not count.
    private static Op* InvalidatePage(CpuState* c, Op* o)
    {
        if (c->Cpl != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        uint address = c->Segments[o->SegmentNumber].Base + EffectiveAddress.Of(c, o);
        Processor processor = Processor.Of(c);
        if ((processor.Intercepts & Intercepts.InvalidatePage) != 0)
        {
            processor.Linear.Leave(new CpuExit { Reason = CpuExitReason.InvalidatePage, Address = address, Size = o->Length });
        }
        else
        {
            processor.FlushPage(address);
        }

        return Ops.Finish(c, o);
    }

    private static void MakeCacheFlush(ref OpBuilder b) => b.Set(&FlushCaches);

    // There are no caches to flush.
    private static Op* FlushCaches(CpuState* c, Op* o) => c->Cpl == 0 ? Ops.Next(c, o) : Ops.Fault(c, o, Vector.GeneralProtection, 0);

    private static void MakeCall(ref OpBuilder b) => b.SetLast(&CallMonitor);

    private static Op* CallMonitor(CpuState* c, Op* o)
    {
        Processor processor = Processor.Of(c);
        if (c->Cpl != 0 || (processor.Intercepts & Intercepts.Call) == 0)
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        processor.Linear.Leave(new CpuExit { Reason = CpuExitReason.Call, Size = o->Length });
        return Ops.Finish(c, o);
    }

    private static void MakeEnter(ref OpBuilder b) => b.SetLast(&Enter);

    private static bool HasSysenter(CpuState* c) => Processor.Of(c).Options.Profile.Has(SysenterFeature);

    private static Op* Enter(CpuState* c, Op* o)
    {
        if (!HasSysenter(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        uint selector = c->SysenterCs & 0xFFFC;
        if (ProcessorMode.IsReal(c) || selector == 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        c->SystemFlags &= ~(Flags.Virtual8086 | Flags.Interrupt | Flags.Resume);
        c->Cpl = 0;
        LoadFlat(c, selector, 0);
        c->Registers[Stack.Esp] = c->SysenterEsp;
        c->Eip = c->SysenterEip;
        ProcessorMode.Refresh(c);
        return Ops.Jumped(c, o);
    }

    private static void MakeExit(ref OpBuilder b) => b.SetLast(&Exit);

    private static Op* Exit(CpuState* c, Op* o)
    {
        if (!HasSysenter(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        uint selector = c->SysenterCs & 0xFFFC;
        if (ProcessorMode.IsReal(c) || c->Cpl != 0 || selector == 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        c->Cpl = 3;
        LoadFlat(c, (selector + 16) | 3, UserLevel);
        c->Registers[Stack.Esp] = c->Registers[Ecx];
        c->Eip = c->Registers[Edx];
        ProcessorMode.Refresh(c);
        return Ops.Jumped(c, o);
    }

    // No descriptor is read: the segments are flat by definition.
    private static void LoadFlat(CpuState* c, uint selector, int level)
    {
        c->Segments[Segment.Cs].Load((ushort)selector, 0, uint.MaxValue, FlatCode | level);
        c->Segments[Segment.Ss].Load((ushort)(selector + 8), 0, uint.MaxValue, FlatData | level);
    }
}
