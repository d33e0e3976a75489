namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Tells from how the runner came back what the instruction itself has done.</summary>
internal static class HostEnding
{
    private const uint FallThrough = 0xFFFF_FFFF;
    private const uint Landed = 0xFFFF_FFFE;
    private const uint ResumeFlag = 1 << 16;
    private const uint TrapFlag = 1 << 8;

    /// <summary>Takes away what the way of stopping has added: the capture's jumps, the trap flag, the fetch of the next instruction.</summary>
    public static void Normalise(RunnerProgram program, ref ProcessorContext result, in InstructionCase c)
    {
        const uint Debug = 1, Breakpoint = 3, PageFault = 14;
        uint start = c.Context.Eip;
        uint next = start + (uint)c.CodeLength;
        result.ClearHostFields();
        if (result.Trap is FallThrough or Landed)
        {
            result.Eip = result.Trap == Landed ? c.Landing : next;
            (result.Cs, result.Ds, result.Es, result.Ss, result.Fs, result.Gs) =
                (c.Context.Cs, c.Context.Ds, c.Context.Es, c.Context.Ss, c.Context.Fs, c.Context.Gs);
            Complete(ref result);
        }
        else if (result.Trap == Debug && c.Flags.HasFlag(CaseFlags.SingleStep) && c.CodeSpan[0] != 0xF1)
        {
            Complete(ref result);
        }
        else if (result.Trap == Debug && (result.Eip == program.FallThroughCapture || result.Eip == program.LandingCapture))
        {
            // POPF has set the trap flag; it struck after the jump that follows.
            result.Eip = result.Eip == program.LandingCapture ? c.Landing : next;
            Complete(ref result);
        }
        else if (result.Trap == Breakpoint && result.Eip != next && result.Eip - 1 != start)
        {
            // The filler after a branch to somewhere else.
            result.Eip--;
            Complete(ref result);
        }
        else if (result.Trap == Breakpoint && c.Flags.HasFlag(CaseFlags.SingleStep) && result.Eip == next + 1)
        {
            result.Eip--;
            Complete(ref result);
        }
        else if (result.Trap == PageFault && result.Eip != start && result.Cr2 - result.Eip < 16)
        {
            // The instruction is complete; the next one could not be fetched.
            Complete(ref result);
        }

        result.Eflags &= ~(c.Flags.HasFlag(CaseFlags.SingleStep) ? ResumeFlag | TrapFlag : ResumeFlag);
        if (result.Trap != PageFault)
        {
            result.Cr2 = 0;
        }
    }

    private static void Complete(ref ProcessorContext result)
    {
        result.Trap = ProcessorContext.NoTrap;
        result.ErrorCode = 0;
    }
}
