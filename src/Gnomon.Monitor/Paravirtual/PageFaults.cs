using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>Gives page faults to the shadow tables, and remembers the last of them.</summary>
internal sealed class PageFaults(GuestSession session, MonitorStatistics statistics)
{
    private readonly FaultHistory _history = new();

    /// <summary>The last page faults, the oldest first.</summary>
    public IReadOnlyList<PagingEvent> Recent => _history.ToList();

    /// <summary>Has the shadow tables handle the page fault that the trapped guest has just made.</summary>
    /// <param name="address">The address that faulted.</param>
    /// <param name="code">The error code.</param>
    /// <returns>Whose matter it is.</returns>
    /// <exception cref="GuestKilledException">The guest's tables are such as no guest may have.</exception>
    public FaultOutcome Demand(uint address, PageFaultCode code)
    {
        statistics.PageFaults++;
        ref PagingEvent entry = ref _history.Add(new PagingEvent(session.Cpu.Processor.Instructions, session.Cpu.Frame.Eip, address, code, null));
        FaultOutcome outcome = session.Mmu.DemandPage(GuestSession.Number, new Gva(address), code);
        entry = entry with { Outcome = outcome.Kind };
        return outcome;
    }
}
