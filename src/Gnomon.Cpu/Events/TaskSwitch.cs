using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Instructions;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>What a task switch comes from.</summary>
internal enum TaskSwitchKind
{
    /// <summary>JMP: the old task is left for good.</summary>
    Jump,

    /// <summary>CALL, an interrupt or exception: the new task is nested in the old one.</summary>
    Call,

    /// <summary>IRET with NT: back to the task that called.</summary>
    Return,
}

/// <summary>
/// Hardware task switches (Intel SDM vol. 3, 7.3). Up to a point everything can fail in the old task, and nothing has changed then. Behind
/// it the new task is the current one; what is left, its page tables and segments, is done by stages, each of which may be stopped by an
/// exit or fault in the new task.
/// </summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class TaskSwitch
{
    // L0 to L3 and LE.
    private const uint LocalBreakpoints = 0x155;

    /// <summary>Switches tasks for JMP, CALL or IRET. On success the rest is left to the main loop.</summary>
    /// <param name="c">The state.</param>
    /// <param name="task">The new task's descriptor: available, or for a return busy.</param>
    /// <param name="kind">What it comes from.</param>
    /// <param name="next">Where the old task goes on.</param>
    /// <returns>False: nothing has changed, and the reason is recorded.</returns>
    public static bool TryBegin(CpuState* c, in Descriptor task, TaskSwitchKind kind, uint next)
    {
        PendingEvent rest = new(true, 0, 0, EventKind.TaskSwitch);
        if (!TrySwitch(c, in task, kind, next, ref rest))
        {
            return false;
        }

        Processor.Of(c).InFlight = rest;
        return true;
    }

    /// <summary>Delivers an event through a task gate.</summary>
    /// <returns>False: the reason is recorded, and the event's stage says how far it is.</returns>
    public static bool TryThroughGate(CpuState* c, in Descriptor gate, ref PendingEvent e) =>
        TryReadAvailable(c, gate.GateSelector, e.External, out Descriptor task)
        && TrySwitch(c, in task, TaskSwitchKind.Call, c->Eip, ref e)
        && TryFinish(c, ref e);

    /// <summary>Reads the task state that a gate names.</summary>
    public static bool TryReadAvailable(CpuState* c, ushort selector, uint external, out Descriptor task)
    {
        task = default;
        uint code = (selector & ~3u) | external;
        if (DescriptorTable.NamesLocal(selector))
        {
            return Fail(c, Vector.GeneralProtection, code);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.GeneralProtection, external, out task))
        {
            return false;
        }

        return task.IsAvailableTask
            ? task.IsPresent || Fail(c, Vector.SegmentNotPresent, code)
            : Fail(c, Vector.GeneralProtection, code);
    }

    /// <summary>Returns to the task that the back link of the current one names.</summary>
    public static bool TryReturn(CpuState* c, uint next)
    {
        if (!TryRead(c, c->Task.Base, 2, out uint link))
        {
            return false;
        }

        ushort selector = (ushort)link;
        if (DescriptorTable.NamesLocal(selector))
        {
            return Fail(c, Vector.InvalidTss, selector & ~3u);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.InvalidTss, 0, out Descriptor task))
        {
            return false;
        }

        if (!task.IsBusyTask)
        {
            return Fail(c, Vector.InvalidTss, task.ErrorCode);
        }

        return task.IsPresent ? TryBegin(c, in task, TaskSwitchKind.Return, next) : Fail(c, Vector.SegmentNotPresent, task.ErrorCode);
    }

    /// <summary>Does what is left behind the point of no return.</summary>
    public static bool TryFinish(CpuState* c, ref PendingEvent e)
    {
        bool intercepted = (Processor.Of(c).Intercepts & Intercepts.ControlWrite) != 0;
        if (e.Stage == TaskStage.Status)
        {
            e.Stage = TaskStage.Directory;
            if (intercepted)
            {
                return ControlRegisters.Leave(c, 0, c->Cr0 | Cr0.TaskSwitched, Cr0.TaskSwitched, 0);
            }

            c->Cr0 |= Cr0.TaskSwitched;
        }

        if (e.Stage == TaskStage.Directory)
        {
            e.Stage = TaskStage.Segments;
            bool loads = (c->Task.Type & 8) != 0 && (c->Cr0 & Cr0.Paging) != 0;
            if (loads && intercepted)
            {
                return ControlRegisters.Leave(c, 3, e.Directory, uint.MaxValue, 0);
            }

            if (loads && e.Directory != c->Cr3 && !ControlRegisters.TryWriteCr3(c, e.Directory))
            {
                return false;
            }
        }

        return TaskSegments.TryLoad(c, e.External) && TryPushCode(c, in e);
    }

    private static bool TrySwitch(CpuState* c, in Descriptor task, TaskSwitchKind kind, uint next, ref PendingEvent e)
    {
        bool wide = task.IsGate32;
        if (task.Limit < (wide ? TaskImage.SmallestLimit32 : TaskImage.SmallestLimit16))
        {
            return Fail(c, Vector.InvalidTss, task.ErrorCode | e.External);
        }

        bool oldWide = (c->Task.Type & 8) != 0;
        uint oldBase = c->Task.Base;
        uint oldDescriptor = c->Gdt.Base + (uint)(c->Task.Selector & ~7);
        if (!TaskImage.TryRead(c, task.Base, wide, out TaskImage image)
            || !TaskImage.TryProbe(c, oldBase, oldWide)
            || (kind == TaskSwitchKind.Call && Find(c, task.Base, 2, write: true, user: false) == null)
            || !DescriptorTable.TryProbeBusy(c, oldDescriptor)
            || !DescriptorTable.TryProbeBusy(c, task.Address)
            || !CanLoadDirectory(c, in image, wide))
        {
            return false;
        }

        uint eflags = Flags.Read(c);
        uint saved = kind == TaskSwitchKind.Return ? eflags & ~Flags.NestedTask : eflags | (e.SetsResume ? Flags.Resume : 0);
        bool written = TaskImage.TrySave(c, oldBase, oldWide, next, saved)
            && (kind != TaskSwitchKind.Call || TryWrite(c, task.Base, 2, c->Task.Selector))
            && (kind == TaskSwitchKind.Call || DescriptorTable.TryMarkBusy(c, oldDescriptor, busy: false))
            && (kind == TaskSwitchKind.Return || DescriptorTable.TryMarkBusy(c, task.Address, busy: true));
        if (!written)
        {
            return false;
        }

        // Nothing can fail in the old task from here on.
        c->Task.Load(task.Selector, task.Base, task.Limit, task.Access | SystemType.Busy);
        image.Load(c, image.Eflags | (kind == TaskSwitchKind.Call ? Flags.NestedTask : 0));
        c->Cpl = ProcessorMode.IsVirtual8086(c) ? 3 : c->Segments[Segment.Cs].Selector & 3;
        c->Dr7 &= ~LocalBreakpoints;
        ProcessorMode.Refresh(c);
        e.Stage = TaskStage.Status;
        e.Directory = image.Directory;
        e.TrapsTask = image.Traps;
        return true;
    }

    // Checked before the point of no return, so that the fault is the old task's.
    private static bool CanLoadDirectory(CpuState* c, in TaskImage image, bool wide) =>
        !wide || (Processor.Of(c).Intercepts & Intercepts.ControlWrite) != 0 || image.Directory == c->Cr3
        || ControlRegisters.TryCheckPointers(c, image.Directory, c->Cr0, c->Cr4);

    private static bool TryPushCode(CpuState* c, in PendingEvent e)
    {
        if (!e.HasErrorCode)
        {
            return true;
        }

        StackWriter frame = new(
            in c->Segments[Segment.Ss], c->Registers[Stack.Esp], wide: (c->Task.Type & 8) != 0, user: c->Cpl == 3);
        frame.Push(e.Code);
        if (!frame.TryProbe(c, e.External) || !frame.TryWrite(c))
        {
            return false;
        }

        c->Registers[Stack.Esp] = frame.Pointer;
        return true;
    }
}
