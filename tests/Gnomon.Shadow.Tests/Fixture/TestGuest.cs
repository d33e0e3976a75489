namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>
/// A guest under test: its memory, its shadow tables and virtual CPUs with a TLB each. Operations answer in the words of the trace
/// format ("mapped", "guest-fault 0x7", "0x5123"); after each the auditor runs, and at the end every frame must have come back.
/// </summary>
internal sealed class TestGuest : IDisposable
{
    /// <summary>The guest page that the first table of a test is put in; pages below are a test's own.</summary>
    public const uint FirstTablePage = 0x800;

    private readonly GuestBuilder _made;
    private readonly TestProcessor[] _processors;
    private uint _nextTable = FirstTablePage;
    private bool _broken;

    public TestGuest(GuestBuilder made)
    {
        _made = made;
        Host = made.Host ?? new HostMemory(made.HostMiB);
        Memory = made.Memory ?? new GuestMemory(Host, made.Pages);
        Memory.Store = made.Store;
        Shape = Shape.Of(made.Format);
        Switcher = made.Options.Guest == GuestKind.Paravirtual ? new Switcher(Host, made.HostCpus) : null;
        Mmu = made.Format == Format.TwoLevel
            ? ShadowMmu.CreateTwoLevel(Memory, made.Options, Switcher)
            : ShadowMmu.CreatePae(Memory, made.Options, Switcher);
        _processors = [.. Enumerable.Range(0, made.Options.Cpus).Select(cpu => new TestProcessor(this, cpu))];
        Check();
    }

    public HostMemory Host { get; }

    public GuestMemory Memory { get; }

    public Switcher? Switcher { get; }

    public IShadowMmu Mmu { get; }

    public Shape Shape { get; }

    public Format Format => _made.Format;

    public ShadowStatistics Statistics => Mmu.Statistics;

    public TestTlb Tlb(int cpu = 0) => _processors[cpu].Tlb;

    // ---- the guest's memory

    /// <summary>A zeroed page for a table.</summary>
    public ulong NewTable() => (ulong)_nextTable++ << 12;

    /// <summary>An address space with nothing in it, its top-level table in a page of its own or where the test says.</summary>
    public AddressSpace NewSpace(ulong? directory = null) => new(this, directory ?? NewTable());

    /// <summary>An address space that has a table for the kernel's first addresses, and its stack page mapped there.</summary>
    public AddressSpace NewKernelSpace() => NewSpace().Map(StackTop - 1 & ~0xFFFu, StackPage, KernelPage);

    /// <summary>A plain store of one entry by the guest. Where the page is watched it is reported, else nobody hears of it.</summary>
    public void Poke(ulong place, ulong entry)
    {
        Span<byte> bytes = stackalloc byte[8];
        BitConverter.TryWriteBytes(bytes, entry);
        Assert.Equal(PageStatus.Ok, Memory.Write(new Gpa(place), bytes[..Shape.EntrySize]));
    }

    /// <summary>Stores bytes and lets the auditor look.</summary>
    public void Store(ulong place, params byte[] bytes)
    {
        Assert.Equal(PageStatus.Ok, Memory.Write(new Gpa(place), bytes));
        Check();
    }

    /// <summary>An entry as it stands in memory.</summary>
    public ulong Peek(ulong place)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Assert.Equal(PageStatus.Ok, Memory.Read(new Gpa(place), bytes[..Shape.EntrySize]));
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>References to the frame behind a page: 1 for its backing, and 1 for each leaf that maps it.</summary>
    public int References(uint page) => Host.References(Memory.Page(new Gfn(page)).Frame);

    /// <summary>The host takes the page back.</summary>
    public PageStatus Reclaim(uint page) => Then(() => Memory.Reclaim(new Gfn(page)));

    /// <summary>Writes through the door, so that the page is backed.</summary>
    public void Fill(uint page, byte value) => Assert.Equal(PageStatus.Ok, Memory.Write(new Gfn(page).Address, [value]));

    // ---- the seven parts

    /// <summary>Loads an address space and answers whether the processor accepts it.</summary>
    public bool Load(AddressSpace space, int cpu = 0) => Then(() => Mmu.LoadPageTable(cpu, new Gpa(space.Directory)));

    /// <summary>A page fault, in the words of the trace format.</summary>
    public string Fault(uint address, uint code, int cpu = 0) => TraceWords.Of(Then(() => Mmu.DemandPage(cpu, new Gva(address), (PageFaultCode)code)));

    /// <summary>What a virtual CPU would do: its TLB, else a walk of the shadows, on a fault the engine, and again.</summary>
    /// <param name="address">Where.</param>
    /// <param name="kind">r, w or x, then u or k.</param>
    /// <param name="cpu">Which virtual CPU.</param>
    public string Access(uint address, string kind, int cpu = 0) => _processors[cpu].Access(address, kind);

    /// <summary>A store of one entry by guest code: "stored" in the frame that the shadows name, or "watched".</summary>
    public string StoreAt(uint address, ulong value, string mode = "k", int cpu = 0) =>
        _processors[cpu].Store(address, BitConverter.GetBytes(value).AsSpan(0, Shape.EntrySize), mode);

    /// <summary>What guest code reads at an address: faults are handled, the frame that the shadows name is read.</summary>
    public uint ReadAt(uint address, string mode = "u", int cpu = 0)
    {
        for (int attempt = 0; attempt < 4; attempt++)
        {
            if (Mmu.TryWalkShadow(cpu, new Gva(address), TraceWords.Kind("r" + mode), out HardwareTranslation hit))
            {
                return BitConverter.ToUInt32(Host.Bytes(hit.Frame)[(int)(address & 0xFFF)..]);
            }

            Assert.Equal(FaultKind.Mapped, Then(() => Mmu.DemandPage(cpu, new Gva(address), TraceWords.Kind("r" + mode).Code)).Kind);
        }

        throw Broken($"a load at 0x{address:x} faults for ever");
    }

    public void Pin(uint address, int cpu = 0) => Then(() => Mmu.PinPage(cpu, new Gva(address)));

    public void Stack(uint top, int pages, int cpu = 0) => Then(() => Mmu.SetStack(cpu, new Gva(top), pages));

    /// <summary>The guest stores a leaf entry and says so.</summary>
    public void SetPte(AddressSpace space, uint address, ulong entry, int cpu = 0)
    {
        space.Poke(address, entry);
        Announce(space, address, entry, cpu);
    }

    /// <summary>The guest says that a leaf entry is this now, whatever stands there.</summary>
    public void Announce(AddressSpace space, uint address, ulong entry, int cpu = 0) =>
        Then(() => Mmu.SetPte(cpu, new Gpa(space.Directory), new Gva(address), entry));

    /// <summary>The guest stores a top-level entry and says so.</summary>
    public void SetPgd(AddressSpace space, uint address, ulong entry, int cpu = 0)
    {
        space.Poke(address, entry, Shape.Levels);
        AnnounceTop(space.Directory, (uint)Shape.IndexOf(address, Shape.Levels), cpu);
    }

    /// <summary>The guest says that a top-level entry has changed.</summary>
    public void AnnounceTop(ulong directory, uint index, int cpu = 0) => Then(() => Mmu.SetPgd(cpu, new Gpa(directory), index));

    /// <summary>The guest stores the entry above a leaf table and says so: by SetPgd, in PAE by SetPmd.</summary>
    public void SetLevel2(AddressSpace space, uint address, ulong entry, int cpu = 0)
    {
        if (Shape.Levels == 2)
        {
            SetPgd(space, address, entry, cpu);
            return;
        }

        space.Poke(address, entry, 2);
        Then(() => Mmu.SetPmd(cpu, new Gpa(space.TableOf(address, 2)), (uint)Shape.IndexOf(address, 2)));
    }

    public void FlushUser(int cpu = 0) => Then(() => Mmu.FlushUser(cpu));

    public void ClearAll(int cpu = 0) => Then(() => Mmu.ClearAll(cpu));

    public void Invlpg(uint address, int cpu = 0) => Then(() => Mmu.InvalidatePage(cpu, new Gva(address)));

    /// <summary>The virtual CPU is about to run on a host CPU.</summary>
    public void Run(int hostCpu = 0, int cpu = 0) => Then(() => Mmu.PrepareToRun(cpu, hostCpu));

    public string Translate(uint address, int cpu = 0) => TraceWords.Hex(Then(() => Mmu.TranslateGuest(cpu, new Gva(address))).Value);

    // ---- looking

    /// <summary>The leaves of the current root as the trace format prints them, Switcher pages left out.</summary>
    public string[] Dump(int cpu = 0) => [.. Mmu.Leaves(cpu).Where(leaf => !leaf.IsSwitcher).Select(TraceWords.Of)];

    /// <summary>The Switcher's pages in the current root.</summary>
    public string[] DumpSwitcher(int cpu = 0) => [.. Mmu.Leaves(cpu).Where(leaf => leaf.IsSwitcher).Select(TraceWords.Of)];

    /// <summary>The rights of one leaf ("rw-u" without the x), or "none".</summary>
    public string Leaf(uint address, int cpu = 0)
    {
        foreach (ShadowLeaf leaf in Mmu.Leaves(cpu))
        {
            if (leaf.Address.Value == (address & ~0xFFFu))
            {
                return $"{TraceWords.Hex(leaf.Page.Address.Value)} r{(leaf.Writable ? 'w' : '-')}{(leaf.User ? 'u' : 'k')}";
            }
        }

        return "none";
    }

    /// <summary>The raw shadow entry of a level as the processor sees it; 0 where the path ends before.</summary>
    public ulong RawShadow(uint address, int level = 1, int cpu = 0)
    {
        Pfn table = Mmu.Cpu(cpu).Root;
        for (int above = Shape.Levels; ; above--)
        {
            ReadOnlySpan<byte> place = Host.Bytes(table)[(Shape.IndexOf(address, above) * Shape.EntrySize)..];
            ulong entry = Shape.EntrySize == 4 ? BitConverter.ToUInt32(place) : BitConverter.ToUInt64(place);
            if (above == level || (entry & P) == 0)
            {
                return above == level ? entry : 0;
            }

            table = new Pfn((uint)((entry & Shape.AddressMask) >> 12));
        }
    }

    /// <summary>The auditor finds nothing.</summary>
    public void Check()
    {
        if (_made.Audited && Mmu.Audit() is string broken)
        {
            throw Broken("broken: " + broken);
        }
    }

    /// <summary>The operation kills the guest; every later one does too, and the reason stays.</summary>
    public string Killed(Action operation)
    {
        Assert.Null(Mmu.KillReason);
        GuestKilledException killed = Assert.Throws<GuestKilledException>(operation);
        Assert.Equal(killed.Message, Mmu.KillReason);
        Assert.False(string.IsNullOrWhiteSpace(killed.Message));
        Check();
        Assert.Throws<GuestKilledException>(() => Mmu.DemandPage(0, new Gva(User), PageFaultCode.User));
        Assert.Throws<GuestKilledException>(() => Mmu.LoadPageTable(0, new Gpa(0x1000)));
        Assert.Equal(killed.Message, Mmu.KillReason);
        return killed.Message;
    }

    public void Dispose()
    {
        Mmu.Dispose();
        Memory.Dispose();
        Switcher?.Dispose();
        if (_made.Host is null && !_broken)
        {
            Assert.Equal(0, Host.FramesInUse);
        }

        if (_made.Host is null)
        {
            Host.Dispose();
        }
    }

    public void Then(Action operation) => Then(() =>
    {
        operation();
        return 0;
    });

    public T Then<T>(Func<T> operation)
    {
        T result = operation();
        Check();
        return result;
    }

    public InvalidOperationException Broken(string what)
    {
        _broken = true;
        return new InvalidOperationException(what);
    }
}
