namespace Gnomon.Cpu;

/// <summary>The general registers.</summary>
public enum GeneralRegister
{
    /// <summary>EAX.</summary>
    Eax,

    /// <summary>ECX.</summary>
    Ecx,

    /// <summary>EDX.</summary>
    Edx,

    /// <summary>EBX.</summary>
    Ebx,

    /// <summary>ESP.</summary>
    Esp,

    /// <summary>EBP.</summary>
    Ebp,

    /// <summary>ESI.</summary>
    Esi,

    /// <summary>EDI.</summary>
    Edi,
}

/// <summary>The segment registers.</summary>
public enum SegmentName
{
    /// <summary>ES.</summary>
    Es,

    /// <summary>CS.</summary>
    Cs,

    /// <summary>SS.</summary>
    Ss,

    /// <summary>DS.</summary>
    Ds,

    /// <summary>FS.</summary>
    Fs,

    /// <summary>GS.</summary>
    Gs,
}

/// <summary>A segment register's content.</summary>
/// <param name="Selector">The selector.</param>
/// <param name="Base">The base.</param>
/// <param name="Limit">The limit in bytes, granularity applied.</param>
/// <param name="Access">Type, S, DPL, P in the low byte; AVL, D/B, G in bits 12, 14, 15: bits 8 to 23 of a descriptor's second word.</param>
public readonly record struct SegmentValue(ushort Selector, uint Base, uint Limit, ushort Access);

/// <summary>A view of a processor's registers, for who looks or sets up between two runs.</summary>
// SAFETY: the state is read through the processor, which lives as long as this view is used.
public sealed unsafe class ProcessorRegisters
{
    private readonly Processor _processor;

    internal ProcessorRegisters(Processor processor) => _processor = processor;

    /// <summary>A general register.</summary>
    public uint this[GeneralRegister register]
    {
        get => State->Registers[Index((int)register, 8)];
        set => State->Registers[Index((int)register, 8)] = value;
    }

    /// <summary>The offset of the next instruction.</summary>
    public uint Eip
    {
        get => State->Eip;
        set => State->Eip = value;
    }

    /// <summary>EFLAGS.</summary>
    public uint Eflags
    {
        get => Flags.Read(State);
        set
        {
            Flags.Write(State, value);
            if (ProcessorMode.IsVirtual8086(State))
            {
                State->Cpl = 3;
            }

            ProcessorMode.Refresh(State);
        }
    }

    /// <summary>The current privilege level, 0 … 3.</summary>
    public int Cpl
    {
        get => State->Cpl;
        set
        {
            State->Cpl = value & 3;
            ProcessorMode.Refresh(State);
        }
    }

    /// <summary>CR0. Setting it checks nothing, and drops translations.</summary>
    public uint Cr0
    {
        get => State->Cr0;
        set => Control(ref State->Cr0, value);
    }

    /// <summary>CR2.</summary>
    public uint Cr2
    {
        get => State->Cr2;
        set => State->Cr2 = value;
    }

    /// <summary>CR3. Setting it drops translations; in PAE the caller sets the pointers as well (<see cref="LoadPointers"/>).</summary>
    public uint Cr3
    {
        get => State->Cr3;
        set => Control(ref State->Cr3, value);
    }

    /// <summary>CR4. Setting it checks nothing, and drops translations.</summary>
    public uint Cr4
    {
        get => State->Cr4;
        set => Control(ref State->Cr4, value);
    }

    /// <summary>EFER. Setting it checks nothing, and drops translations.</summary>
    public uint Efer
    {
        get => State->Efer;
        set => Control(ref State->Efer, value);
    }

    /// <summary>DR6.</summary>
    public uint Dr6 => State->Dr6;

    /// <summary>DR7.</summary>
    public uint Dr7 => State->Dr7;

    /// <summary>The base and limit of the global descriptor table.</summary>
    public (uint Base, ushort Limit) Gdt
    {
        get => (State->Gdt.Base, (ushort)State->Gdt.Limit);
        set => State->Gdt = new TableRegister { Base = value.Base, Limit = value.Limit };
    }

    /// <summary>The base and limit of the interrupt descriptor table.</summary>
    public (uint Base, ushort Limit) Idt
    {
        get => (State->Idt.Base, (ushort)State->Idt.Limit);
        set => State->Idt = new TableRegister { Base = value.Base, Limit = value.Limit };
    }

    /// <summary>The task register.</summary>
    public SegmentValue Task
    {
        get => Value(ref State->Task);
        set => State->Task.Load(value.Selector, value.Base, value.Limit, value.Access);
    }

    /// <summary>The local descriptor table.</summary>
    public SegmentValue Ldt
    {
        get => Value(ref State->Ldt);
        set => State->Ldt.Load(value.Selector, value.Base, value.Limit, value.Access);
    }

    private CpuState* State => _processor.State;

    /// <summary>A segment register.</summary>
    public SegmentValue Segment(SegmentName name) => Value(ref State->Segments[Index((int)name, 6)]);

    /// <summary>Sets a segment register. Nothing is checked.</summary>
    public void SetSegment(SegmentName name, SegmentValue value)
    {
        State->Segments[Index((int)name, 6)].Load(value.Selector, value.Base, value.Limit, value.Access);
        ProcessorMode.Refresh(State);
    }

    /// <summary>Sets the four page-directory-pointer registers. Nothing is checked, and no translation dropped.</summary>
    public void LoadPointers(ReadOnlySpan<ulong> pointers)
    {
        for (int i = 0; i < 4; i++)
        {
            State->Pointers[i] = pointers[i];
        }
    }

    private static int Index(int index, int count) => (uint)index < (uint)count ? index : throw new ArgumentOutOfRangeException(nameof(index));

    private static SegmentValue Value(ref SegmentRegister register) => new(register.Selector, register.Base, register.Limit, register.Access);

    private void Control(ref uint register, uint value)
    {
        register = value;
        _processor.FlushTranslations();
        ProcessorMode.Refresh(State);
    }
}
