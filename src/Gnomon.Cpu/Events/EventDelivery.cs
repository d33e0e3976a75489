using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Events;

/// <summary>
/// Delivery of exceptions and interrupts through the interrupt table (Intel SDM vol. 3, 6.12, 6.15). Each delivery is checked as a whole
/// before anything is changed, so that it can be stopped by an exit and begun again, and so that a fault on the way finds the state of
/// before.
/// </summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class EventDelivery
{
    private enum Severity
    {
        Benign,
        Contributory,
        PageFault,
        DoubleFault,
    }

    /// <summary>Delivers the pending exception, or takes up an event whose delivery an exit had stopped. If there are both, the exception
    /// came about on the event's way.</summary>
    public static void DeliverPending(CpuState* c)
    {
        Processor processor = Processor.Of(c);
        PendingEvent stopped = processor.InFlight;
        processor.InFlight = default;
        if (c->Pending != Pending.Exception)
        {
            Run(c, stopped);
            return;
        }

        PendingEvent raised = new(true, c->FaultVector, c->FaultCode, c->FaultKind);
        if (!stopped.IsActive)
        {
            Run(c, raised);
        }
        else if (TryCombine(c, ref stopped, in raised))
        {
            Run(c, stopped);
        }
    }

    /// <summary>Delivers an event.</summary>
    public static void Deliver(CpuState* c, byte vector, uint code, EventKind kind) => Run(c, new PendingEvent(true, vector, code, kind));

    private static void Run(CpuState* c, PendingEvent e)
    {
        Processor processor = Processor.Of(c);
        c->Activity = ActivityState.Running;
        while (true)
        {
            c->Pending = Pending.None;
            if (TryDeliver(c, ref e))
            {
                Finish(processor, c, in e);
                return;
            }

            if (c->Pending == Pending.Exit)
            {
                processor.InFlight = e;
                return;
            }

            processor.Linear.Log.Clear();
            processor.Linear.Redirection = null;
            PendingEvent raised = new(true, c->FaultVector, c->FaultCode, EventKind.Fault);
            if (!TryCombine(c, ref e, in raised))
            {
                return;
            }
        }
    }

    private static bool TryDeliver(CpuState* c, ref PendingEvent e)
    {
        if (e.Stage != TaskStage.None)
        {
            return TaskSwitch.TryFinish(c, ref e);
        }

        if (ProcessorMode.IsReal(c))
        {
            return RealDelivery.TryDeliver(c, in e);
        }

        if (ProcessorMode.IsVirtual8086(c) && e.Kind == EventKind.SoftwareInterrupt)
        {
            if (!VirtualInterrupts.TryFindWay(c, e.Vector, out bool redirected))
            {
                return false;
            }

            if (redirected)
            {
                return VirtualInterrupts.TryDeliver(c, e.Vector);
            }
        }

        return InterruptGate.TryDeliver(c, ref e);
    }

    private static void Finish(Processor processor, CpuState* c, in PendingEvent e)
    {
        processor.Linear.Log.Clear();
        processor.Linear.Redirection = null;

        // Watched addresses that the delivery itself touched are not reported: a watched stack of the debug handler would never end.
        c->DebugHits = 0;
        c->Shadow = 0;
        if (e.Vector == Vector.Debug && e.Kind is EventKind.Fault or EventKind.Trap)
        {
            c->Dr7 &= ~DebugControl.GeneralDetect;
        }

        if (e.TrapsTask)
        {
            DebugStatus.Set(c, DebugStatus.TaskSwitch);
            Ops.RaiseTrap(c, Vector.Debug, EventKind.Trap);
        }
    }

    // Intel SDM vol. 3, table 6-5. False: the processor has shut down.
    private static bool TryCombine(CpuState* c, ref PendingEvent first, in PendingEvent second)
    {
        // A trap of INT1 has its length there, another one zero.
        if (first.Kind is EventKind.SoftwareInterrupt or EventKind.SoftwareException or EventKind.Trap && first.Stage == TaskStage.None)
        {
            c->Eip -= first.Code;
        }

        Severity before = SeverityOf(in first);
        Severity after = SeverityOf(in second);
        bool serial = before == Severity.Benign || after == Severity.Benign
            || (before == Severity.Contributory && after == Severity.PageFault);
        if (serial)
        {
            first = second;
            return true;
        }

        if (before == Severity.DoubleFault)
        {
            c->Activity = ActivityState.Shutdown;
            Processor.Of(c).Linear.Leave(new CpuExit { Reason = CpuExitReason.TripleFault });
            return false;
        }

        first = new PendingEvent(true, Vector.DoubleFault, 0, EventKind.Fault);
        return true;
    }

    private static Severity SeverityOf(in PendingEvent e)
    {
        if (e.Kind != EventKind.Fault)
        {
            return Severity.Benign;
        }

        return e.Vector switch
        {
            Vector.DoubleFault => Severity.DoubleFault,
            Vector.PageFault => Severity.PageFault,
            Vector.DivideError or Vector.InvalidTss or Vector.SegmentNotPresent or Vector.StackFault or Vector.GeneralProtection
                => Severity.Contributory,
            _ => Severity.Benign,
        };
    }
}
