namespace Gnomon.Model.Tests.Model;

/// <summary>
/// The obvious model of a guest under shadow paging: walks the guest's tables for every question and keeps nothing but what
/// the guest itself can know, and which entries it has changed without saying so.
/// </summary>
public sealed class GuestModel
{
    private readonly ModelCpu[] _cpus;
    private readonly ModelPaging _paging;
    private readonly HashSet<(ulong Directory, bool LargePages, bool NoExecute)> _seen = [];

    /// <summary>A fresh guest in linear mode.</summary>
    public GuestModel(ModelConfig config)
    {
        Config = config;
        Memory = new ModelMemory();
        Stale = new StaleEntries();
        Walker = new ModelWalker(config, Memory, Stale);
        _cpus = [.. Enumerable.Range(0, config.Cpus).Select(_ => new ModelCpu())];
        _paging = new ModelPaging(config, Walker);
    }

    /// <summary>The guest.</summary>
    public ModelConfig Config { get; private set; }

    /// <summary>Its memory.</summary>
    public ModelMemory Memory { get; }

    /// <summary>What shadows may still show of the past.</summary>
    public StaleEntries Stale { get; }

    /// <summary>The walks.</summary>
    public ModelWalker Walker { get; private set; }

    /// <summary>Whether a store to a page may be caught, as far as the driver can see.</summary>
    public Func<ulong, bool> MayBeWatched { get => _paging.MayBeWatched; set => _paging.MayBeWatched = value; }

    /// <summary>A virtual CPU.</summary>
    public ModelCpu Cpu(int cpu) => _cpus[cpu];

    /// <summary>The guest stores bytes that do not cross a page.</summary>
    public void Store(ulong address, ReadOnlySpan<byte> bytes)
    {
        ulong size = (ulong)Config.EntrySize;
        for (ulong entry = address & ~(size - 1); entry < address + (ulong)bytes.Length; entry += size)
        {
            ulong old = Memory.Read(entry, (int)size);
            for (int level = 1; level <= Config.Levels; level++)
            {
                if (Config.Coherence == ModelCoherence.Notified || (Config.Coherence == ModelCoherence.Lazy && level == 1))
                {
                    Stale.Remember(entry, level, old);
                }
                else
                {
                    Stale.Forget(entry, level);
                }
            }
        }

        Memory.Write(address, bytes);
    }

    /// <summary>(i) A page fault.</summary>
    public Expectation DemandPage(int cpu, uint address, uint code)
    {
        Expectation e = new();
        _paging.PinStack(_cpus[cpu], e, certain: !Config.InSwitcher(address));
        if (e.Kill == ModelKill.Must)
        {
            // The fault may have been handled before the stack was looked for.
            Expectation fault = new();
            _paging.Demand(_cpus[cpu], address, code, fault);
            e.Effects.AddRange(fault.Effects.Select(effect => effect with { Certain = false }));
        }
        else
        {
            _paging.Demand(_cpus[cpu], address, code, e);
            if (e.Result == ModelResult.Mapped && !_cpus[cpu].Linear)
            {
                Stale.FlushPage(_cpus[cpu].View, address);
            }
        }

        return e;
    }

    /// <summary>(ii) A pin.</summary>
    public Expectation PinPage(int cpu, uint address)
    {
        Expectation e = new() { Result = ModelResult.Ok };
        PinAllStacks(e);
        _paging.Pin(_cpus[cpu], address, e, certain: true);
        e.Result = ModelResult.Ok;
        return e;
    }

    /// <summary>(ii) The stack.</summary>
    public Expectation SetStack(int cpu, uint top, int pages)
    {
        Expectation e = new();
        if (pages is < 0 or > 2)
        {
            e.MustKill("a stack has one or two pages");
            return e;
        }

        _cpus[cpu].StackTop = top;
        _cpus[cpu].StackPages = pages;
        _paging.PinStack(_cpus[cpu], e, certain: true);
        return Plain(e);
    }

    /// <summary>(iii) A leaf entry changed.</summary>
    public Expectation SetPte(int cpu, ulong directory, uint address, ulong entry)
    {
        Expectation e = new();
        if (Config.InSwitcher(address))
        {
            e.MustKill("the Switcher's range");
            return e;
        }

        ModelCpu c = _cpus[cpu];
        ulong top = directory & Config.TopMask;
        ModelWalk walk = Walker.Walk(c, top, address);
        if (!Walker.InMemory(top))
        {
            e.MustKill("the directory is outside memory");
        }
        else if (walk.End == WalkEnd.Outside)
        {
            if (c.Linear)
            {
                e.MayKill("a table on the way is outside memory, in linear mode");
            }
            else
            {
                e.MustKill("a table on the way is outside memory");
            }
        }
        else if (!c.Linear && walk.Steps[^1].Level == 1)
        {
            WalkStep step = walk.Steps[^1];
            Stale.Forget(step.Address, 1);
            if (entry != step.Entry && (entry & 0x21) == 0x21)
            {
                // The guest may lie: what it announced is what the shadow shows.
                Stale.Remember(step.Address, 1, entry);
            }
        }

        PinAllStacks(e);
        return Plain(e);
    }

    /// <summary>(iii) A top-level entry changed.</summary>
    public Expectation SetPgd(int cpu, ulong directory, uint index) =>
        SetUpper(cpu, directory & Config.TopMask, index, Config.TopEntries, Config.Levels);

    /// <summary>(iii) A mid-level entry changed.</summary>
    public Expectation SetPmd(int cpu, ulong table, uint index) => SetUpper(cpu, table & ~0xFFFUL, index, 512, 2);

    /// <summary>(iv) CR3.</summary>
    public Expectation Load(int cpu, ulong directory)
    {
        Expectation e = new();
        ModelCpu c = _cpus[cpu];
        directory &= Config.TopMask;
        if (!Config.Unmodified && !Walker.InMemory(directory))
        {
            e.MustKill("the directory is outside memory");
            return e;
        }

        ulong[]? pointers = null;
        if (Config.Unmodified && Config.Pae)
        {
            pointers = [.. Enumerable.Range(0, 4).Select(i => Walker.InMemory(directory) ? Memory.Read(directory + ((ulong)i * 8), 8) : 0)];
            if (pointers.Any(p => (p & 1) != 0 && (p & 0xFFFF_FFF0_0000_01E6) != 0))
            {
                e.Result = ModelResult.Refused;
                return e;
            }
        }

        c.Linear = false;
        c.Directory = directory;
        c.Pointers = pointers;
        bool fresh = _seen.Add((directory, c.LargePages, c.NoExecute));
        if (Config.Coherence == ModelCoherence.Lazy)
        {
            Stale.ForgetAll();
        }
        else if (fresh)
        {
            Stale.FlushHalf(c.View, kernel: false);
            Stale.FlushHalf(c.View, kernel: true);
        }

        _paging.PinStack(c, e, certain: fresh);
        PinAllStacks(e);
        return Plain(e);
    }

    /// <summary>Paging off.</summary>
    public Expectation EnterLinear(int cpu)
    {
        _cpus[cpu].Linear = true;
        _cpus[cpu].Directory = 0;
        _cpus[cpu].Pointers = null;
        Expectation e = new();
        PinAllStacks(e);
        return Plain(e);
    }

    /// <summary>CR0.WP, CR4.PSE, EFER.NXE.</summary>
    public Expectation SetControls(int cpu, bool writeProtect, bool largePages, bool noExecute)
    {
        ModelCpu c = _cpus[cpu];
        c.WriteProtect = writeProtect;
        c.LargePages = largePages;
        c.NoExecute = noExecute;
        if (!c.Linear)
        {
            _seen.Add((c.Directory, largePages, noExecute));
        }

        Expectation e = new();
        PinAllStacks(e);
        return Plain(e);
    }

    /// <summary>(v) The user half.</summary>
    public Expectation FlushUser(int cpu)
    {
        ModelCpu c = _cpus[cpu];
        if (!c.Linear)
        {
            Stale.FlushHalf(c.View, kernel: false);
        }

        return AfterFlush(cpu);
    }

    /// <summary>(v) Everything.</summary>
    public Expectation ClearAll(int cpu)
    {
        Stale.ForgetAll();
        return AfterFlush(cpu);
    }

    /// <summary>INVLPG.</summary>
    public Expectation InvalidatePage(int cpu, uint address)
    {
        if (!_cpus[cpu].Linear)
        {
            Stale.FlushPage(_cpus[cpu].View, address);
        }

        Expectation e = new();
        PinAllStacks(e);
        return Plain(e);
    }

    /// <summary>(vi) Before it runs.</summary>
    public Expectation PrepareToRun(int cpu, int hostCpu)
    {
        _cpus[cpu].HostCpu = hostCpu;
        Expectation e = new();
        _paging.PinStack(_cpus[cpu], e, certain: true);
        return Plain(e);
    }

    /// <summary>(vii) The guest declares itself.</summary>
    public Expectation SetGuestData(uint kernel)
    {
        Expectation e = new();
        if (kernel >= Config.Switcher)
        {
            e.MustKill("the kernel address is inside the Switcher");
            return e;
        }

        Config = Config with { Kernel = kernel };
        Walker = _paging.Reconfigure(Config, Memory, Stale);
        Stale.ForgetAll();
        PinAllStacks(e);
        return Plain(e);
    }

    /// <summary>Translation for the host, which kills on what is not mapped.</summary>
    public Expectation Translate(int cpu, uint address)
    {
        Expectation e = new() { Result = ModelResult.Address };
        ModelWalk walk = Walker.Walk(_cpus[cpu], address);
        if (walk.End != WalkEnd.Found)
        {
            e.MustKill("the address is not mapped");
            return e;
        }

        e.Value = (walk.Page << 12) | (address & 0xFFF);
        if (walk.Page >= Config.Pages || Config.InSwitcher(address))
        {
            e.MayKill("it leads out of memory");
            e.AnyResult = Config.InSwitcher(address);
        }

        return e;
    }

    /// <summary>An operation that the guest does not see.</summary>
    public Expectation Invisible()
    {
        Expectation e = new();
        PinAllStacks(e);
        return Plain(e);
    }

    private Expectation SetUpper(int cpu, ulong table, uint index, uint entries, int level)
    {
        Expectation e = new();
        if (index >= entries)
        {
            e.MustKill("the index is past the end");
            return e;
        }

        if (!Walker.InMemory(table))
        {
            e.MustKill("the table is outside memory");
            return e;
        }

        if (_cpus[cpu].Linear)
        {
            PinAllStacks(e);
            return Plain(e);
        }

        Stale.Forget(table + (index * (uint)Config.EntrySize), level);
        return AfterFlush(cpu);
    }

    private Expectation AfterFlush(int cpu)
    {
        Expectation e = new();
        _paging.PinStack(_cpus[cpu], e, certain: true);
        PinAllStacks(e);
        return Plain(e);
    }

    // Stacks may be pinned again by any operation; they need not be.
    private void PinAllStacks(Expectation e)
    {
        foreach (ModelCpu cpu in _cpus)
        {
            _paging.PinStack(cpu, e, certain: false);
        }
    }

    private static Expectation Plain(Expectation e)
    {
        e.Result = ModelResult.Ok;
        e.WatchedAllowed = false;
        return e;
    }
}
