using Gnomon.Cpu.Execution;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>RDMSR, WRMSR and RDPMC. Registers that are not there are #GP(0) (Intel SDM vol. 2).</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class ModelSpecific
{
    private const int FeatureTsc = 4;
    private const int FeatureMsr = 5;
    private const int FeatureSep = 11;
    private const int Eax = 0;
    private const int Ecx = 1;
    private const int Edx = 2;
    private const uint TimeStampCounter = 0x10;
    private const uint SysenterCs = 0x174;
    private const uint SysenterEsp = 0x175;
    private const uint SysenterEip = 0x176;
    private const uint ExtendedFeatures = 0xC000_0080;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Rdmsr, &MakeRead);
        table.Add(Code.Wrmsr, &MakeWrite);
        table.Add(Code.Rdpmc, &MakeCounter);
    }

    private static void MakeRead(ref OpBuilder b) => b.Set(&Read);

    private static void MakeWrite(ref OpBuilder b) => b.SetLast(&Write);

    private static void MakeCounter(ref OpBuilder b) => b.Set(&ReadCounter);

    private static Op* Read(CpuState* c, Op* o)
    {
        Processor processor = Processor.Of(c);
        if (!MayUse(processor, c, o, 0x0F32))
        {
            return null;
        }

        if (!Has(processor.Options.Profile, c->Registers[Ecx]))
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        ulong value = c->Registers[Ecx] switch
        {
            TimeStampCounter => CpuIdentity.TimeStamp(c, o),
            SysenterCs => c->SysenterCs,
            SysenterEsp => c->SysenterEsp,
            SysenterEip => c->SysenterEip,
            _ => c->Efer,
        };
        c->Registers[Eax] = (uint)value;
        c->Registers[Edx] = (uint)(value >> 32);
        return Ops.Next(c, o);
    }

    private static Op* Write(CpuState* c, Op* o)
    {
        Processor processor = Processor.Of(c);
        if (!MayUse(processor, c, o, 0x0F30))
        {
            return null;
        }

        ulong value = ((ulong)c->Registers[Edx] << 32) | c->Registers[Eax];
        uint number = c->Registers[Ecx];
        bool reserved = number == ExtendedFeatures && (value & ~(ulong)Efer.NoExecuteEnable) != 0;
        if (!Has(processor.Options.Profile, number) || reserved)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        switch (number)
        {
            case TimeStampCounter: c->TscOffset = value - CpuIdentity.Clock(c, o); break;
            case SysenterCs: c->SysenterCs = (uint)value; break;
            case SysenterEsp: c->SysenterEsp = (uint)value; break;
            case SysenterEip: c->SysenterEip = (uint)value; break;
            default: SetExtendedFeatures(c, processor, (uint)value); break;
        }

        return Ops.Finish(c, o);
    }

    // If not, the instruction has given up: with a fault, or as an exit.
    private static bool MayUse(Processor processor, CpuState* c, Op* o, uint opcode)
    {
        if (!processor.Options.Profile.Has(FeatureMsr))
        {
            Ops.Fault(c, o, Vector.InvalidOpcode);
            return false;
        }

        if (c->Cpl != 0)
        {
            Ops.Fault(c, o, Vector.GeneralProtection, 0);
            return false;
        }

        if ((processor.Intercepts & Intercepts.ModelSpecific) != 0)
        {
            CpuIdentity.Intercept(c, o, opcode);
            return false;
        }

        return true;
    }

    // What is not executable depends on NXE, and so do translations of fetches.
    private static void SetExtendedFeatures(CpuState* c, Processor processor, uint value)
    {
        if (c->Efer != value)
        {
            c->Efer = value;
            processor.FlushTranslations();
        }
    }

    private static bool Has(CpuProfile profile, uint number) => number switch
    {
        TimeStampCounter => profile.Has(FeatureTsc),
        SysenterCs or SysenterEsp or SysenterEip => profile.Has(FeatureSep),
        ExtendedFeatures => profile.NoExecute,
        _ => false,
    };

    // Family 6 has the instruction; there is no counter that ECX could name. Family 5 does not have it.
    private static Op* ReadCounter(CpuState* c, Op* o) =>
        ((Processor.Of(c).Options.Profile.Signature >> 8) & 0xF) >= 6
            ? Ops.Fault(c, o, Vector.GeneralProtection, 0)
            : Ops.Fault(c, o, Vector.InvalidOpcode);
}
