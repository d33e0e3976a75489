using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>Segment registers: MOV, PUSH, POP, LDS LES LFS LGS LSS. An op's extra is the segment register's number.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers, extras are below 6.
internal static unsafe class SegmentLoads
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Mov_rm16_Sreg, &MakeStore<Size16>);
        table.Add(Code.Mov_r32m16_Sreg, &MakeStore<Size32>);
        table.Add(Code.Mov_Sreg_rm16, &MakeLoad);
        table.Add(Code.Mov_Sreg_r32m16, &MakeLoad);

        table.Add(Code.Pushw_ES, &MakePush<Size16>);
        table.Add(Code.Pushd_ES, &MakePush<Size32>);
        table.Add(Code.Pushw_CS, &MakePush<Size16>);
        table.Add(Code.Pushd_CS, &MakePush<Size32>);
        table.Add(Code.Pushw_SS, &MakePush<Size16>);
        table.Add(Code.Pushd_SS, &MakePush<Size32>);
        table.Add(Code.Pushw_DS, &MakePush<Size16>);
        table.Add(Code.Pushd_DS, &MakePush<Size32>);
        table.Add(Code.Pushw_FS, &MakePush<Size16>);
        table.Add(Code.Pushd_FS, &MakePush<Size32>);
        table.Add(Code.Pushw_GS, &MakePush<Size16>);
        table.Add(Code.Pushd_GS, &MakePush<Size32>);
        table.Add(Code.Popw_ES, &MakePop<Size16>);
        table.Add(Code.Popd_ES, &MakePop<Size32>);
        table.Add(Code.Popw_SS, &MakePop<Size16>);
        table.Add(Code.Popd_SS, &MakePop<Size32>);
        table.Add(Code.Popw_DS, &MakePop<Size16>);
        table.Add(Code.Popd_DS, &MakePop<Size32>);
        table.Add(Code.Popw_FS, &MakePop<Size16>);
        table.Add(Code.Popd_FS, &MakePop<Size32>);
        table.Add(Code.Popw_GS, &MakePop<Size16>);
        table.Add(Code.Popd_GS, &MakePop<Size32>);

        table.Add(Code.Les_r16_m1616, &MakeFar<Size16>);
        table.Add(Code.Les_r32_m1632, &MakeFar<Size32>);
        table.Add(Code.Lds_r16_m1616, &MakeFar<Size16>);
        table.Add(Code.Lds_r32_m1632, &MakeFar<Size32>);
        table.Add(Code.Lss_r16_m1616, &MakeFar<Size16>);
        table.Add(Code.Lss_r32_m1632, &MakeFar<Size32>);
        table.Add(Code.Lfs_r16_m1616, &MakeFar<Size16>);
        table.Add(Code.Lfs_r32_m1632, &MakeFar<Size32>);
        table.Add(Code.Lgs_r16_m1616, &MakeFar<Size16>);
        table.Add(Code.Lgs_r32_m1632, &MakeFar<Size32>);
    }

    private static ushort NumberOf(Register register) => (ushort)(register - Iced.Intel.Register.ES);

    // FS and GS change nothing that blocks depend on. ES, SS and DS rarely do: the block is left if so. After SS the next instruction
    // must be run alone.
    private static Op* Done(CpuState* c, Op* o, int segment, in SegmentRegister value, byte shadow)
    {
        c->Segments[segment] = value;
        if (segment is Segment.Fs or Segment.Gs)
        {
            return Ops.Next(c, o);
        }

        BlockMode before = c->Mode;
        ProcessorMode.Refresh(c);
        if (shadow == 0)
        {
            return c->Mode == before ? Ops.Next(c, o) : Ops.Finish(c, o);
        }

        c->Shadow = shadow;
        return Ops.Finish(c, o);
    }

    private static void MakeStore<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Extra = NumberOf(b.Instruction.Op1Register);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&StoreRegister<TSize>);
        }
        else
        {
            b.Memory();
            b.Set(&StoreMemory);
        }
    }

    private static Op* StoreRegister<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        TSize.Store((byte*)c + o->Destination, c->Segments[o->Extra].Selector);
        return Ops.Next(c, o);
    }

    private static Op* StoreMemory(CpuState* c, Op* o) =>
        Access.TryWrite(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, c->Segments[o->Extra].Selector) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static void MakeLoad(ref OpBuilder b)
    {
        b.Op->Extra = NumberOf(b.Instruction.Op0Register);
        bool stack = b.Op->Extra == Segment.Ss;
        if (b.IsRegister(1))
        {
            b.Op->Source = b.Register(1);
            b.Set(&LoadRegister);
        }
        else
        {
            b.Memory();
            b.Set(&LoadMemory);
        }

        b.EndsBlock = stack;
    }

    private static Op* LoadRegister(CpuState* c, Op* o) => Load(c, o, (ushort)Size16.Load((byte*)c + o->Source));

    private static Op* LoadMemory(CpuState* c, Op* o) =>
        Access.TryRead(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, out uint selector) ? Load(c, o, (ushort)selector) : Ops.Leave(c, o);

    private static Op* Load(CpuState* c, Op* o, ushort selector)
    {
        SegmentRegister value = c->Segments[o->Extra];
        return SegmentLoader.TryPrepare(c, o->Extra, selector, ref value)
            ? Done(c, o, o->Extra, in value, o->Extra == Segment.Ss ? ShadowKind.MoveStack : (byte)0)
            : Ops.Leave(c, o);
    }

    private static void MakePush<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Extra = NumberOf(b.Instruction.Op0Register);
        b.Set(&Push<TSize>);
    }

    private static Op* Push<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize =>
        Stack.TryPush<TSize>(c, c->Segments[o->Extra].Selector) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static void MakePop<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Extra = NumberOf(b.Instruction.Op0Register);
        b.Set(&Pop<TSize>);
        b.EndsBlock = b.Op->Extra == Segment.Ss;
    }

    // The pointer moves as the stack was before, also for POP SS.
    private static Op* Pop<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        SegmentRegister value = c->Segments[o->Extra];
        if (!Stack.TryRead<TSize>(c, 0, out uint selector) || !SegmentLoader.TryPrepare(c, o->Extra, (ushort)selector, ref value))
        {
            return Ops.Leave(c, o);
        }

        Stack.Adjust(c, TSize.Bytes);
        return Done(c, o, o->Extra, in value, o->Extra == Segment.Ss ? ShadowKind.MoveStack : (byte)0);
    }

    private static void MakeFar<TSize>(ref OpBuilder b)
        where TSize : struct, IOperandSize
    {
        b.Op->Extra = b.Code switch
        {
            Code.Les_r16_m1616 or Code.Les_r32_m1632 => Segment.Es,
            Code.Lds_r16_m1616 or Code.Lds_r32_m1632 => Segment.Ds,
            Code.Lss_r16_m1616 or Code.Lss_r32_m1632 => Segment.Ss,
            Code.Lfs_r16_m1616 or Code.Lfs_r32_m1632 => Segment.Fs,
            _ => Segment.Gs,
        };
        b.Op->Destination = b.Register(0);
        b.Memory();
        b.Set(&LoadFar<TSize>);
    }

    // LSS needs no shadow: pointer and segment come together.
    private static Op* LoadFar<TSize>(CpuState* c, Op* o)
        where TSize : struct, IOperandSize
    {
        uint address = EffectiveAddress.Of(c, o);
        uint behind = (o->Flags & OpFlags.Address16) != 0 ? (address + TSize.Bytes) & 0xFFFF : address + TSize.Bytes;
        SegmentRegister value = c->Segments[o->Extra];
        if (!Access.TryRead(c, o->SegmentNumber, address, TSize.Bytes, out uint offset)
            || !Access.TryRead(c, o->SegmentNumber, behind, 2, out uint selector)
            || !SegmentLoader.TryPrepare(c, o->Extra, (ushort)selector, ref value))
        {
            return Ops.Leave(c, o);
        }

        TSize.Store((byte*)c + o->Destination, offset);
        return Done(c, o, o->Extra, in value, shadow: 0);
    }
}
