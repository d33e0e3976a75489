namespace Gnomon.Cpu;

/// <summary>What makes the processor give control back to its monitor in place of doing it.</summary>
[Flags]
public enum Intercepts
{
    /// <summary>Nothing: the processor runs bare.</summary>
    None = 0,

    /// <summary>Page faults: none is delivered to the guest; CR2 stays.</summary>
    PageFault = 1 << 0,

    /// <summary>Writes of CR0, CR3 and CR4, LMSW and CLTS, also by task switches.</summary>
    ControlWrite = 1 << 1,

    /// <summary>Reads of CR0, CR3 and CR4 and SMSW.</summary>
    ControlRead = 1 << 2,

    /// <summary>INVLPG.</summary>
    InvalidatePage = 1 << 3,

    /// <summary>CPUID.</summary>
    CpuId = 1 << 4,

    /// <summary>RDMSR and WRMSR.</summary>
    ModelSpecific = 1 << 5,

    /// <summary>VMCALL (0F 01 C1) at CPL 0 is an exit, <see cref="CpuExitReason.Call"/>; else it is an invalid opcode.</summary>
    Call = 1 << 6,

    /// <summary>Breakpoints (INT3).</summary>
    Breakpoint = 1 << 7,
}
