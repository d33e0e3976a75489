using System.Runtime.CompilerServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Gnomon.Cpu.X87;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>
/// The x87 instructions D8 to DF, WAIT, FXSAVE and FXRSTOR: what is theirs beside the arithmetic, which <see cref="X87"/> does. An op's
/// <see cref="Op.Extra"/> is the opcode and the ModR/M byte.
/// </summary>
/// <remarks>An unmasked exception raises #MF at the next waiting instruction whatever CR0.NE says: there is no FERR# pin to raise an
/// external interrupt with.</remarks>
// SAFETY: handlers get the state and the op of a live Processor; memory is prepared for the bytes that are used.
internal static unsafe class FloatingPoint
{
    private const int FxsaveBytes = 512;
    private const uint FxsaveAlignment = 16;

    public static void Register(InstructionTable table)
    {
        foreach (Code code in Enum.GetValues<Code>())
        {
            if (IsX87(code))
            {
                table.Add(code, &Make);
            }
        }

        table.Add(Code.Wait, &MakeWait);
        table.Add(Code.Fxsave_m512byte, &MakeFxsave);
        table.Add(Code.Fxrstor_m512byte, &MakeFxrstor);
    }

    // Iced's forms of D8 to DF that a processor of this profile has: not FISTTP (SSE3), not what only one early coprocessor had, and
    // not those that Iced assembles from WAIT and another instruction.
    private static bool IsX87(Code code)
    {
        CpuidFeature[] features = code.CpuidFeatures();
        if (features.Length == 0 || Array.Exists(features, feature => feature is not (CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387 or CpuidFeature.CMOV)))
        {
            return false;
        }

        OpCodeInfo form = code.ToOpCode();
        return form is { IsInstruction: true, Fwait: false } && Array.Exists(features, feature => feature != CpuidFeature.CMOV) && code != Code.Wait;
    }

    private static void Make(ref OpBuilder b)
    {
        byte* opcode = b.Opcode();
        b.Op->Extra = (ushort)((opcode[0] << 8) | opcode[1]);
        if (opcode[1] >= 0xC0)
        {
            b.Set(X87RegisterForms.IsNonWaiting(opcode[0], opcode[1]) ? &Control : &RegisterForm);
            return;
        }

        b.Memory();
        X87MemoryForm form = X87MemoryForms.Describe(opcode[0], (uint)(opcode[1] >> 3) & 7);
        b.Op->Immediate = (uint)form.Length;
        b.Op->Flags |= b.Instruction.Code is Code.Fldenv_m14byte or Code.Fnstenv_m14byte or Code.Frstor_m94byte or Code.Fnsave_m94byte ? OpFlags.Operand16 : 0;
        b.Set(form.Use switch
        {
            X87MemoryUse.Load => &Load,
            X87MemoryUse.Store => &Store,
            X87MemoryUse.LoadControl => &LoadControl,
            X87MemoryUse.StoreControl => &StoreControl,
            X87MemoryUse.StoreStatus => &StoreStatus,
            X87MemoryUse.LoadEnvironment => &LoadEnvironment,
            X87MemoryUse.StoreEnvironment => &StoreEnvironment,
            X87MemoryUse.Restore => &Restore,
            X87MemoryUse.Save => &Save,
            _ => throw new InvalidOperationException($"{b.Code} is no x87 instruction."),
        });
    }

    private static void MakeWait(ref OpBuilder b) => b.Set(&Wait);

    private static void MakeFxsave(ref OpBuilder b)
    {
        b.Memory();
        b.Set(&Fxsave);
    }

    private static void MakeFxrstor(ref OpBuilder b)
    {
        b.Memory();
        b.Set(&Fxrstor);
    }

    /// <summary>Whether the FPU may be used now (Intel SDM vol. 3, 2.5 and 8.2): not with EM or TS; a waiting instruction not with an
    /// unmasked exception pending. If not, the fault is recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsReady(CpuState* c, bool waits)
    {
        if ((c->Cr0 & (Cr0.Emulation | Cr0.TaskSwitched)) == 0 && !(waits && c->X87.HasPendingException))
        {
            return true;
        }

        return NotReady(c);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool NotReady(CpuState* c)
    {
        bool absent = (c->Cr0 & (Cr0.Emulation | Cr0.TaskSwitched)) != 0;
        Ops.Raise(c, absent ? Vector.DeviceNotAvailable : Vector.FloatingPoint, 0);
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Remember(CpuState* c, Op* o)
    {
        c->X87.InstructionPointer = c->Eip + o->EipOffset;
        c->X87.InstructionSelector = c->Segments[Segment.Cs].Selector;
        c->X87.LastOpcode = (ushort)(o->Extra & 0x7FF);
    }

    private static void RememberData(CpuState* c, Op* o, uint offset)
    {
        Remember(c, o);
        c->X87.DataPointer = offset;
        c->X87.DataSelector = c->Segments[o->SegmentNumber].Selector;
    }

    private static Op* RegisterForm(CpuState* c, Op* o)
    {
        if (!IsReady(c, waits: true))
        {
            return Ops.Leave(c, o);
        }

        Remember(c, o);
        return Execute(c, o);
    }

    private static Op* Control(CpuState* c, Op* o) => IsReady(c, waits: false) ? Execute(c, o) : Ops.Leave(c, o);

    private static Op* Execute(CpuState* c, Op* o)
    {
        uint opcode = (uint)o->Extra >> 8;
        uint eflags = opcode is 0xDA or 0xDB ? Flags.Read(c) : 0;
        switch (X87RegisterForms.Execute(ref c->X87, opcode, o->Extra & 0xFFu, eflags, out uint flags))
        {
            case X87RegisterEffect.Flags:
                Flags.WriteStatus(c, flags);
                break;
            case X87RegisterEffect.StatusToAx:
                Size16.Store((byte*)c, c->X87.Status);
                break;
            case X87RegisterEffect.Undefined:
                return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        return Ops.Next(c, o);
    }

    private static Op* Load(CpuState* c, Op* o)
    {
        if (!IsReady(c, waits: true))
        {
            return Ops.Leave(c, o);
        }

        uint offset = EffectiveAddress.Of(c, o);
        uint length = o->Immediate;
        byte* place = Access.FastRead(c, o->SegmentNumber, offset, length);
        if (place == null)
        {
            place = Access.Prepare(c, o->SegmentNumber, offset, length, AccessKind.Read);
            if (place == null)
            {
                return Ops.Leave(c, o);
            }
        }

        ulong low = length switch
        {
            2 => Unsafe.ReadUnaligned<ushort>(place),
            4 => Unsafe.ReadUnaligned<uint>(place),
            _ => Unsafe.ReadUnaligned<ulong>(place),
        };
        ushort high = length == 10 ? Unsafe.ReadUnaligned<ushort>(place + 8) : (ushort)0;
        RememberData(c, o, offset);
        X87MemoryForms.Load(ref c->X87, (uint)o->Extra >> 8, ((uint)o->Extra >> 3) & 7, low, high);
        return Ops.Next(c, o);
    }

    private static Op* Store(CpuState* c, Op* o)
    {
        if (!IsReady(c, waits: true))
        {
            return Ops.Leave(c, o);
        }

        uint offset = EffectiveAddress.Of(c, o);
        X87PendingStore store = X87MemoryForms.PrepareStore(in c->X87, (uint)o->Extra >> 8, ((uint)o->Extra >> 3) & 7);

        // A fault of the operand goes before a numeric exception that forbids the store (Intel SDM vol. 3, table 6-2).
        byte* place = Access.Prepare(c, o->SegmentNumber, offset, o->Immediate, AccessKind.Write);
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        if (store.Length > 0)
        {
            Put(place, in store);
            if (!Access.Commit(c, place))
            {
                return Ops.Leave(c, o);
            }
        }

        RememberData(c, o, offset);
        X87Stores.Commit(ref c->X87, in store);
        return Ops.Next(c, o);
    }

    private static void Put(byte* place, in X87PendingStore store)
    {
        switch (store.Length)
        {
            case 2:
                Unsafe.WriteUnaligned(place, (ushort)store.Low);
                break;
            case 4:
                Unsafe.WriteUnaligned(place, (uint)store.Low);
                break;
            case 8:
                Unsafe.WriteUnaligned(place, store.Low);
                break;
            default:
                Unsafe.WriteUnaligned(place, store.Low);
                Unsafe.WriteUnaligned(place + 8, store.High);
                break;
        }
    }

    private static Op* LoadControl(CpuState* c, Op* o)
    {
        if (!IsReady(c, waits: true) || !Access.TryRead(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, out uint value))
        {
            return Ops.Leave(c, o);
        }

        X87Images.LoadControl(ref c->X87, (ushort)value);
        return Ops.Next(c, o);
    }

    private static Op* StoreControl(CpuState* c, Op* o) => StoreWord(c, o, c->X87.Control);

    private static Op* StoreStatus(CpuState* c, Op* o) => StoreWord(c, o, c->X87.Status);

    private static Op* StoreWord(CpuState* c, Op* o, ushort value) =>
        IsReady(c, waits: false) && Access.TryWrite(c, o->SegmentNumber, EffectiveAddress.Of(c, o), 2, value) ? Ops.Next(c, o) : Ops.Leave(c, o);

    private static X87ImageFormat FormatOf(CpuState* c, Op* o) =>
        ((c->Mode & BlockMode.Protected) != 0, (o->Flags & OpFlags.Operand16) != 0) switch
        {
            (true, false) => X87ImageFormat.Protected32,
            (true, true) => X87ImageFormat.Protected16,
            (false, false) => X87ImageFormat.Real32,
            (false, true) => X87ImageFormat.Real16,
        };

    private static Op* LoadEnvironment(CpuState* c, Op* o)
    {
        X87ImageFormat format = FormatOf(c, o);
        int length = X87Images.EnvironmentLength(format);
        byte* place = IsReady(c, waits: true) ? Image(c, o, length, AccessKind.Read) : null;
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        X87Images.ReadEnvironment(ref c->X87, new ReadOnlySpan<byte>(place, length), format);
        return Ops.Next(c, o);
    }

    private static Op* StoreEnvironment(CpuState* c, Op* o)
    {
        X87ImageFormat format = FormatOf(c, o);
        int length = X87Images.EnvironmentLength(format);
        byte* place = IsReady(c, waits: false) ? Image(c, o, length, AccessKind.Write) : null;
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        X87Images.WriteEnvironment(in c->X87, new Span<byte>(place, length), format);
        if (!Access.Commit(c, place))
        {
            return Ops.Leave(c, o);
        }

        X87Images.CommitEnvironment(ref c->X87);
        return Ops.Next(c, o);
    }

    private static Op* Restore(CpuState* c, Op* o)
    {
        X87ImageFormat format = FormatOf(c, o);
        int length = X87Images.SaveLength(format);
        byte* place = IsReady(c, waits: true) ? Image(c, o, length, AccessKind.Read) : null;
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        X87Images.ReadSave(ref c->X87, new ReadOnlySpan<byte>(place, length), format);
        return Ops.Next(c, o);
    }

    private static Op* Save(CpuState* c, Op* o)
    {
        X87ImageFormat format = FormatOf(c, o);
        int length = X87Images.SaveLength(format);
        byte* place = IsReady(c, waits: false) ? Image(c, o, length, AccessKind.Write) : null;
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        X87Images.WriteSave(in c->X87, new Span<byte>(place, length), format);
        if (!Access.Commit(c, place))
        {
            return Ops.Leave(c, o);
        }

        c->X87.Initialize();
        return Ops.Next(c, o);
    }

    private static byte* Image(CpuState* c, Op* o, int length, AccessKind kind) =>
        Access.Prepare(c, o->SegmentNumber, EffectiveAddress.Of(c, o), (uint)length, kind);

    private static Op* Wait(CpuState* c, Op* o)
    {
        // WAIT honours TS only with MP (Intel SDM vol. 3, table 9-3), and EM not at all.
        const uint both = Cr0.MonitorCoprocessor | Cr0.TaskSwitched;
        if ((c->Cr0 & both) == both)
        {
            return Ops.Fault(c, o, Vector.DeviceNotAvailable);
        }

        return c->X87.HasPendingException ? Ops.Fault(c, o, Vector.FloatingPoint) : Ops.Next(c, o);
    }

    // The parts of the image that belong to what this processor does not have stay as they were.
    private static Op* Fxsave(CpuState* c, Op* o)
    {
        byte* place = IsReady(c, waits: false) ? FxImage(c, o, AccessKind.ReadWrite) : null;
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        X87Images.WriteFxsave(in c->X87, new Span<byte>(place, FxsaveBytes));
        return Access.Commit(c, place) ? Ops.Next(c, o) : Ops.Leave(c, o);
    }

    private static Op* Fxrstor(CpuState* c, Op* o)
    {
        byte* place = IsReady(c, waits: false) ? FxImage(c, o, AccessKind.Read) : null;
        if (place == null)
        {
            return Ops.Leave(c, o);
        }

        X87Images.ReadFxrstor(ref c->X87, new ReadOnlySpan<byte>(place, FxsaveBytes));
        return Ops.Next(c, o);
    }

    private static byte* FxImage(CpuState* c, Op* o, AccessKind kind)
    {
        uint offset = EffectiveAddress.Of(c, o);
        if (((c->Segments[o->SegmentNumber].Base + offset) & (FxsaveAlignment - 1)) != 0)
        {
            Ops.Raise(c, Vector.GeneralProtection, 0);
            return null;
        }

        return Access.Prepare(c, o->SegmentNumber, offset, FxsaveBytes, kind);
    }
}
