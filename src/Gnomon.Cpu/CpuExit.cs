namespace Gnomon.Cpu;

/// <summary>Why <see cref="Processor.Run"/> came back.</summary>
public enum CpuExitReason
{
    /// <summary>The budget of instructions is spent.</summary>
    Budget,

    /// <summary>Someone asked (<see cref="Processor.RequestAttention"/>).</summary>
    Attention,

    /// <summary>HLT was executed; the instruction is done. It ends with the next interrupt.</summary>
    Halt,

    /// <summary>An intercepted page fault: <see cref="CpuExit.Address"/> and <see cref="CpuExit.Code"/>. Run again repeats the instruction.</summary>
    PageFault,

    /// <summary>The second translation refused: <see cref="CpuExit.Physical"/> and <see cref="CpuExit.Code"/>. Run again repeats the instruction.</summary>
    NestedFault,

    /// <summary>A port is to be read or written. Finish with <see cref="Processor.CompleteRead"/> or <see cref="Processor.CompleteWrite"/>, then run again.</summary>
    Port,

    /// <summary>A physical address that is no memory is to be read or written. Finish as for <see cref="Port"/>.</summary>
    Device,

    /// <summary>An intercepted write of a control register: <see cref="CpuExit.Register"/>, <see cref="CpuExit.Value"/>. The instruction is done but for the write.</summary>
    ControlWrite,

    /// <summary>An intercepted read of a control register. Finish with <see cref="Processor.CompleteRead"/>, then run again.</summary>
    ControlRead,

    /// <summary>An intercepted INVLPG of <see cref="CpuExit.Address"/>. The instruction is done.</summary>
    InvalidatePage,

    /// <summary>An intercepted CPUID, RDMSR or WRMSR. The monitor does it: it changes registers and then calls <see cref="Processor.SkipInstruction"/>, or injects a fault.</summary>
    Instruction,

    /// <summary>An intercepted VMCALL at CPL 0, a stub of the Switcher. The instruction is done.</summary>
    Call,

    /// <summary>An intercepted INT3. The instruction is not done; see <see cref="Processor.SkipInstruction"/>.</summary>
    Breakpoint,

    /// <summary>Interrupts can be taken now, as asked for by <see cref="Processor.WantsInterruptWindow"/>.</summary>
    InterruptWindow,

    /// <summary>An exception while a double fault was being delivered: the processor has shut down until it is reset.</summary>
    TripleFault,
}

/// <summary>Why the processor came back, with all that is needed to go on.</summary>
public readonly record struct CpuExit
{
    /// <summary>Why.</summary>
    public CpuExitReason Reason { get; init; }

    /// <summary>Whether it is a write.</summary>
    public bool IsWrite { get; init; }

    /// <summary>Bytes of a port or device access: 1, 2 or 4 (devices: 1 … 8, inside an aligned 8 bytes or not). Of an instruction: its length.</summary>
    public byte Size { get; init; }

    /// <summary>The control register: 0, 3 or 4.</summary>
    public byte Register { get; init; }

    /// <summary>The port.</summary>
    public ushort Port { get; init; }

    /// <summary>The linear address.</summary>
    public uint Address { get; init; }

    /// <summary>The error code of a page fault. Of an instruction, its opcode: 0FA2 (CPUID), 0F32 (RDMSR), 0F30 (WRMSR). Of a control
    /// register's write, the bits that are written (CLTS, LMSW and task switches write only some).</summary>
    public uint Code { get; init; }

    /// <summary>The physical address.</summary>
    public ulong Physical { get; init; }

    /// <summary>What is written.</summary>
    public ulong Value { get; init; }
}
