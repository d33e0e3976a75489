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

    private const uint LongestInstruction = 15;

    private readonly FaultHistory _faults = new();

    private Place _lastRead;

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

    // The processor itself does the instruction, and asks for each access to that page. Only what faulted is redirected: the same
    // instruction may read where it must not write.
    private void Redirect(uint address, uint code, in FaultOutcome outcome)
    {
        uint page = address & ~PageSize.OffsetMask;
        bool writes = (code & (uint)PageFaultCode.Write) != 0;
        ProcessorRegisters registers = processor.Registers;
        uint linear = registers.Segment(SegmentName.Cs).Base + registers.Eip;
        if (outcome.Kind == FaultKind.Device && !writes)
        {
            Place place = new(processor.Instructions, linear, page);
            bool again = place == _lastRead;
            _lastRead = place;
            if (IsFetch(linear, page, again))
            {
                GuestDeath.Kill($"the guest executes at 0x{address:x}, where there is no memory but the address {outcome.Address} of a device or of nothing");
            }
        }

        ulong physical = outcome.Address.Value & ~(ulong)PageSize.OffsetMask;
        processor.AddRedirection(new Redirection(page, physical, Reads: outcome.Kind == FaultKind.Device, writes));
    }

    // An instruction that goes on into the next page: a read from there does not fault again once it is redirected, a fetch does.
    private static bool IsFetch(uint linear, uint page, bool again)
    {
        uint first = linear & ~PageSize.OffsetMask;
        return first == page || (again && first + PageSize.Bytes == page && (linear & PageSize.OffsetMask) > PageSize.Bytes - LongestInstruction);
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

        // A task switch loads CR3 only where it changes (Intel SDM vol. 3, 4.10.4.1). Its exit has no instruction behind it: what is
        // refused is a fault of the new task.
        if (exit.Size == 0 && exit.Register == 3 && (uint)exit.Value == session.Paging.Read(3))
        {
            return;
        }

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
        if (session.Memory.IsMemory(address))
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
        if (session.Memory.IsMemory(address))
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

    // Where the last read of a device faulted.
    private readonly record struct Place(ulong Instructions, uint Linear, uint Page);
}
