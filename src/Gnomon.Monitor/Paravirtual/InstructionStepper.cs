using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// Runs one instruction of the guest with something allowed that it must not have: ports, or a page that is a device. The processor
/// itself does the instruction, in every form that it has, and asks for each single access.
/// </summary>
internal sealed class InstructionStepper(GuestSession session, MonitorStatistics statistics)
{
    private const uint KernelPorts = EventDelivery.KernelLevel << 12;

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
        session.Cpu.Frame.Eflags |= KernelPorts;
        Step(null);
        if (!session.Cpu.IsTrapped)
        {
            ProcessorRegisters registers = session.Cpu.Processor.Registers;
            registers.Eflags &= ~GuestFlags.PrivilegeLevel;
        }
    }

    /// <summary>Runs an instruction that touched a device's page, or a watched page.</summary>
    /// <param name="address">The address that faulted.</param>
    /// <param name="outcome">What the engine says is there.</param>
    public void StepPage(uint address, FaultOutcome outcome)
    {
        uint page = address & ~PageSize.OffsetMask;
        ulong physical = outcome.Address.Value & ~(ulong)PageSize.OffsetMask;
        Step(new Redirection(page, physical, Reads: outcome.Kind == FaultKind.Device, Writes: true));
    }

    private void Step(Redirection? redirection)
    {
        VirtualCpu cpu = session.Cpu;
        WasAsked |= cpu.ReturnToGuest();
        cpu.Processor.Redirect(redirection);
        while (true)
        {
            CpuExit exit = cpu.Run(1);
            switch (exit.Reason)
            {
                case CpuExitReason.Port:
                    UsePort(in exit);
                    break;
                case CpuExitReason.Device when exit.IsWrite:
                    WriteMemory(in exit);
                    break;
                case CpuExitReason.Device:
                    ReadMemory(in exit);
                    break;
                case CpuExitReason.Attention:
                    WasAsked = true;
                    break;
                default:
                    _trapped = exit.Reason == CpuExitReason.Call;
                    return;
            }
        }
    }

    private void UsePort(in CpuExit exit)
    {
        statistics.DeviceAccesses++;
        Span<byte> data = stackalloc byte[8];
        if (exit.IsWrite)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data, exit.Value);
            session.Devices.Ports.Write(exit.Port, data[..exit.Size]);
            session.Cpu.Processor.CompleteWrite();
            return;
        }

        data.Clear();
        session.Devices.Ports.Read(exit.Port, data[..exit.Size]);
        session.Cpu.Processor.CompleteRead(BinaryPrimitives.ReadUInt64LittleEndian(data));
    }

    private void ReadMemory(in CpuExit exit)
    {
        Span<byte> data = stackalloc byte[8];
        data.Clear();
        data[..exit.Size].Fill(0xFF);
        Gpa address = new(exit.Physical);
        if (IsMemory(address))
        {
            // A watched page, by an instruction that reads and writes.
            GuestDeath.Unless(session.Memory.Read(address, data[..exit.Size]), "memory", address.Value);
        }
        else
        {
            statistics.DeviceAccesses++;
            session.Devices.Mmio?.Read(address, data[..exit.Size]);
        }

        session.Cpu.Processor.CompleteRead(BinaryPrimitives.ReadUInt64LittleEndian(data));
    }

    private void WriteMemory(in CpuExit exit)
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
            session.Devices.Mmio?.Write(address, data[..exit.Size]);
        }

        session.Cpu.Processor.CompleteWrite();
    }

    private bool IsMemory(Gpa address) =>
        session.Memory.Contains(address.Page) && (session.Memory.Page(address.Page).Flags & GuestPageState.Device) == 0;
}
