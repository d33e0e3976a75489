using System.Buffers.Binary;
using Gnomon.Cpu;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>How a guest ended.</summary>
/// <param name="Kind">"shutdown", "killed", "halted" (for ever) or "running" (out of instructions).</param>
/// <param name="Text">The shutdown text, or why it was killed.</param>
/// <param name="Console">All that it wrote.</param>
internal sealed record PaperEnd(string Kind, string Text, string Console);

/// <summary>
/// A host on paper: what the interface's page says, done in the plainest way, to see that the guests themselves are right. It shares
/// only the processor with the product, and is far too slow for anything else.
/// </summary>
internal sealed class PaperMachine : IDisposable
{
    private const uint CommandLine = 0x1000;
    private readonly PaperConsole _console;
    private readonly PaperEvents _events;
    private readonly PaperCalls _calls;
    private readonly PaperEmulator _emulator;
    private readonly IReadOnlyList<PaperVirtio> _devices;
    private readonly ulong _windows;
    private string? _killed;

    public PaperMachine(byte[] kernel, bool pae, string commandLine, uint mebibytes = 24, byte[]? disk = null)
    {
        Memory = new PaperMemory(mebibytes << 20);
        Shadow = new PaperShadow(Memory, pae, Kill);
        Descriptors = new PaperDescriptors(Memory, Shadow);
        Cpu = new Processor(Memory) { Intercepts = Intercepts.PageFault | Intercepts.CpuId | Intercepts.ModelSpecific | Intercepts.Call };
        _events = new PaperEvents(this);
        _calls = new PaperCalls(this, _events);
        _console = new PaperConsole(Memory, 1, _events.Raise);
        _devices = disk is null ? [_console] : [_console, new PaperDisk(Memory, 2, _events.Raise, disk)];
        _emulator = new PaperEmulator(this, new PaperPorts(_devices));
        _windows = Memory.GuestBytes + (1UL << 20);
        Shadow.DeviceBytes = (uint)_devices.Count * PaperMemory.PageBytes;
        for (int i = 0; i < _devices.Count; i++)
        {
            _devices[i].BaseAddress = (uint)_windows + ((uint)i * PaperMemory.PageBytes);
        }

        uint entry = LoadElf(kernel);
        BootParameters(commandLine);
        Start(entry);
    }

    public PaperMemory Memory { get; }

    public PaperShadow Shadow { get; }

    public PaperDescriptors Descriptors { get; }

    public Processor Cpu { get; }

    public PaperEnd? End { get; set; }

    /// <summary>A host with a fault on purpose: what the guest says of changed mappings is not heard.</summary>
    public bool IsDeaf { get; init; }

    public string Console => _console.Output.ToString();

    public int EmergencyBytes => _console.EmergencyBytes;

    public void Kill(string why) => _killed ??= why;

    /// <summary>Runs to the guest's end, or until so many instructions are done.</summary>
    public PaperEnd Run(long instructions)
    {
        while (End is null && _killed is null)
        {
            if (Cpu.Instructions > (ulong)instructions)
            {
                return new PaperEnd("running", "", Console);
            }

            if (Cpu.CanInterrupt)
            {
                _events.DeliverInterrupts();
                if (_killed is not null)
                {
                    break;
                }
            }

            if (_events.IsHalted)
            {
                if (!_events.SkipToNextEvent())
                {
                    return new PaperEnd("halted", "for ever", Console);
                }

                continue;
            }

            Handle(Cpu.Run(_events.Budget));
        }

        return _killed is not null ? new PaperEnd("killed", _killed, Console) : End! with { Console = Console };
    }

    public void Changed()
    {
        Cpu.FlushTranslations();
    }

    public void Dispose() => Cpu.Dispose();

    private void Handle(CpuExit exit)
    {
        switch (exit.Reason)
        {
            case CpuExitReason.Budget:
                break;
            case CpuExitReason.PageFault:
                PageFault(exit);
                break;
            case CpuExitReason.Call:
                Enter();
                break;
            case CpuExitReason.Device:
                Device(exit);
                break;
            case CpuExitReason.Instruction when exit.Code == 0x0FA2:
                Identify(exit.Size);
                break;
            case CpuExitReason.Instruction:
                Cpu.InjectFault(13);
                break;
            default:
                Kill($"exit {exit.Reason}");
                break;
        }
    }

    private void PageFault(CpuExit exit)
    {
        uint code = exit.Code;
        if (exit.Address < PaperShadow.SwitcherAddress && Shadow.Fill(exit.Address, code & 6, out code) != WalkEnd.GuestFault)
        {
            Cpu.FlushPage(exit.Address);
            return;
        }

        Cpu.InjectFault(14, code, exit.Address);
    }

    // The guest is in a stub of the Switcher, at ring 0: what interrupted it lies on the register page. It is put back as if nothing
    // had happened; what is to happen then is done to the guest itself.
    private void Enter()
    {
        ProcessorRegisters registers = Cpu.Registers;
        int vector = (int)(registers.Eip - 3 - PaperDescriptors.CodePage) >> 3;
        uint at = registers[GeneralRegister.Esp];
        uint host = Shadow.FirstHostPage + PaperMemory.PageBytes;
        uint Word(uint address) => Memory.Read32(host + (address - PaperDescriptors.RegisterPage));
        bool hasCode = PaperDescriptors.HostStack - at == 24;
        uint code = hasCode ? Word(at) : 0;
        at = PaperDescriptors.HostStack - 20;
        SegmentValue? cs = Descriptors.Load((ushort)Word(at + 4), code: true);
        SegmentValue? ss = Descriptors.Load((ushort)Word(at + 16), code: false);
        if (cs is null || ss is null)
        {
            Kill("its own segments are gone");
            return;
        }

        registers.SetSegment(SegmentName.Cs, cs.Value);
        registers.SetSegment(SegmentName.Ss, ss.Value);
        registers.Cpl = cs.Value.Selector & 3;
        registers.Eip = Word(at);
        registers.Eflags = Word(at + 8);
        registers[GeneralRegister.Esp] = Word(at + 12);

        if (vector == 31 && !hasCode)
        {
            _calls.Call();
        }
        else if (vector == 13 && hasCode && code == 0 && registers.Cpl == 1 && _emulator.TryEmulate())
        {
        }
        else if (vector != 7 || (registers.Cr0 & Cr0.TaskSwitched) != 0)
        {
            _events.Reflect((byte)vector, hasCode, code);
        }
    }

    private void Device(CpuExit exit)
    {
        uint offset = (uint)exit.Physical - PaperMemory.DeviceBase;
        PaperVirtio device = _devices[(int)(offset / PaperMemory.PageBytes)];
        offset %= PaperMemory.PageBytes;
        if (exit.IsWrite)
        {
            device.WriteRegister(offset, exit.Size, (uint)exit.Value);
            Cpu.CompleteWrite();
        }
        else
        {
            Cpu.CompleteRead(device.ReadRegister(offset, exit.Size));
        }
    }

    private void Identify(byte length)
    {
        ProcessorRegisters registers = Cpu.Registers;
        (uint a, uint b, uint c, uint d) = registers[GeneralRegister.Eax] switch
        {
            0 => (1u, 0x756E_6547u, 0x6C65_746Eu, 0x4965_6E69u),
            1 => (0x69Au, 0u, 0u, 0x0000_8171u),
            _ => (0u, 0u, 0u, 0u),
        };
        registers[GeneralRegister.Eax] = a;
        registers[GeneralRegister.Ebx] = b;
        registers[GeneralRegister.Ecx] = c;
        registers[GeneralRegister.Edx] = d;
        Cpu.SkipInstruction(length);
    }

    private uint LoadElf(byte[] kernel)
    {
        uint At(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(kernel.AsSpan(offset));
        int header = (int)At(28);
        for (int i = 0; i < kernel[44]; i++, header += 32)
        {
            if (At(header) == 1)
            {
                kernel.AsSpan((int)At(header + 4), (int)At(header + 16)).CopyTo(Memory.Bytes(At(header + 12), At(header + 20)));
            }
        }

        return At(24);
    }

    private void BootParameters(string commandLine)
    {
        Memory.Bytes(0x206, 2)[1] = 2;
        Memory.Bytes(0x206, 2)[0] = 7;
        Memory.Bytes(0x211, 1)[0] = 0x40;
        Memory.Write32(0x228, CommandLine);
        Memory.Write32(0x230, 0x100_0000);
        Memory.Write32(0x23C, 1);
        Memory.Bytes(0x1E8, 1)[0] = 1;
        Memory.Write32(0x2D8, Memory.GuestBytes);
        Memory.Write32(0x2E0, 1);
        _ = System.Text.Encoding.ASCII.GetBytes(commandLine, Memory.Bytes(CommandLine, 2048));
    }

    private void Start(uint entry)
    {
        ProcessorRegisters registers = Cpu.Registers;
        Descriptors.Attach(registers);
        foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
        {
            registers[register] = 0;
        }

        registers.SetSegment(SegmentName.Cs, Descriptors.Load(0x61, code: true)!.Value);
        foreach (SegmentName name in (SegmentName[])[SegmentName.Ds, SegmentName.Es, SegmentName.Ss])
        {
            registers.SetSegment(name, Descriptors.Load(0x69, code: false)!.Value);
        }

        foreach (SegmentName name in (SegmentName[])[SegmentName.Fs, SegmentName.Gs])
        {
            registers.SetSegment(name, default);
        }

        registers.Cpl = 1;
        registers.Eip = entry;
        registers.Eflags = 0x202;
        registers.Cr3 = Shadow.Root;
        registers.Cr4 = 0;
        registers.Cr0 = Cr0.ProtectionEnable | Cr0.MonitorCoprocessor | Cr0.ExtensionType | Cr0.NumericError | Cr0.WriteProtect | Cr0.AlignmentMask | Cr0.Paging;
    }
}
