using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>What the monitor of an unmodified guest does at each exit. With the guest's lock held.</summary>
internal sealed class ExitHandler(UnmodifiedSession session, Processor processor, MonitorStatistics statistics)
{
    private const int Number = 0;

    private readonly FaultHistory _faults = new();

    /// <summary>The last page faults, the oldest first.</summary>
    public IReadOnlyList<PagingEvent> RecentFaults => _faults.ToList();

    /// <summary>Does what the exit asks for.</summary>
    /// <exception cref="GuestKilledException">The guest cannot go on.</exception>
    public void Handle(in CpuExit exit)
    {
        statistics.Traps++;
        switch (exit.Reason)
        {
            case CpuExitReason.PageFault:
                PageFault(exit.Address, exit.Code);
                break;
            case CpuExitReason.NestedFault:
                NestedFault(in exit);
                break;
            case CpuExitReason.Port:
                UsePort(in exit);
                break;
            case CpuExitReason.Device when exit.IsWrite:
                Write(in exit);
                break;
            case CpuExitReason.Device:
                Read(in exit);
                break;
            case CpuExitReason.ControlWrite:
                WriteControl(in exit);
                break;
            case CpuExitReason.ControlRead:
                processor.CompleteRead(session.Paging.Read(exit.Register));
                break;
            case CpuExitReason.InvalidatePage:
                session.Paging.InvalidatePage(exit.Address);
                break;
            case CpuExitReason.Halt:
                session.IsHalted = true;
                break;
            case CpuExitReason.TripleFault:
                GuestDeath.Kill("triple fault: the guest's own handlers cannot be reached any more, and the processor has shut down");
                break;
            default:
                break;
        }
    }

    private void PageFault(uint address, uint code)
    {
        statistics.PageFaults++;
        ProcessorRegisters registers = processor.Registers;
        ref PagingEvent entry = ref _faults.Add(new PagingEvent(processor.Instructions, registers.Eip, address, (PageFaultCode)code, null));
        FaultOutcome outcome = session.Paging.Mmu.DemandPage(Number, new Gva(address), (PageFaultCode)code);
        entry = entry with { Outcome = outcome.Kind };
        switch (outcome.Kind)
        {
            case FaultKind.Mapped:
                break;
            case FaultKind.GuestFault:
                statistics.Reflected++;
                processor.InjectFault(Vector.PageFault, (uint)outcome.Code, address);
                break;
            default:
                Redirect(address, code, in outcome);
                break;
        }
    }

    // The processor itself does the instruction, and asks for each access to that page.
    private void Redirect(uint address, uint code, in FaultOutcome outcome)
    {
        uint page = address & ~PageSize.OffsetMask;
        ProcessorRegisters registers = processor.Registers;
        uint linear = registers.Segment(SegmentName.Cs).Base + registers.Eip;
        if (outcome.Kind == FaultKind.Device && (code & (uint)PageFaultCode.Write) == 0 && (linear & ~PageSize.OffsetMask) == page)
        {
            GuestDeath.Kill($"the guest executes at 0x{linear:x}, where there is no memory but the address {outcome.Address} of a device or of nothing");
        }

        ulong physical = outcome.Address.Value & ~(ulong)PageSize.OffsetMask;
        processor.AddRedirection(new Redirection(page, physical, Reads: outcome.Kind == FaultKind.Device, Writes: true));
    }

    private void NestedFault(in CpuExit exit)
    {
        statistics.PageFaults++;
        PageFaultCode code = (PageFaultCode)exit.Code | (exit.IsWrite ? PageFaultCode.Write : 0);
        FaultOutcome outcome = session.Paging.Mmu.DemandPage(Number, new Gva((uint)exit.Physical), code);
        _faults.Add(new PagingEvent(processor.Instructions, processor.Registers.Eip, (uint)exit.Physical, code, outcome.Kind));
        if (outcome.Kind != FaultKind.Mapped)
        {
            GuestDeath.Kill($"the guest-physical address 0x{exit.Physical:x} cannot be used as memory");
        }
    }

    private void WriteControl(in CpuExit exit)
    {
        statistics.ControlWrites++;
        if (!session.Paging.TryWrite(in exit))
        {
            processor.Registers.Eip -= exit.Size;
            processor.InjectFault(Vector.GeneralProtection);
        }
    }

    private void UsePort(in CpuExit exit)
    {
        statistics.DeviceAccesses++;
        Span<byte> data = stackalloc byte[8];
        if (exit.IsWrite)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data, exit.Value);
            session.Platform.Ports.Write(exit.Port, data[..exit.Size]);
            processor.CompleteWrite();
            return;
        }

        data.Clear();
        session.Platform.Ports.Read(exit.Port, data[..exit.Size]);
        processor.CompleteRead(BinaryPrimitives.ReadUInt64LittleEndian(data));
    }

    private void Read(in CpuExit exit)
    {
        Span<byte> data = stackalloc byte[8];
        data.Clear();
        Gpa address = new(exit.Physical);
        if (IsMemory(address))
        {
            // A watched page, by an instruction that reads and writes.
            GuestDeath.Unless(session.Memory.Read(address, data[..exit.Size]), "memory", address.Value);
        }
        else
        {
            statistics.DeviceAccesses++;
            session.Platform.Mmio.Read(address, data[..exit.Size]);
        }

        processor.CompleteRead(BinaryPrimitives.ReadUInt64LittleEndian(data));
    }

    private void Write(in CpuExit exit)
    {
        Span<byte> data = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(data, exit.Value);
        Gpa address = new(exit.Physical);
        if (IsMemory(address))
        {
            // A watched page: the engine hears of the store.
            GuestDeath.Unless(session.Memory.Write(address, data[..exit.Size]), "memory", address.Value);
        }
        else
        {
            statistics.DeviceAccesses++;
            session.Platform.Mmio.Write(address, data[..exit.Size]);
        }

        processor.CompleteWrite();
    }

    private bool IsMemory(Gpa address) =>
        session.Memory.Contains(address.Page) && (session.Memory.Page(address.Page).Flags & GuestPageState.Device) == 0;
}
