namespace Gnomon.Cpu.Events;

/// <summary>An event whose delivery an exit has stopped. Nothing of it was done yet, or, behind a task switch, all up to a stage;
/// the next run begins there.</summary>
/// <param name="IsActive">Whether there is one.</param>
/// <param name="Vector">The vector.</param>
/// <param name="Code">The error code, where it has one. Of a software interrupt and INT1 the length of the instruction: if its delivery
/// faults, that is a fault of the instruction.</param>
/// <param name="Kind">How it came about.</param>
internal record struct PendingEvent(bool IsActive, byte Vector, uint Code, EventKind Kind)
{
    /// <summary>What is left to be done of the task switch that the event has made.</summary>
    public TaskStage Stage { get; set; }

    /// <summary>CR3 of the task that was entered.</summary>
    public uint Directory { get; set; }

    /// <summary>Whether the task that was entered asks for a debug trap.</summary>
    public bool TrapsTask { get; set; }

    /// <summary>Whether a program asked for it: the gate's DPL counts, and errors on the way have no EXT bit.</summary>
    public readonly bool IsSoftware => Kind is EventKind.SoftwareInterrupt or EventKind.SoftwareException;

    /// <summary>Whether an error code is pushed.</summary>
    public readonly bool HasErrorCode => Kind == EventKind.Fault && Cpu.Vector.HasErrorCode(Vector);

    /// <summary>The EXT bit of error codes of faults on the way.</summary>
    public readonly uint External => Kind is EventKind.Fault or EventKind.Trap or EventKind.External ? Descriptor.External : 0;

    /// <summary>
    /// RF in the image of EFLAGS that is pushed: set for faults, so that the instruction, when it is repeated, does not hit its own
    /// breakpoint again (Intel SDM vol. 3, 17.3.1.1). Not for an instruction breakpoint itself, whose handler sets it.
    /// </summary>
    public readonly bool SetsResume => Kind == EventKind.Fault && Vector != Cpu.Vector.DoubleFault
        && (Vector != Cpu.Vector.Debug || (Code & DebugStatus.Detected) != 0);
}

/// <summary>What is left of a task switch behind its point of no return.</summary>
internal enum TaskStage : byte
{
    /// <summary>Nothing: there is no task switch.</summary>
    None,

    /// <summary>CR0.TS is to be set, and all that follows.</summary>
    Status,

    /// <summary>CR3 is to be loaded, and all that follows.</summary>
    Directory,

    /// <summary>The segments are to be loaded from their selectors, an error code to be pushed.</summary>
    Segments,
}
