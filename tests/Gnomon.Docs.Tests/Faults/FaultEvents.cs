using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Docs.Tests.Faults;

/// <summary>When the faults that the chapter looks at happen: found in a run of their own, since they must be looked at before they happen.</summary>
/// <param name="DataPage">The guest's data page, as its first hypercall named it.</param>
/// <param name="Device">The first fault on a device.</param>
/// <param name="Own">The first fault on the page: the guest's own.</param>
/// <param name="Read">The first read of it that the engine mapped.</param>
/// <param name="Write">The first write behind that read.</param>
internal sealed record FaultEvents(Gpa DataPage, PagingEvent Device, PagingEvent Own, PagingEvent Read, PagingEvent Write)
{
    private const ulong Limit = 5_000_000;

    public static FaultEvents Of(string image, uint page, uint deviceWindows)
    {
        using FaultMachine machine = new(image);
        List<PagingEvent> faults = [];
        uint data = 0;
        while (machine.Guest.End is null)
        {
            Assert.True(machine.Guest.Processor.Instructions < Limit, "the guest does not come to its end");
            uint ebx = machine.Guest.Registers.Ebx;
            long calls = machine.Guest.Statistics.Hypercalls, count = machine.Guest.Statistics.PageFaults;
            machine.Step();
            data = calls == 0 && machine.Guest.Statistics.Hypercalls == 1 ? ebx : data;
            if (machine.Guest.Statistics.PageFaults != count)
            {
                faults.Add(machine.Guest.RecentFaults[^1]);
            }
        }

        Assert.Contains("check user-accessed-dirty ok", machine.Console, StringComparison.Ordinal);
        PagingEvent device = faults.First(fault => fault.Outcome == FaultKind.Device && fault.Address >= deviceWindows);
        int own = faults.FindIndex(fault => fault.Address == page && fault.Outcome == FaultKind.GuestFault);
        int read = faults.FindIndex(own, fault => fault is { Code: PageFaultCode.User, Outcome: FaultKind.Mapped } && fault.Address == page);
        int write = faults.FindIndex(read, fault => fault.Address == page && (fault.Code & PageFaultCode.Write) != 0);
        return new FaultEvents(new Gpa(data), device, faults[own], faults[read], faults[write]);
    }
}
