using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>What the host does with each trap of a guest.</summary>
internal sealed class TrapHandler
{
    private readonly GuestSession _session;
    private readonly MonitorStatistics _statistics;
    private readonly Hypercalls _hypercalls;
    private readonly PrivilegedInstructions _privileged;
    private readonly PageFaults _faults;
    private uint? _steppedPorts;

    public TrapHandler(GuestSession session, MonitorStatistics statistics)
    {
        _session = session;
        _statistics = statistics;
        _faults = new PageFaults(session, statistics);
        Stepper = new InstructionStepper(session, _faults, statistics);
        _hypercalls = new Hypercalls(session, statistics);
        _privileged = new PrivilegedInstructions(session, Stepper);
    }

    /// <summary>Runs single instructions.</summary>
    public InstructionStepper Stepper { get; }

    /// <summary>The last page faults, the oldest first.</summary>
    public IReadOnlyList<PagingEvent> RecentFaults => _faults.Recent;

    /// <summary>Handles the trap that the guest has just made.</summary>
    /// <exception cref="GuestKilledException">The guest did what no guest may do.</exception>
    public void Handle()
    {
        _statistics.Traps++;
        TrapFrame frame = _session.Cpu.Frame;
        frame.TidySelectors();
        frame.Eflags = GuestFlags.Sanitise(frame.Eflags);
        uint number = frame[FrameWord.TrapNumber];
        uint code = frame[FrameWord.ErrorCode];
        uint? repeated = _steppedPorts;
        _steppedPorts = null;
        switch (number)
        {
            case VirtualCpu.HostVector:
                break;
            case Vector.DeviceNotAvailable when !_session.Cpu.TaskSwitched:
                _session.Cpu.TaskSwitched = false;
                break;
            case Vector.GeneralProtection when code == 0 && frame.Level == EventDelivery.KernelLevel && repeated != frame.Eip:
                Privileged(frame.Eip);
                break;
            case Vector.PageFault:
                PageFault(_session.Cpu.Processor.Registers.Cr2, (PageFaultCode)code);
                break;
            case GuestDescriptors.HypercallVector:
                _hypercalls.Handle(new HypercallArguments(
                    frame[FrameWord.Eax], frame[FrameWord.Ebx], frame[FrameWord.Ecx], frame[FrameWord.Edx], frame[FrameWord.Esi]));
                break;
            default:
                Reflect(number, code);
                break;
        }
    }

    // If the instruction faults again although its ports are free, the fault is not about ports and so the guest's.
    private void Privileged(uint eip)
    {
        if (!_privileged.TryDo())
        {
            Reflect(Vector.GeneralProtection, 0);
            return;
        }

        _statistics.Emulated++;
        if (_privileged.IsTraced)
        {
            // It ends a halt, too.
            _session.IsHalted = false;
            Reflect(Vector.Debug, 0);
        }

        if (Stepper.HasTrap)
        {
            _steppedPorts = eip;
        }
    }

    private void PageFault(uint address, PageFaultCode code)
    {
        FaultOutcome outcome = _faults.Demand(address, code);
        switch (outcome.Kind)
        {
            case FaultKind.Mapped:
                break;
            case FaultKind.GuestFault:
                if (_session.Data is { } data)
                {
                    data.Cr2 = address;
                }

                Reflect(Vector.PageFault, (uint)outcome.Code);
                break;
            default:
                Stepper.StepPage(address, code, outcome);
                break;
        }
    }

    private void Reflect(uint number, uint code)
    {
        int vector = (int)(number & 0xFF);
        if (!_session.Cpu.Descriptors.Gate(vector).IsPresent || _session.Data is not { } data)
        {
            GuestDeath.Kill($"trap 0x{vector:x} at 0x{_session.Cpu.Frame.Eip:x} with error code 0x{code:x}, and the guest has no handler for it");
            return;
        }

        if (vector == Vector.Debug && (_session.Cpu.Frame.Eflags & GuestFlags.Trap) != 0)
        {
            _privileged.NoteSingleStep();
        }

        _statistics.Reflected++;
        bool hasCode = Vector.HasErrorCode((byte)vector) && (number & SwitcherImage.SoftwareMark) == 0;
        _session.Delivery.DeliverTrap(data, vector, hasCode ? code : null);
    }
}
