using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>IN and OUT. The outside does the access: the instruction leaves with an exit, and is repeated with the answer.</summary>
// SAFETY: handlers get the state and the op of a live Processor; EAX lies at the start of the state.
internal static unsafe class PortIo
{
    private const int Edx = 2;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.In_AL_imm8, &MakeIn<Size8>);
        table.Add(Code.In_AX_imm8, &MakeIn<Size16>);
        table.Add(Code.In_EAX_imm8, &MakeIn<Size32>);
        table.Add(Code.In_AL_DX, &MakeInDx<Size8>);
        table.Add(Code.In_AX_DX, &MakeInDx<Size16>);
        table.Add(Code.In_EAX_DX, &MakeInDx<Size32>);
        table.Add(Code.Out_imm8_AL, &MakeOut<Size8>);
        table.Add(Code.Out_imm8_AX, &MakeOut<Size16>);
        table.Add(Code.Out_imm8_EAX, &MakeOut<Size32>);
        table.Add(Code.Out_DX_AL, &MakeOutDx<Size8>);
        table.Add(Code.Out_DX_AX, &MakeOutDx<Size16>);
        table.Add(Code.Out_DX_EAX, &MakeOutDx<Size32>);
    }

    /// <summary>The port in DX.</summary>
    public static uint PortOf(CpuState* c) => c->Registers[Edx] & 0xFFFF;

    /// <summary>Reads ports. False: the read is an exit now.</summary>
    public static bool TryRead(CpuState* c, uint port, uint size, out uint value)
    {
        LinearMemory memory = Processor.Of(c).Linear;
        bool known = memory.Log.TryNext(out ulong answer);
        value = (uint)answer;
        if (known)
        {
            c->DebugHits |= DebugAddresses.PortHits(c, port, size);
        }
        else
        {
            memory.Leave(new CpuExit { Reason = CpuExitReason.Port, Port = (ushort)port, Size = (byte)size });
        }

        return known;
    }

    /// <summary>Writes ports. False: the write is an exit now.</summary>
    public static bool TryWrite(CpuState* c, uint port, uint size, uint value)
    {
        LinearMemory memory = Processor.Of(c).Linear;
        bool known = memory.Log.TryNext(out _);
        if (known)
        {
            c->DebugHits |= DebugAddresses.PortHits(c, port, size);
        }
        else
        {
            memory.Leave(new CpuExit { Reason = CpuExitReason.Port, Port = (ushort)port, Size = (byte)size, IsWrite = true, Value = value });
        }

        return known;
    }

    private static void MakeIn<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(1) & 0xFF;
        b.Set(&In<TSize>);
    }

    private static void MakeInDx<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.Set(&InDx<TSize>);

    private static void MakeOut<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Immediate = b.Immediate(0) & 0xFF;
        b.Set(&Out<TSize>);
    }

    private static void MakeOutDx<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize => b.Set(&OutDx<TSize>);

    private static Op* In<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => TryIn<TSize>(c, o->Immediate) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static Op* InDx<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => TryIn<TSize>(c, PortOf(c)) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static Op* Out<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => TryOut<TSize>(c, o->Immediate) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static Op* OutDx<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize => TryOut<TSize>(c, PortOf(c)) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static bool TryIn<TSize>(CpuState* c, uint port)
        where TSize : struct, IOperandSize
    {
        if (!PortPermission.TryCheck(c, port, TSize.Bytes) || !TryRead(c, port, TSize.Bytes, out uint value))
        {
            return false;
        }

        TSize.Store((byte*)c, value);
        return true;
    }

    private static bool TryOut<TSize>(CpuState* c, uint port)
        where TSize : struct, IOperandSize =>
        PortPermission.TryCheck(c, port, TSize.Bytes) && TryWrite(c, port, TSize.Bytes, TSize.Load((byte*)c));
}
