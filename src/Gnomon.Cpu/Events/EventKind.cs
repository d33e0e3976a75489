namespace Gnomon.Cpu.Events;

/// <summary>How an event that goes through the interrupt table came about. It decides which EIP is pushed, whether a gate's DPL counts,
/// and what an error code says of it (Intel SDM vol. 3, 6.12, 6.13).</summary>
public enum EventKind : byte
{
    /// <summary>A fault of the instruction at EIP.</summary>
    Fault,

    /// <summary>A trap of the instruction before EIP: a debug trap.</summary>
    Trap,

    /// <summary>INT n: the gate's DPL counts, and virtual-8086 mode's IOPL.</summary>
    SoftwareInterrupt,

    /// <summary>INT3 and INTO: the gate's DPL counts.</summary>
    SoftwareException,

    /// <summary>An external interrupt or NMI: errors on the way have the EXT bit.</summary>
    External,

    /// <summary>No event: the rest of a task switch that JMP, CALL or IRET has begun.</summary>
    TaskSwitch,
}
