namespace Gnomon.Monitor;

/// <summary>The flags in EFLAGS that the host looks at.</summary>
internal static class GuestFlags
{
    public const uint AlwaysOne = 1 << 1;
    public const uint Trap = 1 << 8;
    public const uint Interrupt = 1 << 9;
    public const uint PrivilegeLevel = 3 << 12;
    public const uint NestedTask = 1 << 14;
    public const uint Resume = 1 << 16;
    public const uint Virtual8086 = 1 << 17;

    /// <summary>EFLAGS that a guest may run with: no I/O privilege, never virtual-8086 mode, interrupts on.</summary>
    public static uint Sanitise(uint eflags) => (eflags & ~(PrivilegeLevel | Virtual8086)) | Interrupt | AlwaysOne;
}

/// <summary>Enters the guest kernel at its handler, as the hardware would.</summary>
internal sealed class EventDelivery(VirtualCpu cpu, GuestStack stack)
{
    /// <summary>The guest kernel's level.</summary>
    public const int KernelLevel = 1;

    private const uint FlagsOfFrame = 8;

    /// <summary>Delivers a trap.</summary>
    /// <param name="data">The guest's data page.</param>
    /// <param name="vector">The vector; its gate is present.</param>
    /// <param name="code">The error code, or null where none is pushed.</param>
    public void DeliverTrap(GuestDataPage data, int vector, uint? code)
    {
        Push(data, code);
        Enter(data, vector);
    }

    /// <summary>Delivers an interrupt. If the guest is about to leave its last one by its lone IRET, that is taken as done: its frame,
    /// which still lies on the stack, is the new one.</summary>
    /// <param name="data">The guest's data page.</param>
    /// <param name="loneIret">Where that instruction is.</param>
    /// <param name="vector">The vector; its gate is present.</param>
    public void DeliverInterrupt(GuestDataPage data, uint loneIret, int vector)
    {
        TrapFrame frame = cpu.Frame;
        if (frame.Level == KernelLevel && frame.Eip == loneIret)
        {
            frame.Eflags = GuestFlags.Sanitise(stack.Read(Base(frame.Ss) + frame.Esp + FlagsOfFrame));
        }
        else
        {
            Push(data, null);
        }

        Enter(data, vector);
    }

    private void Push(GuestDataPage data, uint? code)
    {
        TrapFrame frame = cpu.Frame;
        bool inner = frame.Level != KernelLevel;
        uint ss = inner ? cpu.Descriptors.StackSelector : frame.Ss;
        uint esp = inner ? cpu.Descriptors.StackPointer : frame.Esp;
        if (inner && ss == 0)
        {
            GuestDeath.Kill($"a trap at level {frame.Level}, and the guest has set no stack");
        }

        uint top = Base(ss);
        if (inner)
        {
            stack.Write(top + (esp -= 4), frame.Ss);
            stack.Write(top + (esp -= 4), frame.Esp);
        }

        uint image = data.InterruptsEnabled ? frame.Eflags | GuestFlags.Interrupt : frame.Eflags & ~GuestFlags.Interrupt;
        stack.Write(top + (esp -= 4), image);
        stack.Write(top + (esp -= 4), frame.Cs);
        stack.Write(top + (esp -= 4), frame.Eip);
        if (code is { } value)
        {
            stack.Write(top + (esp -= 4), value);
        }

        frame.Ss = ss;
        frame.Esp = esp;
    }

    private void Enter(GuestDataPage data, int vector)
    {
        GuestGate gate = cpu.Descriptors.Gate(vector);
        TrapFrame frame = cpu.Frame;
        frame.Cs = SwitcherLayout.GuestCodeSelector;
        frame.Eip = gate.Offset;
        frame.Eflags &= ~(GuestFlags.Trap | GuestFlags.Virtual8086 | GuestFlags.Resume | GuestFlags.NestedTask);
        if (gate.IsInterruptGate)
        {
            data.InterruptsEnabled = false;
        }
    }

    private uint Base(uint selector) => cpu.Descriptors.Segment(selector).Base;
}
