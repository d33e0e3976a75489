using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>LAR LSL VERR VERW ARPL: programs look at descriptors (Intel SDM vol. 3, 5.10). Protected mode only.</summary>
// SAFETY: handlers get the state and the op of a live Processor; register offsets in ops are those of registers.
internal static unsafe class SegmentChecks
{
    private const uint RightsMask16 = 0xFF00;
    private const uint RightsMask32 = 0x00F0_FF00;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Lar_r16_rm16, &MakeLook<AccessRights<Size16>>);
        table.Add(Code.Lar_r32_r32m16, &MakeLook<AccessRights<Size32>>);
        table.Add(Code.Lsl_r16_rm16, &MakeLook<SegmentLimit<Size16>>);
        table.Add(Code.Lsl_r32_r32m16, &MakeLook<SegmentLimit<Size32>>);
        table.Add(Code.Verr_rm16, &MakeVerify<ReadCheck>);
        table.Add(Code.Verr_r32m16, &MakeVerify<ReadCheck>);
        table.Add(Code.Verw_rm16, &MakeVerify<WriteCheck>);
        table.Add(Code.Verw_r32m16, &MakeVerify<WriteCheck>);
        table.Add(Code.Arpl_rm16_r16, &MakeArpl);
        table.Add(Code.Arpl_r32m16_r32, &MakeArpl);
    }

    private interface ILook
    {
        /// <summary>What the instruction shows of a descriptor; false if it must not show it.</summary>
        static abstract bool TryLook(CpuState* c, in Descriptor descriptor);

        static abstract void Show(byte* target, in Descriptor descriptor);
    }

    private static void MakeLook<TLook>(ref OpBuilder b)
        where TLook : struct, ILook
    {
        b.Op->Destination = b.Register(0);
        MakeSelector(ref b, 1, &LookRegister<TLook>, &LookMemory<TLook>);
    }

    private static void MakeVerify<TLook>(ref OpBuilder b)
        where TLook : struct, ILook => MakeSelector(ref b, 0, &LookRegister<TLook>, &LookMemory<TLook>);

    private static void MakeSelector(
        ref OpBuilder b, int operand, delegate*<CpuState*, Op*, Op*> fromRegister, delegate*<CpuState*, Op*, Op*> fromMemory)
    {
        if (b.IsRegister(operand))
        {
            b.Op->Source = b.Register(operand);
            b.Set(fromRegister);
        }
        else
        {
            b.Memory();
            b.Set(fromMemory);
        }
    }

    private static Op* LookRegister<TLook>(CpuState* c, Op* o)
        where TLook : struct, ILook => ProcessorMode.IsProtected(c)
            ? Look<TLook>(c, o, (ushort)Size16.Load((byte*)c + o->Source))
            : Ops.Fault(c, o, Vector.InvalidOpcode);

    private static Op* LookMemory<TLook>(CpuState* c, Op* o)
        where TLook : struct, ILook
    {
        if (!ProcessorMode.IsProtected(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        return Access.TryRead(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, out uint selector)
            ? Look<TLook>(c, o, (ushort)selector)
            : Ops.Leave(c, o);
    }

    private static Op* Look<TLook>(CpuState* c, Op* o, ushort selector)
        where TLook : struct, ILook
    {
        bool found = false;
        Descriptor descriptor = default;
        if (!DescriptorTable.IsNull(selector) && DescriptorTable.TryLocate(c, selector, out uint address))
        {
            if (!SystemMemory.TryRead64(c, address, out ulong value))
            {
                return Ops.Leave(c, o);
            }

            descriptor = new Descriptor(selector, address, value);
            found = TLook.TryLook(c, in descriptor);
        }

        if (found)
        {
            TLook.Show((byte*)c + o->Destination, in descriptor);
        }

        SetZero(c, found);
        return Ops.Next(c, o);
    }

    private static void SetZero(CpuState* c, bool set) => Flags.WriteStatus(c, (Flags.Read(c) & ~Flags.Zero) | (set ? Flags.Zero : 0));

    // The level rule of LAR, LSL, VERR and VERW: conforming code is open to all.
    private static bool IsVisible(CpuState* c, in Descriptor descriptor) =>
        descriptor.IsConforming || (descriptor.Dpl >= c->Cpl && descriptor.Dpl >= (descriptor.Selector & 3));

    private static void MakeArpl(ref OpBuilder b)
    {
        b.Op->Source = b.Register(1);
        if (b.IsRegister(0))
        {
            b.Op->Destination = b.Register(0);
            b.Set(&ArplRegister);
        }
        else
        {
            b.Memory();
            b.Set(&ArplMemory);
        }
    }

    private static Op* ArplRegister(CpuState* c, Op* o)
    {
        if (!ProcessorMode.IsProtected(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        byte* place = (byte*)c + o->Destination;
        uint selector = Size16.Load(place);
        uint level = Size16.Load((byte*)c + o->Source) & 3;
        bool raises = (selector & 3) < level;
        if (raises)
        {
            Size16.Store(place, (selector & ~3u) | level);
        }

        SetZero(c, raises);
        return Ops.Next(c, o);
    }

    private static Op* ArplMemory(CpuState* c, Op* o)
    {
        if (!ProcessorMode.IsProtected(c))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        byte* place = Slow.Modify<Size16>(c, o);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        uint selector = Size16.Load(place);
        uint level = Size16.Load((byte*)c + o->Source) & 3;
        bool raises = (selector & 3) < level;
        if (raises)
        {
            Size16.Store(place, (selector & ~3u) | level);
            if (!Slow.Commit(c, place))
            {
                return Ops.Leave(c, o);
            }
        }

        SetZero(c, raises);
        return Ops.Next(c, o);
    }

    private readonly struct AccessRights<TSize> : ILook
        where TSize : struct, IOperandSize
    {
        // All segments, task states, the local table, call and task gates (Intel SDM vol. 2, LAR, table 3-54).
        private const int Valid = (1 << SystemType.Task16) | (1 << SystemType.LocalTable) | (1 << SystemType.BusyTask16)
            | (1 << SystemType.CallGate16) | (1 << SystemType.TaskGate) | (1 << SystemType.Task32) | (1 << SystemType.BusyTask32)
            | (1 << SystemType.CallGate32);

        public static bool TryLook(CpuState* c, in Descriptor descriptor) =>
            (!descriptor.IsSystem || (Valid & (1 << descriptor.Type)) != 0) && IsVisible(c, in descriptor);

        public static void Show(byte* target, in Descriptor descriptor) =>
            TSize.Store(target, (uint)(descriptor.Value >> 32) & (TSize.Bytes == 4 ? RightsMask32 : RightsMask16));
    }

    private readonly struct SegmentLimit<TSize> : ILook
        where TSize : struct, IOperandSize
    {
        // What has a limit: all segments, task states, the local table (Intel SDM vol. 2, LSL, table 3-58).
        private const int Valid = (1 << SystemType.Task16) | (1 << SystemType.LocalTable) | (1 << SystemType.BusyTask16)
            | (1 << SystemType.Task32) | (1 << SystemType.BusyTask32);

        public static bool TryLook(CpuState* c, in Descriptor descriptor) =>
            (!descriptor.IsSystem || (Valid & (1 << descriptor.Type)) != 0) && IsVisible(c, in descriptor);

        public static void Show(byte* target, in Descriptor descriptor) => TSize.Store(target, descriptor.Limit);
    }

    private readonly struct ReadCheck : ILook
    {
        public static bool TryLook(CpuState* c, in Descriptor descriptor) => descriptor.IsReadable && IsVisible(c, in descriptor);

        public static void Show(byte* target, in Descriptor descriptor)
        {
        }
    }

    private readonly struct WriteCheck : ILook
    {
        public static bool TryLook(CpuState* c, in Descriptor descriptor) => descriptor.IsWritable && IsVisible(c, in descriptor);

        public static void Show(byte* target, in Descriptor descriptor)
        {
        }
    }
}
