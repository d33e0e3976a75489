namespace Gnomon.Cpu.Execution;

/// <summary>What the decoding of a block depends on, beside its bytes.</summary>
[Flags]
internal enum BlockMode : byte
{
    None = 0,

    /// <summary>CS.D: 32-bit operands and addresses are the default.</summary>
    Code32 = 1,

    /// <summary>SS.B: pushes and pops use ESP, not SP.</summary>
    Stack32 = 2,

    /// <summary>DS, ES and SS are flat, so their memory operands need no check and no base.</summary>
    FlatData = 4,

    /// <summary>CS covers all offsets, so that no instruction can cross its limit.</summary>
    FlatCode = 8,

    /// <summary>Protected mode and not virtual-8086: selectors name descriptors.</summary>
    Protected = 16,

    /// <summary>Virtual-8086 mode.</summary>
    Virtual8086 = 32,

    /// <summary>Accesses are checked for alignment: CR0.AM, EFLAGS.AC and CPL 3. (The TLB's fast path is off.)</summary>
    AlignmentChecked = 64,
}
