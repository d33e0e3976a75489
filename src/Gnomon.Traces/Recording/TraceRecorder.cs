using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Traces.Recording;

/// <summary>
/// Records a live guest: stands in front of its shadow tables, passes everything on, and writes each request as a line of a trace.
/// What the guest has written to its page tables meanwhile comes as <c>poke</c> lines before the request that may depend on it.
/// </summary>
/// <remarks>
/// Called with the guest's lock held, as the tables themselves.
/// </remarks>
public sealed class TraceRecorder : IShadowMmu
{
    private readonly IShadowMmu _inner;
    private readonly TraceWriter _writer;
    private readonly RecordedTables _tables;
    private readonly (Gva Top, int Pages)[] _stacks;
    private int _cpu;

    /// <summary>Begins the trace.</summary>
    /// <param name="inner">The shadow tables; disposed with this object.</param>
    /// <param name="output">Where the trace goes; not closed.</param>
    /// <param name="header">The guest, as a header says it.</param>
    public TraceRecorder(IShadowMmu inner, TextWriter output, TraceHeader header)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(header);
        _inner = inner;
        _writer = new TraceWriter(output, header, "recorded");
        _tables = new RecordedTables(inner.Memory, header.Shape, header.Coherence != Coherence.Notified, _writer.Write);
        _stacks = new (Gva, int)[inner.Options.Cpus];
        _writer.Write(new TraceOperation.Init());
        for (int cpu = 0; cpu < inner.Options.Cpus; cpu++)
        {
            if (inner.Cpu(cpu).Controls != PagingControls.All)
            {
                Write(cpu, new TraceOperation.Controls(inner.Cpu(cpu).Controls));
            }
        }

        if (inner.Memory.Watcher is { } watcher)
        {
            inner.Memory.SetWatcher(new RecordingWatcher(watcher, Stored));
        }
    }

    /// <inheritdoc/>
    public GuestMemory Memory => _inner.Memory;

    /// <inheritdoc/>
    public ShadowOptions Options => _inner.Options;

    /// <inheritdoc/>
    public ShadowStatistics Statistics => _inner.Statistics;

    /// <inheritdoc/>
    public string? KillReason => _inner.KillReason;

    /// <inheritdoc/>
    public string FormatName => _inner.FormatName;

    /// <inheritdoc/>
    public ShadowCpu Cpu(int cpu) => _inner.Cpu(cpu);

    /// <inheritdoc/>
    public FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        SayPath(cpu, address);
        SayStack(cpu, _inner.Cpu(cpu).Directory);
        Write(cpu, new TraceOperation.Fault(address, code));
        FaultOutcome outcome = _inner.DemandPage(cpu, address, code);
        LearnPath(cpu, address);
        LearnStack(cpu);
        return outcome;
    }

    /// <inheritdoc/>
    public void PinPage(int cpu, Gva address)
    {
        SayPath(cpu, address);
        Write(cpu, new TraceOperation.Pin(address));
        _inner.PinPage(cpu, address);
        LearnPath(cpu, address);
    }

    /// <inheritdoc/>
    public void SetStack(int cpu, Gva top, int pages)
    {
        _tables.SayAll();
        _stacks[cpu] = (top, pages);
        SayStack(cpu, _inner.Cpu(cpu).Directory);
        Write(cpu, new TraceOperation.StackPages(top, (uint)pages));
        _inner.SetStack(cpu, top, pages);
        LearnStack(cpu);
    }

    /// <inheritdoc/>
    public void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        _tables.SayPath(directory, address, 1);
        Write(cpu, new TraceOperation.SetPte(directory, address, entry));
        _inner.SetPte(cpu, directory, address, entry);
    }

    /// <inheritdoc/>
    public void SetPgd(int cpu, Gpa directory, uint index)
    {
        _tables.SayEntry(directory, index);
        Pass(cpu, new TraceOperation.SetPgd(directory, index), () => _inner.SetPgd(cpu, directory, index));
    }

    /// <inheritdoc/>
    public void SetPmd(int cpu, Gpa table, uint index)
    {
        _tables.SayEntry(table, index);
        Pass(cpu, new TraceOperation.SetPmd(table, index), () => _inner.SetPmd(cpu, table, index));
    }

    /// <inheritdoc/>
    public bool LoadPageTable(int cpu, Gpa directory)
    {
        _tables.SayAll();
        _tables.SayTop(directory);
        SayStack(cpu, directory);
        Write(cpu, new TraceOperation.Load(directory));
        bool loaded = _inner.LoadPageTable(cpu, directory);
        LearnStack(cpu);
        return loaded;
    }

    /// <inheritdoc/>
    public void EnterLinear(int cpu)
    {
        Write(cpu, new TraceOperation.EnterLinear());
        _inner.EnterLinear(cpu);
    }

    /// <inheritdoc/>
    public void SetControls(int cpu, PagingControls controls)
    {
        if (controls == _inner.Cpu(cpu).Controls)
        {
            _inner.SetControls(cpu, controls);
            return;
        }

        Pass(cpu, new TraceOperation.Controls(controls), () => _inner.SetControls(cpu, controls));
    }

    /// <inheritdoc/>
    public void FlushUser(int cpu) => Pass(cpu, new TraceOperation.FlushUser(), () => _inner.FlushUser(cpu));

    /// <inheritdoc/>
    public void ClearAll(int cpu) => Pass(cpu, new TraceOperation.ClearAll(), () => _inner.ClearAll(cpu));

    /// <inheritdoc/>
    public void InvalidatePage(int cpu, Gva address)
    {
        SayPath(cpu, address);
        Write(cpu, new TraceOperation.InvalidatePage(address));
        _inner.InvalidatePage(cpu, address);
    }

    /// <inheritdoc/>
    public void PrepareToRun(int cpu, int hostCpu)
    {
        SayStack(cpu, _inner.Cpu(cpu).Directory);
        Write(cpu, new TraceOperation.MapSwitcher(hostCpu));
        _inner.PrepareToRun(cpu, hostCpu);
        LearnStack(cpu);
    }

    /// <inheritdoc/>
    public void SetGuestData(Gva kernelAddress)
    {
        // What it does besides is a flush.
        _writer.Comment($"the guest declares its kernel address {kernelAddress}: it stands in the header");
        Pass(0, new TraceOperation.ClearAll(), () => _inner.SetGuestData(kernelAddress));
    }

    /// <inheritdoc/>
    public Gpa TranslateGuest(int cpu, Gva address)
    {
        SayPath(cpu, address);
        Write(cpu, new TraceOperation.Translate(address));
        return _inner.TranslateGuest(cpu, address);
    }

    /// <inheritdoc/>
    public bool TryTranslateGuest(int cpu, Gva address, out Gpa translation) => _inner.TryTranslateGuest(cpu, address, out translation);

    /// <inheritdoc/>
    public bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation) =>
        _inner.TryWalkShadow(cpu, address, access, out translation);

    /// <inheritdoc/>
    public bool TryGetGuestPage(int cpu, Gva address, out Gfn page) => _inner.TryGetGuestPage(cpu, address, out page);

    /// <inheritdoc/>
    public IEnumerable<ShadowLeaf> Leaves(int cpu) => _inner.Leaves(cpu);

    /// <inheritdoc/>
    public IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last) => _inner.GuestLeaves(cpu, first, last);

    /// <inheritdoc/>
    public int Trim(int tables) => _inner.Trim(tables);

    /// <inheritdoc/>
    public string? Audit() => _inner.Audit();

    /// <inheritdoc/>
    public void Dispose() => _inner.Dispose();

    private void Write(int cpu, TraceOperation operation)
    {
        if (cpu != _cpu)
        {
            _writer.Write(new TraceOperation.Cpu(cpu));
            _cpu = cpu;
        }

        _writer.Write(operation);
    }

    // Operations that may look at everything, and pin the stack again.
    private void Pass(int cpu, TraceOperation operation, Action call)
    {
        _tables.SayAll();
        SayStack(cpu, _inner.Cpu(cpu).Directory);
        Write(cpu, operation);
        call();
        LearnStack(cpu);
    }

    // A store that the shadows hear of, at its time: what comes of it depends on its size and on its neighbours.
    private void Stored(Gpa address, int length)
    {
        Span<byte> bytes = stackalloc byte[TraceOperation.MaxStore];
        for (int done = 0; done < length; done += bytes.Length)
        {
            int size = Math.Min(bytes.Length, length - done);
            Gpa place = new(address.Value + (ulong)done);
            bytes.Clear();
            _inner.Memory.Read(place, bytes[..size]);
            _writer.Write(new TraceOperation.Store(place, size, BinaryPrimitives.ReadUInt64LittleEndian(bytes)));
        }

        _tables.LearnStore(address, length);
    }

    private void SayStack(int cpu, Gpa directory)
    {
        if (!_inner.Cpu(cpu).IsLinear || directory != default)
        {
            foreach (Gva page in StackOf(cpu))
            {
                _tables.SayPath(directory, page, 1);
            }
        }
    }

    private void LearnStack(int cpu)
    {
        foreach (Gva page in StackOf(cpu))
        {
            LearnPath(cpu, page);
        }
    }

    private IEnumerable<Gva> StackOf(int cpu)
    {
        (Gva top, int pages) = _stacks[cpu];
        for (int i = 0; i < Math.Min(pages, 2); i++)
        {
            yield return new Gva(top.Value - 1 - (uint)(i * PageSize.Bytes));
        }
    }

    private void SayPath(int cpu, Gva address)
    {
        if (!_inner.Cpu(cpu).IsLinear)
        {
            _tables.SayPath(_inner.Cpu(cpu).Directory, address, _inner.Options.Prefault);
        }
    }

    private void LearnPath(int cpu, Gva address)
    {
        if (!_inner.Cpu(cpu).IsLinear)
        {
            _tables.LearnPath(_inner.Cpu(cpu).Directory, address);
        }
    }
}
