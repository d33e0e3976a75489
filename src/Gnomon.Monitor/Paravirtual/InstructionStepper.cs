using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// Runs one instruction of the guest with something allowed that it must not have: ports, or pages that are devices or watched. The
/// processor itself does the instruction, in every form that it has, and asks for each single access.
/// </summary>
/// <remarks>An instruction may need many pages: its own bytes, source, destination, stack, each perhaps across a boundary. Faults on the
/// way are answered here, what was allowed stays allowed, and nothing is written before the instruction is done. So each round
/// brings it nearer to its end. What was read from a port or device is kept for the next round: a device is read once, however often
/// the instruction begins.</remarks>
internal sealed class InstructionStepper(GuestSession session, PageFaults faults, MonitorStatistics statistics)
{
    private const uint KernelPorts = EventDelivery.KernelLevel << 12;

    // More than an instruction has pages. If it takes longer, the guest gets its interrupts first and begins the instruction anew.
    private const int MaxRounds = 32;

    private readonly StepStores _stores = new(session, statistics);
    private readonly List<DeviceRead> _reads = new(16);
    private int _nextRead;
    private bool _trapped;

    /// <summary>Whether someone asked for the processor meanwhile; cleared by who has seen it.</summary>
    public bool WasAsked { get; set; }

    /// <summary>Whether the last step ended in a trap, which waits to be handled; cleared by who has seen it.</summary>
    public bool TakeTrap()
    {
        bool trapped = _trapped;
        _trapped = false;
        return trapped;
    }

    /// <summary>Whether a step has left a trap that waits.</summary>
    public bool HasTrap => _trapped;

    /// <summary>Runs an instruction of the guest kernel that uses ports.</summary>
    public void StepPorts()
    {
        Step(null, KernelPorts);
        if (!session.Cpu.IsTrapped)
        {
            ProcessorRegisters registers = session.Cpu.Processor.Registers;
            registers.Eflags &= ~GuestFlags.PrivilegeLevel;
        }
    }

    /// <summary>Runs an instruction that touched a device's page, or a watched page.</summary>
    /// <param name="address">The address that faulted.</param>
    /// <param name="code">The error code.</param>
    /// <param name="outcome">What the engine says is there.</param>
    public void StepPage(uint address, PageFaultCode code, FaultOutcome outcome) => Step(Redirect(null, address, code, outcome), 0);

    private void Step(Redirection? pages, uint flags)
    {
        VirtualCpu cpu = session.Cpu;
        uint eip = cpu.Frame.Eip;
        uint level = cpu.Frame.Cs & 3;
        _reads.Clear();
        for (int round = 0; ; round++)
        {
            cpu.Frame.Eflags |= flags;
            RunOne(pages);
            if (!cpu.IsTrapped)
            {
                _stores.Perform();
                return;
            }

            _stores.Clear();
            TrapFrame frame = cpu.Frame;
            if (round == MaxRounds || frame[FrameWord.TrapNumber] != Vector.PageFault || frame.Eip != eip || (frame.Cs & 3) != level
                || !TryGoOn(ref pages))
            {
                _trapped = true;
                return;
            }

            frame.TidySelectors();
            frame.Eflags = GuestFlags.Sanitise(frame.Eflags);
        }
    }

    // A page fault on the instruction's way. False where it is the guest's matter.
    private bool TryGoOn(ref Redirection? pages)
    {
        uint address = session.Cpu.Processor.Registers.Cr2;
        PageFaultCode code = (PageFaultCode)session.Cpu.Frame[FrameWord.ErrorCode];
        FaultOutcome outcome = faults.Demand(address, code);
        if (outcome.Kind is FaultKind.Device or FaultKind.Watched)
        {
            pages = Redirect(pages, address, code, outcome);
        }

        return outcome.Kind != FaultKind.GuestFault;
    }

    private static Redirection Redirect(Redirection? pages, uint address, PageFaultCode code, FaultOutcome outcome)
    {
        uint page = address & ~PageSize.OffsetMask;
        bool write = (code & PageFaultCode.Write) != 0;
        for (Redirection? known = pages; known is not null; known = known.Next)
        {
            if (known.Page == page && (known.Writes || !write))
            {
                // Its data would be allowed: it is code that lies there.
                GuestDeath.Kill($"the guest executes at 0x{address:x}, where the device window at {outcome.Address} lies");
            }
        }

        ulong physical = outcome.Address.Value & ~(ulong)PageSize.OffsetMask;
        return new Redirection(page, physical, Reads: true, write, pages);
    }

    private void RunOne(Redirection? pages)
    {
        VirtualCpu cpu = session.Cpu;
        WasAsked |= cpu.ReturnToGuest();
        cpu.Processor.Redirect(pages);
        ulong begin = cpu.Processor.Instructions;
        _nextRead = 0;
        bool done = false;
        while (!done)
        {
            CpuExit exit = cpu.Run(1);
            switch (exit.Reason)
            {
                case CpuExitReason.Port or CpuExitReason.Device when exit.IsWrite:
                    _stores.Add(in exit);
                    cpu.Processor.CompleteWrite();
                    break;
                case CpuExitReason.Port:
                    ReadPort(in exit);
                    break;
                case CpuExitReason.Device:
                    ReadMemory(in exit);
                    break;
                default:
                    // A software interrupt is done when its frame is written, and a trap when it is at the host.
                    WasAsked |= exit.Reason == CpuExitReason.Attention;
                    done = cpu.IsTrapped
                        || (cpu.Processor.Instructions != begin && !cpu.Processor.IsDelivering && !cpu.IsInSwitcher);
                    break;
            }
        }
    }

    private void ReadPort(in CpuExit exit)
    {
        if (!TryReadAgain(exit.Port, exit.Size, isPort: true, out ulong value))
        {
            statistics.DeviceAccesses++;
            Span<byte> data = stackalloc byte[8];
            data.Clear();
            session.Devices.Ports.Read(exit.Port, data[..exit.Size]);
            value = Keep(exit.Port, exit.Size, isPort: true, data);
        }

        session.Cpu.Processor.CompleteRead(value);
    }

    private void ReadMemory(in CpuExit exit)
    {
        Gpa address = new(exit.Physical);
        Span<byte> data = stackalloc byte[8];
        data.Clear();
        ulong value;
        if (session.Memory.IsMemory(address))
        {
            _stores.Read(address, data[..exit.Size]);
            value = BinaryPrimitives.ReadUInt64LittleEndian(data);
        }
        else if (!TryReadAgain(exit.Physical, exit.Size, isPort: false, out value))
        {
            statistics.DeviceAccesses++;
            data[..exit.Size].Fill(0xFF);
            session.Devices.Mmio?.Read(address, data[..exit.Size]);
            value = Keep(exit.Physical, exit.Size, isPort: false, data);
        }

        session.Cpu.Processor.CompleteRead(value);
    }

    // In each round the instruction reads in the same order, perhaps further than before.
    private bool TryReadAgain(ulong address, byte size, bool isPort, out ulong value)
    {
        value = 0;
        if (_nextRead == _reads.Count)
        {
            return false;
        }

        DeviceRead known = _reads[_nextRead];
        if ((known.Address, known.Size, known.IsPort) != (address, size, isPort))
        {
            _reads.RemoveRange(_nextRead, _reads.Count - _nextRead);
            return false;
        }

        _nextRead++;
        value = known.Value;
        return true;
    }

    private ulong Keep(ulong address, byte size, bool isPort, ReadOnlySpan<byte> data)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(data);
        _reads.Add(new DeviceRead(address, size, isPort, value));
        _nextRead = _reads.Count;
        return value;
    }

    private readonly record struct DeviceRead(ulong Address, byte Size, bool IsPort, ulong Value);
}
