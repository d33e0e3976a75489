using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Events;

/// <summary>What happens between two instructions: interrupts, halts, and the state of an instruction that is run alone.</summary>
// SAFETY: the state is that of the processor passed.
internal static unsafe class Boundary
{
    private const byte NoShadow = 0;

    /// <summary>What a check ended with.</summary>
    public enum Outcome
    {
        /// <summary>Nothing to do: go on.</summary>
        Continue,

        /// <summary>Something was done: look again.</summary>
        Again,

        /// <summary>The run ends.</summary>
        Exit,
    }

    /// <summary>Takes interrupts and notices halts.</summary>
    public static Outcome Check(Processor processor, out CpuExit exit)
    {
        CpuState* c = processor.State;
        exit = default;
        int asked = Interlocked.Exchange(ref c->Attention, 0);
        if ((asked & AttentionBits.Asked) != 0)
        {
            exit = new CpuExit { Reason = CpuExitReason.Attention };
            return Outcome.Exit;
        }

        if (c->Activity == ActivityState.Shutdown)
        {
            exit = new CpuExit { Reason = CpuExitReason.TripleFault };
            return Outcome.Exit;
        }

        // An instruction that waits for a port's or a device's answer is not interrupted: it has begun.
        bool inside = processor.Linear.Log.IsRepeating;
        if (!inside && processor.NmiLine && c->NmiBlocked == 0 && c->Shadow == NoShadow && processor.TakeNmi())
        {
            c->Activity = ActivityState.Running;
            c->NmiBlocked = 1;
            EventDelivery.Deliver(c, Vector.Nmi, 0, EventKind.External);
            return Outcome.Again;
        }

        bool open = !inside && (c->SystemFlags & Flags.Interrupt) != 0 && c->Shadow == NoShadow;
        if (open && processor.InterruptLine && processor.InterruptSource is IInterruptSource source)
        {
            c->Activity = ActivityState.Running;
            EventDelivery.Deliver(c, source.Acknowledge(), 0, EventKind.External);
            return Outcome.Again;
        }

        if (open && processor.WantsInterruptWindow)
        {
            exit = new CpuExit { Reason = CpuExitReason.InterruptWindow };
            return Outcome.Exit;
        }

        if (c->Activity == ActivityState.Halted)
        {
            exit = new CpuExit { Reason = CpuExitReason.Halt };
            return Outcome.Exit;
        }

        return Outcome.Continue;
    }

    /// <summary>Whether the next instruction must be run alone.</summary>
    public static bool MustStep(Processor processor)
    {
        CpuState* c = processor.State;
        return (c->SystemFlags & (Flags.Trap | Flags.Resume)) != 0 || c->Shadow != NoShadow || DebugAddresses.AnyIn(c->Dr7)
            || processor.Linear.Log.IsRepeating || processor.Linear.Redirection is not null;
    }

    /// <summary>Before an instruction that is run alone. A breakpoint on its address is raised here.</summary>
    /// <returns>What <see cref="EndStep"/> must know.</returns>
    public static StepState BeginStep(Processor processor)
    {
        CpuState* c = processor.State;
        StepState step = new((c->SystemFlags & Flags.Trap) != 0, (c->SystemFlags & Flags.Resume) != 0, c->Shadow);
        if (!step.Resumed && step.Shadow != ShadowKind.MoveStack && DebugAddresses.AnyIn(c->Dr7))
        {
            uint hits = DebugAddresses.FetchHits(c, c->CodeBase + c->Eip);
            if (hits != 0)
            {
                DebugStatus.Set(c, hits);
                Ops.Raise(c, Vector.Debug, 0);
                return step;
            }
        }

        c->SystemFlags &= ~Flags.Resume;
        c->Shadow = NoShadow;
        return step;
    }

    /// <summary>After it.</summary>
    /// <param name="processor">The processor.</param>
    /// <param name="step">What <see cref="BeginStep"/> returned.</param>
    /// <param name="done">Whether the instruction was completed.</param>
    public static void EndStep(Processor processor, StepState step, bool done)
    {
        CpuState* c = processor.State;
        if (!done)
        {
            c->Shadow = step.Shadow;
            c->SystemFlags |= step.Resumed ? Flags.Resume : 0;
            if (c->Pending == Pending.Exception)
            {
                // It will not be repeated with what it has read so far: its handler comes first. What is redirected stays so until
                // the handler's frame is written.
                processor.Linear.Log.Clear();
                c->DebugHits = 0;
                c->Shadow = NoShadow;
            }

            return;
        }

        processor.Linear.Log.Clear();

        // MOV SS and POP SS hold debug traps back until the instruction behind them is done.
        if (c->Shadow != ShadowKind.MoveStack && c->Pending == Pending.None && !processor.InFlight.IsActive)
        {
            uint reasons = c->DebugHits | (step.Traced ? DebugStatus.SingleStep : 0);
            c->DebugHits = 0;
            if (reasons != 0)
            {
                DebugStatus.Set(c, reasons);
                Ops.RaiseTrap(c, Vector.Debug, EventKind.Trap);
            }
        }

        if (!processor.IsDelivering)
        {
            processor.Linear.Redirection = null;
        }
    }
}

/// <summary>The state of an instruction that is run alone.</summary>
/// <param name="Traced">TF was set when it began.</param>
/// <param name="Resumed">RF was set when it began.</param>
/// <param name="Shadow">The shadow that it began in.</param>
internal readonly record struct StepState(bool Traced, bool Resumed, byte Shadow);

/// <summary>The values of <see cref="CpuState.Shadow"/>.</summary>
internal static class ShadowKind
{
    /// <summary>After MOV SS or POP SS: no interrupt, no debug trap.</summary>
    public const byte MoveStack = 1;

    /// <summary>After STI: no interrupt.</summary>
    public const byte SetInterrupt = 2;
}

/// <summary>The values of <see cref="CpuState.Activity"/>.</summary>
internal static class ActivityState
{
    /// <summary>Instructions are run.</summary>
    public const byte Running = 0;

    /// <summary>HLT was executed.</summary>
    public const byte Halted = 1;

    /// <summary>A triple fault.</summary>
    public const byte Shutdown = 2;
}

/// <summary>The bits of DR6 above the four breakpoints.</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class DebugStatus
{
    private const uint Conditions = 0xF;

    /// <summary>BD: a debug register was used while DR7.GD was set.</summary>
    public const uint Detected = 1 << 13;

    /// <summary>BS: single step.</summary>
    public const uint SingleStep = 1 << 14;

    /// <summary>BT: a task switch into a task with the T bit.</summary>
    public const uint TaskSwitch = 1 << 15;

    /// <summary>Sets bits, with the breakpoint conditions of an earlier exception gone; the others stay until software clears them
    /// (Intel SDM vol. 3, 17.2.3).</summary>
    // SAFETY: the state is that of a live Processor.
    public static void Set(CpuState* c, uint bits) => c->Dr6 = (c->Dr6 & ~Conditions) | bits;
}

/// <summary>The bits of DR7 above the enables.</summary>
internal static class DebugControl
{
    /// <summary>GD: a use of a debug register raises #DB.</summary>
    public const uint GeneralDetect = 1 << 13;
}
