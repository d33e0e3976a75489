namespace Gnomon.Cpu;

/// <summary>The vectors of exceptions (Intel SDM vol. 3, table 6-1).</summary>
public static class Vector
{
    /// <summary>#DE: divide error.</summary>
    public const byte DivideError = 0;

    /// <summary>#DB: debug exception.</summary>
    public const byte Debug = 1;

    /// <summary>NMI.</summary>
    public const byte Nmi = 2;

    /// <summary>#BP: INT3.</summary>
    public const byte Breakpoint = 3;

    /// <summary>#OF: INTO.</summary>
    public const byte Overflow = 4;

    /// <summary>#BR: BOUND.</summary>
    public const byte BoundRange = 5;

    /// <summary>#UD: invalid opcode.</summary>
    public const byte InvalidOpcode = 6;

    /// <summary>#NM: no FPU, or not this task's.</summary>
    public const byte DeviceNotAvailable = 7;

    /// <summary>#DF: double fault.</summary>
    public const byte DoubleFault = 8;

    /// <summary>#TS: invalid TSS.</summary>
    public const byte InvalidTss = 10;

    /// <summary>#NP: segment not present.</summary>
    public const byte SegmentNotPresent = 11;

    /// <summary>#SS: stack segment.</summary>
    public const byte StackFault = 12;

    /// <summary>#GP: general protection.</summary>
    public const byte GeneralProtection = 13;

    /// <summary>#PF: page fault.</summary>
    public const byte PageFault = 14;

    /// <summary>#MF: x87 error.</summary>
    public const byte FloatingPoint = 16;

    /// <summary>#AC: alignment check.</summary>
    public const byte AlignmentCheck = 17;

    /// <summary>Whether an exception pushes an error code.</summary>
    public static bool HasErrorCode(byte vector) => vector is DoubleFault or (>= InvalidTss and <= PageFault) or AlignmentCheck;
}
