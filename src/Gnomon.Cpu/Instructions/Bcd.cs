using Gnomon.Cpu.Execution;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>AAA AAS AAM AAD DAA DAS: decimal adjustment of AL and AH (Intel SDM vol. 2, each instruction's operation).</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class Bcd
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Aaa, &MakeAaa);
        table.Add(Code.Aas, &MakeAas);
        table.Add(Code.Aam_imm8, &MakeAam);
        table.Add(Code.Aad_imm8, &MakeAad);
        table.Add(Code.Daa, &MakeDaa);
        table.Add(Code.Das, &MakeDas);
    }

    private static void MakeAaa(ref OpBuilder b) => b.Set(&Aaa);

    private static void MakeAas(ref OpBuilder b) => b.Set(&Aas);

    private static void MakeDaa(ref OpBuilder b) => b.Set(&Daa);

    private static void MakeDas(ref OpBuilder b) => b.Set(&Das);

    private static void MakeAam(ref OpBuilder b)
    {
        b.Op->Immediate = b.Immediate(0) & 0xFF;
        b.Set(&Aam);
    }

    private static void MakeAad(ref OpBuilder b)
    {
        b.Op->Immediate = b.Immediate(0) & 0xFF;
        b.Set(&Aad);
    }

    private static Op* Aaa(CpuState* c, Op* o) => Ascii(c, o, 0x106);

    private static Op* Aas(CpuState* c, Op* o) => Ascii(c, o, unchecked((uint)-0x106));

    private static Op* Ascii(CpuState* c, Op* o, uint correction)
    {
        uint ax = Size16.Load((byte*)c);
        bool adjust = (ax & 0xF) > 9 || Flags.HasAdjust(c);
        if (adjust)
        {
            ax += correction;
        }

        Size16.Store((byte*)c, ax & 0xFF0F);
        SetFlags(c, (byte)(ax & 0xF), adjust, adjust);
        return Ops.Next(c, o);
    }

    private static Op* Daa(CpuState* c, Op* o) => Decimal(c, o, 1);

    private static Op* Das(CpuState* c, Op* o) => Decimal(c, o, -1);

    private static Op* Decimal(CpuState* c, Op* o, int sign)
    {
        int before = *(byte*)c;
        int al = before;
        bool carryBefore = Flags.HasCarry(c);
        bool carry = false;
        bool adjust = (before & 0xF) > 9 || Flags.HasAdjust(c);
        if (adjust)
        {
            al += 6 * sign;
            carry = carryBefore || (uint)al > 0xFF;
        }

        if (before > 0x99 || carryBefore)
        {
            al += 0x60 * sign;
            carry = true;
        }

        *(byte*)c = (byte)al;
        SetFlags(c, (byte)al, carry, adjust);
        return Ops.Next(c, o);
    }

    private static Op* Aam(CpuState* c, Op* o)
    {
        if (o->Immediate == 0)
        {
            return Ops.Fault(c, o, Vector.DivideError);
        }

        uint al = *(byte*)c;
        Size16.Store((byte*)c, ((al / o->Immediate) << 8) | (al % o->Immediate));
        SetFlags(c, *(byte*)c, carry: false, adjust: false);
        return Ops.Next(c, o);
    }

    private static Op* Aad(CpuState* c, Op* o)
    {
        uint ax = Size16.Load((byte*)c);
        byte result = (byte)((ax & 0xFF) + ((ax >> 8) * o->Immediate));
        Size16.Store((byte*)c, result);
        SetFlags(c, result, carry: false, adjust: false);
        return Ops.Next(c, o);
    }

    private static void SetFlags(CpuState* c, byte result, bool carry, bool adjust)
    {
        Flags.SetResult(c, Size8.Extend(result), carry ? 1u : 0, 0);
        c->Carries |= adjust ? 8u : 0;
    }
}
