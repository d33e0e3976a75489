using Gnomon.Cpu.Execution;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>CBW CWDE CWD CDQ: sign extension of the accumulator; BSWAP.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class Convert
{
    private const int Edx = 2;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Cbw, &MakeCbw);
        table.Add(Code.Cwde, &MakeCwde);
        table.Add(Code.Cwd, &MakeCwd);
        table.Add(Code.Cdq, &MakeCdq);
        table.Add(Code.Bswap_r16, &MakeSwap16);
        table.Add(Code.Bswap_r32, &MakeSwap);
    }

    private static void MakeCbw(ref OpBuilder b) => b.Set(&Cbw);

    private static void MakeCwde(ref OpBuilder b) => b.Set(&Cwde);

    private static void MakeCwd(ref OpBuilder b) => b.Set(&Cwd);

    private static void MakeCdq(ref OpBuilder b) => b.Set(&Cdq);

    private static void MakeSwap(ref OpBuilder b)
    {
        b.Op->Destination = b.Register(0);
        b.Set(&Swap);
    }

    private static void MakeSwap16(ref OpBuilder b)
    {
        b.Op->Destination = b.Register(0);
        b.Set(&Swap16);
    }

    private static Op* Cbw(CpuState* c, Op* o)
    {
        Size16.Store((byte*)c, Size8.Extend(Size8.Load((byte*)c)));
        return Ops.Next(c, o);
    }

    private static Op* Cwde(CpuState* c, Op* o)
    {
        c->Registers[0] = Size16.Extend(Size16.Load((byte*)c));
        return Ops.Next(c, o);
    }

    private static Op* Cwd(CpuState* c, Op* o)
    {
        Size16.Store((byte*)(c->Registers + Edx), (uint)((int)Size16.Extend(Size16.Load((byte*)c)) >> 31));
        return Ops.Next(c, o);
    }

    private static Op* Cdq(CpuState* c, Op* o)
    {
        c->Registers[Edx] = (uint)((int)c->Registers[0] >> 31);
        return Ops.Next(c, o);
    }

    private static Op* Swap(CpuState* c, Op* o)
    {
        uint* register = Ops.Register32(c, o->Destination);
        *register = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(*register);
        return Ops.Next(c, o);
    }

    // Undefined by the manual (vol. 2, BSWAP); processors clear the register.
    private static Op* Swap16(CpuState* c, Op* o)
    {
        Size16.Store((byte*)c + o->Destination, 0);
        return Ops.Next(c, o);
    }
}
