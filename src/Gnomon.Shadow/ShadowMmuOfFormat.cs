using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// The shadow page tables of one guest in one format. The seven parts:
/// (i) demand paging, <see cref="DemandPager{TFormat}"/>; (ii) pinned stacks, <see cref="StackPins{TFormat}"/>; (iii) updates that the
/// guest announces, <see cref="PageTableUpdates{TFormat}"/>; (iv) switching, <see cref="RootCache{TFormat}"/>; (v) flushing,
/// <see cref="Flusher{TFormat}"/>; (vi) the Switcher, <see cref="SwitcherMapping{TFormat}"/>; (vii) start and end: here.
/// </summary>
/// <typeparam name="TFormat">The format.</typeparam>
// SAFETY: descriptors are reached by the numbers that the root cache and the pool gave; no pointer leaves this class.
internal sealed unsafe class ShadowMmu<TFormat> : IShadowMmu
    where TFormat : struct, IPagingFormat
{
    private readonly ShadowCpu[] _cpus;
    private readonly GuestFate _fate = new();
    private readonly ShadowTables<TFormat> _tables;
    private readonly Comparison<TFormat> _comparison;
    private readonly LeafMaker<TFormat> _leaves;
    private readonly RootCache<TFormat> _roots;
    private readonly Reclaimer<TFormat> _reclaimer;
    private readonly GuestTables<TFormat> _guest;
    private readonly DemandPager<TFormat> _pager;
    private readonly StackPins<TFormat> _stacks;
    private readonly PageTableUpdates<TFormat> _updates;
    private readonly Flusher<TFormat> _flusher;
    private readonly AddressSpaces<TFormat> _spaces;
    private readonly SwitcherMapping<TFormat>? _switcher;
    private readonly Switcher? _switcherPages;
    private readonly bool _hasPlainLoads;
    private ShadowAudit<TFormat>? _audit;
    private bool _disposed;

    public ShadowMmu(GuestMemory memory, ShadowOptions options, Switcher? switcher)
    {
        Options = options;
        _switcherPages = switcher;
        int budget = OptionCheck.Check<TFormat>(memory, options, switcher);
        _cpus = new ShadowCpu[options.Cpus];
        for (int cpu = 0; cpu < _cpus.Length; cpu++)
        {
            _cpus[cpu] = new ShadowCpu(cpu, options.Controls);
        }

        _tables = new ShadowTables<TFormat>(memory, options, Statistics, _fate, _cpus, budget);
        _comparison = new Comparison<TFormat>(_tables);
        _leaves = new LeafMaker<TFormat>(_tables);
        _roots = new RootCache<TFormat>(_tables, _comparison);
        _tables.Watch = new TableWatch<TFormat>(_tables, _comparison, _leaves, _roots);
        _reclaimer = new Reclaimer<TFormat>(_tables, _roots);
        _guest = new GuestTables<TFormat>(_tables, _reclaimer);
        _pager = new DemandPager<TFormat>(_tables, _guest, _leaves, _comparison, _reclaimer);
        _stacks = new StackPins<TFormat>(_tables, _pager);
        _updates = new PageTableUpdates<TFormat>(_tables, _guest, _leaves, _comparison, _roots);
        _flusher = new Flusher<TFormat>(_tables, _comparison, _roots);
        _spaces = new AddressSpaces<TFormat>(_tables, _guest, _roots, _reclaimer);
        _switcher = switcher is null ? null : new SwitcherMapping<TFormat>(_tables, switcher);
        foreach (DeviceWindow window in options.Devices)
        {
            OptionCheck.Declare(memory, window);
        }

        _hasPlainLoads = options.Coherence != Coherence.Lazy && !_tables.HasPointerRegisters;
        Begin();
        memory.SetWatcher(new MemoryListener<TFormat>(_tables, this));
    }

    public GuestMemory Memory => _tables.Memory;

    public ShadowOptions Options { get; }

    public ShadowStatistics Statistics { get; } = new();

    public string? KillReason => _fate.Reason;

    public string FormatName => TFormat.Name;

    /// <summary>For the auditor and its tests.</summary>
    internal ReadOnlySpan<ShadowCpu> AllCpus => _cpus;

    internal ShadowTables<TFormat> Tables => _tables;

    internal RootCache<TFormat> Roots => _roots;

    internal GuestTables<TFormat> Guest => _guest;

    internal Switcher? SwitcherPages => _switcherPages;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ShadowCpu Cpu(int cpu)
    {
        if ((uint)cpu >= (uint)_cpus.Length)
        {
            ThrowNoSuchCpu(cpu);
        }

        return _cpus[cpu];
    }

    public FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        ShadowCpu current = Alive(cpu);
        PageAccess access = new(code);
        Statistics.Faults++;
        RenewIfObsolete(current);
        uint reclaims = _reclaimer.Reclaims;
        FaultOutcome outcome = address.Value >= _tables.SwitcherAddress
            ? SwitcherFault(current, address, access)
            : current.IsLinear
                ? _pager.Handle<LinearMode>(current, address, access)
                : _pager.Handle<PagedMode>(current, address, access);
        switch (outcome.Kind)
        {
            case FaultKind.Mapped:
                Statistics.Fixed++;
                break;
            case FaultKind.GuestFault:
                Statistics.GuestFaults++;
                break;
            case FaultKind.Device:
                Statistics.DeviceFaults++;
                break;
            default:
                Statistics.WatchedFaults++;
                break;
        }

        Finish(current);
        if (_reclaimer.Reclaims != reclaims && outcome.Kind == FaultKind.Mapped && !_tables.IsMapped(current.RootTable, address.Value))
        {
            // Pinning the stack again took the page that was just mapped: the two do not fit together.
            _fate.Kill($"host memory is exhausted: the page at {address} and the guest's stack do not fit at the same time");
        }

        return outcome;
    }

    public void PinPage(int cpu, Gva address)
    {
        ShadowCpu current = Alive(cpu);
        if (!_stacks.IsWritable(current, address))
        {
            RenewIfObsolete(current);
            _stacks.PinPage(current, address);
            _tables.Settle();
        }
    }

    public void SetStack(int cpu, Gva top, int pages)
    {
        _stacks.SetStack(Alive(cpu), top, pages);
        _tables.Settle();
    }

    public void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        ShadowCpu current = Alive(cpu);
        Statistics.Updates++;
        _updates.SetPte(current, directory, address, entry);
        _tables.Settle();
    }

    public void SetPgd(int cpu, Gpa directory, uint index)
    {
        ShadowCpu current = Alive(cpu);
        Statistics.Updates++;
        _updates.SetPgd(current, directory, index);
        Finish(current);
    }

    public void SetPmd(int cpu, Gpa table, uint index)
    {
        ShadowCpu current = Alive(cpu);
        if (TFormat.Levels < 3)
        {
            throw new InvalidOperationException($"The {TFormat.Name} format has no middle tables.");
        }

        Statistics.Updates++;
        _updates.SetPmd(current, table, index);
        if (Options.DiscardAllOnSetPmd && !current.IsLinear)
        {
            _flusher.DiscardAll();
        }

        Finish(current);
    }

    public bool LoadPageTable(int cpu, Gpa directory)
    {
        ShadowCpu current = Alive(cpu);
        directory = new Gpa(directory.Value & ~(ulong)(TFormat.TopAlignment - 1));
        if (_hasPlainLoads && _tables.Memory.Contains(directory.Page) && _roots.TrySwitch(current, directory))
        {
            Statistics.Loads++;
            Statistics.LoadsKnown++;
            return true;
        }

        _guest.Check(directory);
        if (_tables.HasPointerRegisters && !_spaces.TryLoadPointers(current, directory))
        {
            return false;
        }

        Statistics.Loads++;
        SwitchTo(current, directory);
        return true;
    }

    public void EnterLinear(int cpu)
    {
        ShadowCpu current = Alive(cpu);
        if (!current.IsLinear)
        {
            _spaces.EnterLinear(current);
            Finish(current);
        }
    }

    public void SetControls(int cpu, PagingControls controls)
    {
        ShadowCpu current = Alive(cpu);
        if (current.Controls == controls)
        {
            return;
        }

        current.Controls = controls;
        if (!current.IsLinear)
        {
            SwitchTo(current, current.Directory);
        }
    }

    public void FlushUser(int cpu)
    {
        ShadowCpu current = Alive(cpu);
        Statistics.UserFlushes++;
        _flusher.FlushUser(current);
        Finish(current);
    }

    public void ClearAll(int cpu)
    {
        ShadowCpu current = Alive(cpu);
        Statistics.FullFlushes++;
        _flusher.ClearAll();
        Finish(current);
    }

    public void InvalidatePage(int cpu, Gva address)
    {
        ShadowCpu current = Alive(cpu);
        Statistics.PageInvalidations++;
        if (!current.IsLinear && address.Value < _tables.SwitcherAddress)
        {
            _flusher.InvalidatePage(current, address);
        }

        _tables.Settle();
    }

    public void PrepareToRun(int cpu, int hostCpu)
    {
        ShadowCpu current = Alive(cpu);
        if (_switcher is not null)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(hostCpu);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(hostCpu, _switcherPages!.HostCpus);
            _switcher.Show(current, hostCpu);
        }

        Finish(current);
    }

    public void SetGuestData(Gva kernelAddress)
    {
        _fate.ThrowIfDead();
        if (!_tables.HasSwitcher)
        {
            return;
        }

        if (kernelAddress.Value >= _tables.SwitcherAddress)
        {
            _fate.Kill(KernelInSwitcher(kernelAddress.Value));
        }

        _tables.KernelAddress = kernelAddress.Value;
        ClearAll(0);
    }

    public Gpa TranslateGuest(int cpu, Gva address) => _guest.Translate(Alive(cpu), address);

    public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation)
    {
        ThrowIfDisposed();
        ShadowCpu current = Cpu(cpu);
        translation = new Gpa(address.Value);
        if (current.IsLinear)
        {
            return true;
        }

        if (_guest.Probe(current, address, out ulong leaf, out int level) != PageFaultCode.Present)
        {
            return false;
        }

        translation = new Gpa(GuestTables<TFormat>.PageAddress(leaf, level, address.Value) | address.PageOffset);
        return true;
    }

    public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation)
    {
        ThrowIfDisposed();
        ShadowCpu current = Cpu(cpu);
        return HardwareWalk<TFormat>.TryTranslate(
            _tables.Host, current.Root, address, access, PagingControls.All, out translation, out _);
    }

    public bool TryGetGuestPage(int cpu, Gva address, out Gfn page)
    {
        ThrowIfDisposed();
        page = default;
        int index = Paging<TFormat>.IndexOf(address.Value, 1);
        if (!_tables.TryGetLeafTable(Cpu(cpu).RootTable, address.Value, out int number)
            || _tables.Table[number].Is(TableFlags.Permanent)
            || ShadowTables<TFormat>.EntryOf(ref _tables.Table[number], index) == 0)
        {
            return false;
        }

        page = new Gfn(ShadowTables<TFormat>.PageOf(ref _tables.Table[number], index));
        return true;
    }

    public IEnumerable<ShadowLeaf> Leaves(int cpu)
    {
        ThrowIfDisposed();
        return TableView<TFormat>.Shadow(this, Cpu(cpu));
    }

    public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last)
    {
        ThrowIfDisposed();
        return TableView<TFormat>.Guest(this, Cpu(cpu), first.Value, last.Value);
    }

    public int Trim(int tables)
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfNegative(tables);
        int trimmed = _reclaimer.Trim(tables);
        _tables.Settle();
        return trimmed;
    }

    public string? Audit()
    {
        ThrowIfDisposed();
        return (_audit ??= new ShadowAudit<TFormat>(this)).Run();
    }

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_disposed, this);

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Memory.SetWatcher(null);
        foreach (ShadowCpu cpu in _cpus)
        {
            _stacks.Forget(cpu);
            cpu.RootTable = 0;
            cpu.Root = Pfn.None;
        }

        _roots.EvictAll();

        foreach (ShadowCpu cpu in _cpus)
        {
            _switcher?.End(cpu);
        }

        _tables.Dispose();
        _fate.MarkDisposed();
    }

    // (vii) Start: linear mode, the Switcher mapped. A failure gives everything back.
    private void Begin()
    {
        try
        {
            foreach (ShadowCpu cpu in _cpus)
            {
                Spare(TFormat.Levels);
                if (_switcher is not null && !_switcher.TryBegin(cpu))
                {
                    throw new InsufficientMemoryException("The host has no frame left for a virtual CPU's register page.");
                }

                _spaces.EnterLinear(cpu);
            }

            if (_tables.HasSwitcher && _tables.KernelAddress >= _tables.SwitcherAddress)
            {
                _fate.Refuse(KernelInSwitcher(_tables.KernelAddress));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private void Spare(int count)
    {
        while (_tables.Pool.Spare < count)
        {
            if (!_tables.Pool.TryMakeSpare())
            {
                throw new InsufficientMemoryException("The host has no frames left for a guest's first shadow tables.");
            }
        }
    }

    private FaultOutcome SwitcherFault(ShadowCpu cpu, Gva address, PageAccess access)
    {
        PageFaultCode code = access.Code | (cpu.IsLinear ? 0 : _guest.Probe(cpu, address, out _, out _));
        return FaultOutcome.Fault(TFormat.HasNoExecute(cpu.Controls) ? code : code & ~PageFaultCode.Fetch);
    }

    private string KernelInSwitcher(ulong address) =>
        $"the kernel address 0x{address:x} lies in the Switcher's range, which begins at 0x{_tables.SwitcherAddress:x}";

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ShadowCpu Alive(int cpu)
    {
        if (_fate.IsDead)
        {
            _fate.ThrowIfDead();
        }

        return Cpu(cpu);
    }

    private void ThrowNoSuchCpu(int cpu) =>
        throw new ArgumentOutOfRangeException(nameof(cpu), cpu, $"The guest has virtual CPUs 0 to {_cpus.Length - 1}.");

    // A root whose guest table seemed to be none is not watched any more; before it is filled again there must be one that is.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void RenewIfObsolete(ShadowCpu cpu)
    {
        if (!_tables.IsNotified && _tables.Table[cpu.RootTable].Is(TableFlags.Obsolete))
        {
            SwitchTo(cpu, cpu.Directory);
        }
    }

    // "A known table: its root becomes current, nothing else." A new one gets the stack pinned.
    private void SwitchTo(ShadowCpu cpu, Gpa directory)
    {
        if (_spaces.Switch(cpu, directory))
        {
            _tables.Settle();
        }
        else
        {
            Finish(cpu);
        }
    }

    // Before the guest runs again: what was taken is gone everywhere, and its stack is where a trap expects it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Finish(ShadowCpu cpu)
    {
        _tables.Settle();
        RenewIfObsolete(cpu);
        if (_stacks.MayBeMissing(cpu))
        {
            _stacks.Repin(cpu);
            _tables.Settle();
        }
    }
}
