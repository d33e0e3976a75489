using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>LAHF SAHF CLC STC CMC CLD STD, SALC, XLAT.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class FlagMoves
{
    private const uint InAh = Flags.Sign | Flags.Zero | Flags.Adjust | Flags.Parity | Flags.Carry;
    private const int Ebx = 3;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Lahf, &MakeLahf);
        table.Add(Code.Sahf, &MakeSahf);
        table.Add(Code.Clc, &MakeClc);
        table.Add(Code.Stc, &MakeStc);
        table.Add(Code.Cmc, &MakeCmc);
        table.Add(Code.Cld, &MakeCld);
        table.Add(Code.Std, &MakeStd);
        table.Add(Code.Salc, &MakeSalc);
        table.Add(Code.Xlat_m8, &MakeXlat);
    }

    private static void MakeLahf(ref OpBuilder b) => b.Set(&Lahf);

    private static void MakeSahf(ref OpBuilder b) => b.Set(&Sahf);

    private static void MakeClc(ref OpBuilder b) => b.Set(&Clc);

    private static void MakeStc(ref OpBuilder b) => b.Set(&Stc);

    private static void MakeCmc(ref OpBuilder b) => b.Set(&Cmc);

    private static void MakeCld(ref OpBuilder b) => b.Set(&Cld);

    private static void MakeStd(ref OpBuilder b) => b.Set(&Std);

    private static void MakeSalc(ref OpBuilder b) => b.Set(&Salc);

    private static void MakeXlat(ref OpBuilder b)
    {
        b.Op->SegmentNumber = (byte)(b.Instruction.MemorySegment - Iced.Intel.Register.ES);
        b.Op->Flags |= b.Instruction.MemoryBase == Iced.Intel.Register.BX ? OpFlags.Address16 : 0;
        b.Set(&Xlat);
    }

    private static Op* Lahf(CpuState* c, Op* o)
    {
        *((byte*)c + 1) = (byte)((Flags.Read(c) & InAh) | Flags.One);
        return Ops.Next(c, o);
    }

    private static Op* Sahf(CpuState* c, Op* o)
    {
        Flags.WriteStatus(c, (Flags.HasOverflow(c) ? Flags.Overflow : 0) | (*((byte*)c + 1) & InAh));
        return Ops.Next(c, o);
    }

    private static Op* Clc(CpuState* c, Op* o)
    {
        Flags.SetCarry(c, 0);
        return Ops.Next(c, o);
    }

    private static Op* Stc(CpuState* c, Op* o)
    {
        Flags.SetCarry(c, 1);
        return Ops.Next(c, o);
    }

    private static Op* Cmc(CpuState* c, Op* o)
    {
        Flags.SetCarry(c, Flags.CarryOf(c) ^ 1);
        return Ops.Next(c, o);
    }

    private static Op* Cld(CpuState* c, Op* o)
    {
        c->SystemFlags &= ~Flags.Direction;
        return Ops.Next(c, o);
    }

    private static Op* Std(CpuState* c, Op* o)
    {
        c->SystemFlags |= Flags.Direction;
        return Ops.Next(c, o);
    }

    private static Op* Salc(CpuState* c, Op* o)
    {
        *(byte*)c = Flags.HasCarry(c) ? (byte)0xFF : (byte)0;
        return Ops.Next(c, o);
    }

    private static Op* Xlat(CpuState* c, Op* o)
    {
        uint offset = c->Registers[Ebx] + *(byte*)c;
        offset = (o->Flags & OpFlags.Address16) != 0 ? offset & 0xFFFF : offset;
        if (!Access.TryRead(c, o->SegmentNumber, offset, 1, out uint value))
        {
            return Ops.Leave(c, o);
        }

        *(byte*)c = (byte)value;
        return Ops.Next(c, o);
    }
}
