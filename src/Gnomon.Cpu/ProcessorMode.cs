using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu;

/// <summary>
/// What follows from segments, control registers and flags. Whoever changes CS, SS, DS, ES, CPL, CR0, CR4, EFLAGS.VM or EFLAGS.AC calls
/// <see cref="Refresh"/> and then leaves its block.
/// </summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class ProcessorMode
{
    /// <summary>Whether protected mode is on and virtual-8086 mode is not.</summary>
    public static bool IsProtected(CpuState* c) => (c->Cr0 & Cr0.ProtectionEnable) != 0 && (c->SystemFlags & Flags.Virtual8086) == 0;

    /// <summary>Whether the processor is in virtual-8086 mode.</summary>
    public static bool IsVirtual8086(CpuState* c) => (c->SystemFlags & Flags.Virtual8086) != 0;

    /// <summary>Whether the processor is in real mode.</summary>
    public static bool IsReal(CpuState* c) => (c->Cr0 & Cr0.ProtectionEnable) == 0;

    /// <summary>IOPL, 0 … 3.</summary>
    public static int Iopl(CpuState* c) => (int)(c->SystemFlags >> 12) & 3;

    /// <summary>Derives the mode of blocks, the TLB in use and the base of code.</summary>
    public static void Refresh(CpuState* c)
    {
        ref SegmentRegister code = ref c->Segments[Segment.Cs];
        ref SegmentRegister stack = ref c->Segments[Segment.Ss];
        BlockMode mode = BlockMode.None;
        if (code.Big)
        {
            mode |= BlockMode.Code32;
        }

        if (stack.Big)
        {
            mode |= BlockMode.Stack32;
        }

        if (stack.IsFlat && c->Segments[Segment.Ds].IsFlat && c->Segments[Segment.Es].IsFlat)
        {
            mode |= BlockMode.FlatData;
        }

        if (code.Highest == uint.MaxValue && code.Lowest == 0)
        {
            mode |= BlockMode.FlatCode;
        }

        if (IsVirtual8086(c))
        {
            mode |= BlockMode.Virtual8086;
        }
        else if (!IsReal(c))
        {
            mode |= BlockMode.Protected;
        }

        if (c->Cpl == 3 && (c->Cr0 & Cr0.AlignmentMask) != 0 && (c->SystemFlags & Flags.AlignmentCheck) != 0)
        {
            mode |= BlockMode.AlignmentChecked;
        }

        c->Mode = mode;
        c->CodeBase = code.Base;
        c->JumpKey = (c->JumpKey & ~(JumpEntry.OneGeneration - 1)) | (uint)mode | (c->Cpl == 3 ? 0x80u : 0);
        LinearMemory memory = Processor.Of(c).Linear;
        SoftTlb tlb = (mode & BlockMode.AlignmentChecked) != 0 ? memory.None : c->Cpl == 3 ? memory.User : memory.Supervisor;
        c->Tlb = tlb.Data;
    }
}
