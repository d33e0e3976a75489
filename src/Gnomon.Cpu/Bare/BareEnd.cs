namespace Gnomon.Cpu.Bare;

/// <summary>Why a bare machine's run came back.</summary>
public enum BareEnd
{
    /// <summary>The instructions asked for are done.</summary>
    Budget,

    /// <summary>Someone asked (<see cref="Processor.RequestAttention"/>).</summary>
    Attention,

    /// <summary>HLT with interrupts off: the end that a program chooses.</summary>
    Halted,

    /// <summary>HLT with interrupts on. There is no source of interrupts, so it never goes on.</summary>
    Waiting,

    /// <summary>A triple fault: the processor has shut down.</summary>
    TripleFault,
}

/// <summary>What one step of a bare machine did.</summary>
/// <param name="End">Why it came back; <see cref="BareEnd.Budget"/> when the machine can go on.</param>
/// <param name="IsCompleted">Whether the instruction was completed.</param>
/// <param name="Vector">The exception or software interrupt that was delivered, or null.</param>
/// <param name="Code">Its error code, where the vector has one.</param>
/// <param name="IsTrap">Whether the instruction that raised it was completed before, in a step of its own.</param>
public readonly record struct BareStep(BareEnd End, bool IsCompleted, byte? Vector, uint Code, bool IsTrap);
