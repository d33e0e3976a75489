using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>The segments of a task that was just entered: loaded from their selectors, with faults in the new task (Intel SDM vol. 3,
/// table 7-1).</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class TaskSegments
{
    /// <summary>Loads LDTR and all segment registers from the selectors that stand in them. May be called again after it was stopped.</summary>
    /// <param name="c">The state.</param>
    /// <param name="external">The EXT bit of error codes.</param>
    /// <returns>False: the reason is recorded; segments that were not reached allow no access.</returns>
    public static bool TryLoad(CpuState* c, uint external)
    {
        bool loaded = TryLoadTable(c, external) && TryLoadSegments(c, external);
        ProcessorMode.Refresh(c);
        return loaded && (c->Eip <= c->Segments[Segment.Cs].Limit || Fail(c, Vector.GeneralProtection, external));
    }

    private static bool TryLoadTable(CpuState* c, uint external)
    {
        ushort selector = c->Ldt.Selector;
        if (DescriptorTable.IsNull(selector))
        {
            c->Ldt.LoadNull(selector);
            return true;
        }

        uint code = (selector & ~3u) | external;
        if (DescriptorTable.NamesLocal(selector))
        {
            return Fail(c, Vector.InvalidTss, code);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.InvalidTss, external, out Descriptor table))
        {
            return false;
        }

        if (!table.IsSystem || table.Type != SystemType.LocalTable || !table.IsPresent)
        {
            return Fail(c, Vector.InvalidTss, code);
        }

        table.LoadTo(ref c->Ldt, selector);
        return true;
    }

    private static bool TryLoadSegments(CpuState* c, uint external)
    {
        if (ProcessorMode.IsVirtual8086(c))
        {
            for (int i = 0; i < 6; i++)
            {
                SegmentLoader.LoadVirtual8086(ref c->Segments[i], c->Segments[i].Selector);
            }

            return true;
        }

        if (!TryReadCode(c, external, out Descriptor code))
        {
            return false;
        }

        ushort stackSelector = c->Segments[Segment.Ss].Selector;
        if (!SegmentLoader.TryReadStack(c, stackSelector, c->Cpl, new StackFaults(Vector.InvalidTss, external), out Descriptor stack)
            || !DescriptorTable.TryMarkAccessed(c, in stack))
        {
            return false;
        }

        stack.LoadTo(ref c->Segments[Segment.Ss], stackSelector);
        if (!code.IsPresent)
        {
            return Fail(c, Vector.SegmentNotPresent, code.ErrorCode | external);
        }

        if (!DescriptorTable.TryMarkAccessed(c, in code))
        {
            return false;
        }

        code.LoadTo(ref c->Segments[Segment.Cs], code.Selector);
        return TryLoadData(c, Segment.Ds, external) && TryLoadData(c, Segment.Es, external)
            && TryLoadData(c, Segment.Fs, external) && TryLoadData(c, Segment.Gs, external);
    }

    private static bool TryReadCode(CpuState* c, uint external, out Descriptor code)
    {
        ushort selector = c->Segments[Segment.Cs].Selector;
        code = default;
        if (DescriptorTable.IsNull(selector))
        {
            return Fail(c, Vector.InvalidTss, external);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.InvalidTss, external, out code))
        {
            return false;
        }

        bool fits = code.IsCode && (code.IsConforming ? code.Dpl <= (selector & 3) : code.Dpl == (selector & 3));
        return fits || Fail(c, Vector.InvalidTss, code.ErrorCode | external);
    }

    private static bool TryLoadData(CpuState* c, int segment, uint external)
    {
        ushort selector = c->Segments[segment].Selector;
        if (DescriptorTable.IsNull(selector))
        {
            c->Segments[segment].LoadNull(selector);
            return true;
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.InvalidTss, external, out Descriptor data))
        {
            return false;
        }

        if (!SegmentLoader.IsUsableData(in data, selector, c->Cpl))
        {
            return Fail(c, Vector.InvalidTss, data.ErrorCode | external);
        }

        if (!data.IsPresent)
        {
            return Fail(c, Vector.SegmentNotPresent, data.ErrorCode | external);
        }

        data.LoadTo(ref c->Segments[segment], selector);
        return DescriptorTable.TryMarkAccessed(c, in data);
    }
}
