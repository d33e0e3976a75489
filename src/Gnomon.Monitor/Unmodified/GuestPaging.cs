using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// An unmodified guest's control registers, and the translation that follows from them. While its paging is off, or under nested paging,
/// the processor has the guest's own registers, and the shadow tables of linear mode are its second translation. Once the guest turns
/// paging on, the processor walks shadow tables in the format that the guest has chosen, and the guest sees registers that it has not.
/// </summary>
/// <remarks>The guest's lock is held, except in <see cref="Enter"/> and <see cref="Leave"/>.</remarks>
internal sealed class GuestPaging : IDisposable
{
    private const int Number = 0;

    private const Intercepts Unpaged = Intercepts.ControlWrite;
    private const Intercepts Shadowed = Intercepts.PageFault | Intercepts.ControlWrite | Intercepts.ControlRead | Intercepts.InvalidatePage
        | Intercepts.ModelSpecific;

    // Bits that CR0 has; others read as zero whatever is written.
    private const uint Cr0Bits = Cr0.ProtectionEnable | Cr0.MonitorCoprocessor | Cr0.Emulation | Cr0.TaskSwitched | Cr0.NumericError
        | Cr0.WriteProtect | Cr0.AlignmentMask | Cr0.NotWriteThrough | Cr0.CacheDisable | Cr0.Paging;

    private readonly GuestMemory _memory;
    private readonly Processor _processor;
    private readonly TranslatedMemory _physical;
    private readonly UnmodifiedOptions _options;
    private readonly ShadowOptions _shadowOptions;
    private readonly WholeCache _whole;
    private bool _isEnded;
    private bool _isPae;
    private uint _cr0;
    private uint _cr3;

    /// <summary>Begins with the guest's paging off.</summary>
    public GuestPaging(GuestMemory memory, Processor processor, TranslatedMemory physical, UnmodifiedOptions options, IReadOnlyList<DeviceWindow> holes)
    {
        _memory = memory;
        _processor = processor;
        _physical = physical;
        _options = options;
        _shadowOptions = options.Shadow with { Guest = GuestKind.Unmodified, Devices = [.. options.Shadow.Devices, .. holes] };
        _whole = new WholeCache(processor);
        _physical.Attach(memory, _shadowOptions.Devices);
        Mmu = Create(pae: false);
        Stand(shadowed: false);
    }

    /// <summary>The tables that are in use; other ones when the guest has chosen another format.</summary>
    public IShadowMmu Mmu { get; private set; }

    /// <summary>Whether the processor walks shadows of the guest's tables.</summary>
    public bool IsShadowed { get; private set; }

    private ShadowCpu Cpu => Mmu.Cpu(Number);

    /// <summary>Before the lock is given up to enter the guest.</summary>
    public void Prepare() => Mmu.PrepareToRun(Number, 0);

    /// <summary>The processor begins to run guest code. What was asked of its translations meanwhile is done first.</summary>
    public void Enter()
    {
        Cpu.Mailbox.Enter();
        if (IsShadowed)
        {
            ShadowRoot.Load(_processor, _memory.Host, Cpu.Root, _isPae);
        }
        else if (_physical.Root != Cpu.Root)
        {
            _physical.Root = Cpu.Root;
            _processor.FlushTranslations();
        }
    }

    /// <summary>It has ceased to.</summary>
    public void Leave() => Cpu.Mailbox.Leave();

    /// <summary>What the guest sees in a control register.</summary>
    /// <param name="register">0, 3 or 4.</param>
    public uint Read(int register)
    {
        ProcessorRegisters registers = _processor.Registers;
        return (register, IsShadowed) switch
        {
            (0, true) => (registers.Cr0 & ~Cr0.WriteProtect) | (_cr0 & Cr0.WriteProtect),
            (0, false) => registers.Cr0,
            (3, true) => _cr3,
            (3, false) => registers.Cr3,
            _ => registers.Cr4,
        };
    }

    /// <summary>The guest writes a control register; the instruction is done but for that.</summary>
    /// <param name="exit">The exit.</param>
    /// <returns>False where the processor must raise #GP(0); then nothing has changed.</returns>
    public bool TryWrite(in CpuExit exit)
    {
        uint value = (Read(exit.Register) & ~exit.Code) | ((uint)exit.Value & exit.Code);
        switch (exit.Register)
        {
            case 0:
                return TryWriteCr0((value & Cr0Bits) | Cr0.ExtensionType);
            case 3:
                return TryWriteCr3(value);
            default:
                return TryWriteCr4(value);
        }
    }

    /// <summary>INVLPG.</summary>
    public void InvalidatePage(uint address)
    {
        Mmu.InvalidatePage(Number, new Gva(address));
        _processor.FlushPage(address);
    }

    /// <summary>The guest may have written EFER.</summary>
    public void ControlsChanged() => Mmu.SetControls(Number, Controls());

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isEnded)
        {
            _isEnded = true;
            Cpu.Mailbox.Attach(null);
            Mmu.Dispose();
        }
    }

    private bool TryWriteCr0(uint value)
    {
        bool paging = (value & Cr0.Paging) != 0;
        ProcessorRegisters registers = _processor.Registers;
        if (!paging)
        {
            if (IsShadowed)
            {
                LeavePaging();
            }

            registers.Cr0 = value;
            return true;
        }

        uint before = _cr0;
        if (!IsShadowed)
        {
            _cr0 = value;
            return TryEnterPaging(registers.Cr3, before);
        }

        // The bits of caching load the four top entries anew too (Intel SDM vol. 3, 4.4.1).
        const uint caching = Cr0.CacheDisable | Cr0.NotWriteThrough;
        if (_isPae && ((registers.Cr0 ^ value) & caching) != 0 && !Mmu.LoadPageTable(Number, new Gpa(_cr3)))
        {
            return false;
        }

        _cr0 = value;
        registers.Cr0 = value | Cr0.WriteProtect;
        ControlsChanged();
        return true;
    }

    private bool TryWriteCr3(uint value)
    {
        if (IsShadowed && !Mmu.LoadPageTable(Number, new Gpa(value)))
        {
            return false;
        }

        if (!IsShadowed)
        {
            _processor.Registers.Cr3 = value;
        }

        _cr3 = value;
        return true;
    }

    // A change of PAE, PSE or PGE drops translations, and in PAE loads the four top entries anew (Intel SDM vol. 3, 4.4.1, 4.10.4.1).
    private bool TryWriteCr4(uint value)
    {
        ProcessorRegisters registers = _processor.Registers;
        uint before = registers.Cr4;
        const uint paging = Cr4.PhysicalAddressExtension | Cr4.PageSizeExtensions | Cr4.GlobalPages;
        if (!IsShadowed || ((before ^ value) & paging) == 0)
        {
            registers.Cr4 = value;
            return true;
        }

        registers.Cr4 = value;
        bool loaded;
        if (((before ^ value) & Cr4.PhysicalAddressExtension) != 0)
        {
            Replace((value & Cr4.PhysicalAddressExtension) != 0);
            ControlsChanged();
            loaded = Mmu.LoadPageTable(Number, new Gpa(_cr3));
            if (!loaded)
            {
                registers.Cr4 = before;
                Replace((before & Cr4.PhysicalAddressExtension) != 0);
                ControlsChanged();
                Mmu.LoadPageTable(Number, new Gpa(_cr3));
            }
        }
        else
        {
            loaded = !_isPae || Mmu.LoadPageTable(Number, new Gpa(_cr3));
            registers.Cr4 = loaded ? value : before;
            ControlsChanged();
            Mmu.FlushUser(Number);
        }

        _processor.FlushTranslations();
        return loaded;
    }

    private bool TryEnterPaging(uint directory, uint before)
    {
        ProcessorRegisters registers = _processor.Registers;
        bool pae = (registers.Cr4 & Cr4.PhysicalAddressExtension) != 0;
        if (pae != _isPae)
        {
            Replace(pae);
        }

        ControlsChanged();
        if (!Mmu.LoadPageTable(Number, new Gpa(directory)))
        {
            Replace(pae: false);
            _cr0 = before;
            return false;
        }

        _cr3 = directory;
        registers.Cr0 = _cr0 | Cr0.WriteProtect;
        Stand(shadowed: true);
        return true;
    }

    // New tables, not the old ones in linear mode: pages that hold tables of address spaces which are still known would stay watched.
    private void LeavePaging()
    {
        Replace(pae: false);
        _processor.Registers.Cr3 = _cr3;
        Stand(shadowed: false);
    }

    private void Stand(bool shadowed)
    {
        IsShadowed = shadowed;
        _physical.IsNested = !shadowed;
        _physical.Root = Cpu.Root;
        _processor.Intercepts = shadowed ? Shadowed : _options.Mmu == MmuKind.Nested ? Intercepts.None : Unpaged;
        Cpu.Mailbox.Attach(shadowed ? _processor : _whole);
        _processor.FlushTranslations();
    }

    private void Replace(bool pae)
    {
        Cpu.Mailbox.Attach(null);
        Mmu.Dispose();
        try
        {
            Mmu = Create(pae);
        }
        catch (InsufficientMemoryException)
        {
            _isEnded = true;
            GuestDeath.Kill("the host has no frames left for the shadow tables of the paging mode that the guest has chosen");
        }

        Cpu.Mailbox.Attach(IsShadowed ? _processor : _whole);
        _physical.Root = Cpu.Root;
        _processor.FlushTranslations();
    }

    private IShadowMmu Create(bool pae)
    {
        _isPae = pae;
        IShadowMmu mmu = pae ? ShadowMmu.CreatePae(_memory, _shadowOptions, null) : ShadowMmu.CreateTwoLevel(_memory, _shadowOptions, null);
        return _options.Wrap is { } wrap ? wrap(mmu) : mmu;
    }

    private PagingControls Controls()
    {
        ProcessorRegisters registers = _processor.Registers;
        return ((_cr0 & Cr0.WriteProtect) != 0 ? PagingControls.WriteProtect : 0)
            | ((registers.Cr4 & Cr4.PageSizeExtensions) != 0 ? PagingControls.LargePages : 0)
            | ((registers.Efer & Efer.NoExecuteEnable) != 0 ? PagingControls.NoExecute : 0);
    }

    // The tables of linear mode speak of guest-physical addresses, of which the processor's translations know nothing.
    private sealed class WholeCache(Processor processor) : ITranslationCache
    {
        public void Invalidate(in Invalidation what) => processor.FlushTranslations();
    }
}
