using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// A paravirtual guest's virtual CPU: the processor that runs it on the shadow tables, and the way through the Switcher. The guest's
/// registers are in the processor while it runs, and in the <see cref="Frame"/> of its register page while it is trapped.
/// </summary>
internal sealed class VirtualCpu : IDisposable
{
    /// <summary>What CR0 holds besides TS.</summary>
    private const uint Controls = Cr0.ProtectionEnable | Cr0.MonitorCoprocessor | Cr0.ExtensionType | Cr0.NumericError | Cr0.WriteProtect
        | Cr0.AlignmentMask | Cr0.Paging;

    /// <summary>A kick from the host arrives here: nothing of the guest's ever does.</summary>
    public const byte HostVector = Vector.Nmi;

    private const int Number = 0;
    private const int FeatureFxsr = 24;

    private readonly HostMemory _host;
    private readonly SwitcherHost _switcher;
    private readonly IShadowMmu _mmu;
    private readonly ShadowCpu _shadow;
    private readonly uint _switcherAddress;
    private readonly bool _pae;
    private readonly HostFrames _frames;
    private int _hostCpu;
    private bool _placed;

    /// <summary>A virtual CPU that has not run yet.</summary>
    public VirtualCpu(SwitcherHost switcher, IShadowMmu mmu, Processor processor, HostFrames frames, uint switcherAddress, bool pae)
    {
        _host = mmu.Memory.Host;
        _switcher = switcher;
        _mmu = mmu;
        _shadow = mmu.Cpu(Number);
        _switcherAddress = switcherAddress;
        _pae = pae;
        Processor = processor;
        _frames = frames;
        _shadow.Mailbox.Attach(processor);
        mmu.Memory.HostStored = Stored;
    }

    /// <summary>The processor.</summary>
    public Processor Processor { get; }

    /// <summary>Descriptors and stack.</summary>
    public GuestDescriptors Descriptors { get; } = new();

    /// <summary>Whether the guest is trapped: its registers are in <see cref="Frame"/>.</summary>
    public bool IsTrapped { get; private set; }

    /// <summary>The guest's registers while it is trapped.</summary>
    public TrapFrame Frame => new(_host.Bytes(_shadow.RegisterPage));

    /// <summary>Whether the processor is on its way through the Switcher.</summary>
    public bool IsInSwitcher => !IsTrapped && Processor.Registers.Cpl == 0;

    /// <summary>CR0.TS, as the guest has asked for it. Setting it makes the processor's the same, whatever it was.</summary>
    public bool TaskSwitched
    {
        get;
        set
        {
            field = value;
            if (Processor.Registers.Cr0 != Cr0Value)
            {
                Processor.Registers.Cr0 = Cr0Value;
            }
        }
    }

    /// <summary>CR0 as the guest reads it.</summary>
    public uint Cr0Value => Controls | (TaskSwitched ? Cr0.TaskSwitched : 0);

    /// <summary>The host CPU whose pages it uses. May be changed between two runs.</summary>
    public int HostCpu
    {
        get => _hostCpu;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(value, _switcher.Pages.HostCpus);
            if (value != _hostCpu && (IsTrapped || IsInSwitcher))
            {
                // Its stack moves with the register page.
                Processor.Registers[GeneralRegister.Esp] += SwitcherLayout.RegisterPage(_switcherAddress, value) - RegisterPageAddress;
            }

            _placed &= value == _hostCpu;
            _hostCpu = value;
        }
    }

    private uint RegisterPageAddress => SwitcherLayout.RegisterPage(_switcherAddress, _hostCpu);

    private uint FrameAddress => RegisterPageAddress + PageSize.Bytes - TrapFrame.Bytes;

    /// <summary>Puts the processor where it stands after a trap, with the registers that a guest starts with.</summary>
    /// <param name="entry">EIP.</param>
    public void Start(uint entry)
    {
        Processor.Reset();
        Processor.Intercepts = Intercepts.Call;
        ProcessorRegisters registers = Processor.Registers;
        CpuProfile profile = Processor.Options.Profile;
        registers.Cr4 = (profile.Has(FeatureFxsr) ? Cr4.FxsaveSupport : 0) | (_pae ? Cr4.PhysicalAddressExtension : 0);
        registers.Efer = _pae && profile.NoExecute ? Efer.NoExecuteEnable : 0;
        registers.Cr0 = Controls;
        registers.SetSegment(SegmentName.Cs, Flat(SwitcherLayout.HostCodeSelector, SwitcherLayout.FlatCode(0)));
        registers.SetSegment(SegmentName.Ss, Flat(SwitcherLayout.HostDataSelector, SwitcherLayout.FlatData(0)));
        foreach (SegmentName name in (ReadOnlySpan<SegmentName>)[SegmentName.Ds, SegmentName.Es, SegmentName.Fs, SegmentName.Gs])
        {
            registers.SetSegment(name, default);
        }

        foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
        {
            registers[register] = 0;
        }

        registers.Cpl = 0;
        registers.Eflags = 2;
        registers.Eip = _switcherAddress + _switcher.Image.ReturnOffset;
        registers[GeneralRegister.Esp] = FrameAddress;
        TrapFrame frame = Frame;
        frame.Clear();
        frame.Cs = SwitcherLayout.GuestCodeSelector;
        frame[FrameWord.Ds] = frame[FrameWord.Es] = frame.Ss = SwitcherLayout.GuestDataSelector;
        frame.Eflags = 0x202;
        frame.Eip = entry;
        IsTrapped = true;
    }

    /// <summary>Runs: out of the Switcher if it is trapped, and on in the guest.</summary>
    /// <param name="instructions">How many at most, the Switcher's counted.</param>
    /// <param name="kick">Bring the guest into the Switcher first (only when <see cref="CanKick"/>).</param>
    /// <returns>Why it came back; for <see cref="CpuExitReason.Call"/> it is trapped now.</returns>
    public CpuExit Run(int instructions, bool kick = false)
    {
        Prepare();
        _shadow.Mailbox.Enter();
        CpuExit exit;
        try
        {
            ShadowRoot.Load(Processor, _host, _shadow.Root, _pae);
            IsTrapped = false;
            if (kick)
            {
                Processor.InjectInterrupt(HostVector);
            }

            exit = Processor.Run(instructions);
        }
        finally
        {
            _shadow.Mailbox.Leave();
        }

        if (exit.Reason == CpuExitReason.Call)
        {
            Trapped();
        }
        else if (exit.Reason == CpuExitReason.TripleFault)
        {
            GuestDeath.Kill("the processor has shut down: no trap could be delivered any more");
        }

        return exit;
    }

    /// <summary>Runs the way back of the Switcher, up to the guest's next instruction.</summary>
    /// <returns>Whether someone asked for the processor meanwhile.</returns>
    public bool ReturnToGuest()
    {
        ulong end = Processor.Instructions + SwitcherImage.ReturnInstructions;
        bool asked = false;
        while (Processor.Instructions < end)
        {
            asked |= Run((int)(end - Processor.Instructions)).Reason == CpuExitReason.Attention;
        }

        return asked;
    }

    /// <summary>Whether the guest can be brought into the Switcher now.</summary>
    public bool CanKick => !IsTrapped && !IsInSwitcher && Processor.CanInterrupt;

    /// <inheritdoc/>
    public void Dispose()
    {
        _shadow.Mailbox.Attach(null);
        _mmu.Memory.HostStored = null;
    }

    private void Prepare()
    {
        lock (_mmu.Memory.Gate)
        {
            _mmu.PrepareToRun(Number, _hostCpu);
        }

        _switcher.Show(_hostCpu, Descriptors, _switcherAddress);
        if (_placed)
        {
            return;
        }

        _placed = true;
        uint state = SwitcherLayout.StatePage(_switcherAddress, _hostCpu);
        ProcessorRegisters registers = Processor.Registers;
        registers.Idt = (state + SwitcherLayout.IdtOffset, SwitcherLayout.IdtBytes - 1);
        registers.Gdt = (state + SwitcherLayout.GdtOffset, SwitcherLayout.GdtBytes - 1);
        registers.Task = new SegmentValue(SwitcherLayout.HostTaskSelector, state + SwitcherLayout.TssOffset, SwitcherLayout.TssBytes - 1, 0x8B);
        registers.Ldt = default;
    }

    private void Trapped()
    {
        IsTrapped = true;
        uint esp = Processor.Registers[GeneralRegister.Esp];
        if (esp != FrameAddress)
        {
            // The way back itself has faulted: a segment that the guest has spoilt meanwhile.
            uint number = BinaryPrimitives.ReadUInt32LittleEndian(_host.Bytes(_shadow.RegisterPage)[(int)((esp - RegisterPageAddress + 44) & 0xFFC)..]);
            GuestDeath.Kill($"trap 0x{number & 0xFF:x} on the way into the guest: its segments or its stack cannot be loaded");
        }
    }

    // Stores by host and devices: code decoded from those bytes must go.
    private void Stored(Pfn frame, int offset, int length) => Processor.NotifyStore(_frames.AddressOf(frame) + offset, length);

    private static SegmentValue Flat(ushort selector, ulong descriptor) =>
        new(selector, 0, uint.MaxValue, (ushort)((descriptor >> 40) & 0xF0FF));
}
