using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Docs.Tests.Faults;

/// <summary>A fault, and how many steps a machine has made before the instruction that faults.</summary>
internal readonly record struct FaultEvent(long Steps, PagingEvent Event);

/// <summary>When the faults that the chapter looks at happen: found in a run of their own, since they must be looked at before they happen.</summary>
/// <param name="DataPage">The guest's data page, as its first hypercall named it.</param>
/// <param name="Device">The first fault on a device.</param>
/// <param name="Own">The first fault on the page: the guest's own.</param>
/// <param name="Read">The first read of it that the engine mapped.</param>
/// <param name="Write">The first write behind that read.</param>
internal sealed record FaultEvents(Gpa DataPage, FaultEvent Device, FaultEvent Own, FaultEvent Read, FaultEvent Write)
{
    private const ulong Limit = 5_000_000;

    public static FaultEvents Of(string image, uint page, uint deviceWindows)
    {
        using FaultMachine machine = new(image);
        List<FaultEvent> faults = [];
        uint data = 0;
        long before = 0;
        while (machine.Guest.End is null)
        {
            Assert.True(machine.Guest.Processor.Instructions < Limit, "the guest does not come to its end");
            before = machine.IsInSwitcher ? before : machine.Steps;
            uint ebx = machine.Guest.Registers.Ebx;
            long calls = machine.Guest.Statistics.Hypercalls, count = machine.Guest.Statistics.PageFaults;
            machine.Step();
            data = calls == 0 && machine.Guest.Statistics.Hypercalls == 1 ? ebx : data;
            if (machine.Guest.Statistics.PageFaults != count)
            {
                faults.Add(new FaultEvent(before, machine.Guest.RecentFaults[^1]));
            }
        }

        Assert.Contains("check user-accessed-dirty ok", machine.Console, StringComparison.Ordinal);
        FaultEvent device = faults.First(fault => fault.Event.Outcome == FaultKind.Device && fault.Event.Address >= deviceWindows);
        faults.RemoveAll(fault => fault.Event.Address != page);
        int own = faults.FindIndex(fault => fault.Event.Outcome == FaultKind.GuestFault);
        Assert.Equal((FaultKind.Mapped, faults[own].Event.Eip), (faults[own + 1].Event.Outcome, faults[own + 1].Event.Eip));
        int read = faults.FindIndex(own, fault => fault.Event is { Code: PageFaultCode.User, Outcome: FaultKind.Mapped });
        int write = faults.FindIndex(read, fault => (fault.Event.Code & PageFaultCode.Write) != 0);
        return new FaultEvents(new Gpa(data), device, faults[own], faults[read], faults[write]);
    }
}
