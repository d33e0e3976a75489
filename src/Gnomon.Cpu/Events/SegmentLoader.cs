using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>What loading a segment register checks and does, by mode (Intel SDM vol. 3, 5.6, 5.7, 20.1.1, 20.2.1).</summary>
// SAFETY: the state is that of a live Processor; registers passed by reference are its own or the caller's copies.
internal static unsafe class SegmentLoader
{
    /// <summary>Present, data, read and write, accessed.</summary>
    public const int RealData = 0x93;

    private const int Virtual8086Data = 0xF3;
    private const int CodeOrDataPresent = SegmentRegister.IsCodeOrData | SegmentRegister.IsPresent;

    /// <summary>Loads a segment in real or virtual-8086 mode: nothing is checked.</summary>
    public static void LoadReal(CpuState* c, ref SegmentRegister register, ushort selector)
    {
        if (ProcessorMode.IsVirtual8086(c))
        {
            LoadVirtual8086(ref register, selector);
            return;
        }

        // Limit and rights stay what protected mode has made of them. What real mode cannot use, a code segment's rights or those of
        // a null selector, becomes usable.
        bool kept = (register.Access & CodeOrDataPresent) == CodeOrDataPresent;
        bool data = kept && (register.Access & 8) == 0;
        int access = data ? register.Access : (register.Access & (SegmentRegister.IsBig | SegmentRegister.IsGranular)) | RealData;
        register.Load(selector, (uint)selector << 4, kept ? register.Limit : 0xFFFF, access);
    }

    /// <summary>Loads a segment with what it always has in virtual-8086 mode.</summary>
    public static void LoadVirtual8086(ref SegmentRegister register, ushort selector) =>
        register.Load(selector, (uint)selector << 4, 0xFFFF, Virtual8086Data);

    /// <summary>Checks and makes what a segment register other than CS is loaded with; sets the descriptor's accessed bit.</summary>
    /// <param name="c">The state.</param>
    /// <param name="segment">Its number.</param>
    /// <param name="selector">The selector.</param>
    /// <param name="value">In: the register. Out: its new content.</param>
    /// <returns>False: the reason is recorded.</returns>
    public static bool TryPrepare(CpuState* c, int segment, ushort selector, ref SegmentRegister value)
    {
        if (!ProcessorMode.IsProtected(c))
        {
            LoadReal(c, ref value, selector);
            return true;
        }

        if (segment == Segment.Ss)
        {
            return TryReadStack(c, selector, c->Cpl, new StackFaults(Vector.GeneralProtection, 0), out Descriptor stack)
                && Accept(c, in stack, selector, ref value);
        }

        if (DescriptorTable.IsNull(selector))
        {
            value.LoadNull(selector);
            return true;
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.GeneralProtection, 0, out Descriptor data))
        {
            return false;
        }

        if (!IsUsableData(in data, selector, c->Cpl))
        {
            return Fail(c, Vector.GeneralProtection, data.ErrorCode);
        }

        return data.IsPresent ? Accept(c, in data, selector, ref value) : Fail(c, Vector.SegmentNotPresent, data.ErrorCode);
    }

    /// <summary>Whether DS, ES, FS or GS may be loaded with a segment.</summary>
    public static bool IsUsableData(in Descriptor descriptor, ushort selector, int cpl) =>
        descriptor.IsReadable && (descriptor.IsConforming || (descriptor.Dpl >= (selector & 3) && descriptor.Dpl >= cpl));

    /// <summary>Reads and checks a stack segment for a privilege level.</summary>
    /// <param name="c">The state.</param>
    /// <param name="selector">The selector.</param>
    /// <param name="cpl">The privilege level that it is for.</param>
    /// <param name="faults">What is raised.</param>
    /// <param name="descriptor">The descriptor; its accessed bit is not set yet.</param>
    public static bool TryReadStack(CpuState* c, ushort selector, int cpl, StackFaults faults, out Descriptor descriptor)
    {
        if (DescriptorTable.IsNull(selector))
        {
            descriptor = default;
            return Fail(c, faults.Vector, faults.External);
        }

        if (!DescriptorTable.TryRead(c, selector, faults.Vector, faults.External, out descriptor))
        {
            return false;
        }

        if ((selector & 3) != cpl || !descriptor.IsWritable || descriptor.Dpl != cpl)
        {
            return Fail(c, faults.Vector, descriptor.ErrorCode | faults.External);
        }

        return descriptor.IsPresent || Fail(c, faults.Absent, descriptor.ErrorCode | faults.External);
    }

    private static bool Accept(CpuState* c, in Descriptor descriptor, ushort selector, ref SegmentRegister value)
    {
        descriptor.LoadTo(ref value, selector);
        return DescriptorTable.TryMarkAccessed(c, in descriptor);
    }
}

/// <summary>What a stack segment that does not fit raises.</summary>
/// <param name="Vector">#GP, or #TS when the selector came from a task state.</param>
/// <param name="External">The EXT bit.</param>
/// <param name="Absent">What is raised when it is not present: #SS, but #NP by IRET (Intel SDM vol. 2, IRET).</param>
internal readonly record struct StackFaults(byte Vector, uint External, byte Absent = Cpu.Vector.StackFault);
