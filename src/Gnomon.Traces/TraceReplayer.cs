using System.Buffers.Binary;
using System.Globalization;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>Runs a trace on shadow tables of its own and says what each operation came to.</summary>
public sealed class TraceReplayer : IDisposable
{
    private const int WriteAttempts = 8;
    private const string Looping = "looping: the access faults again and again though each fault is said to be mapped";

    private readonly Trace _trace;
    private readonly ReplayHost _host;
    private readonly int _auditEvery;
    private readonly int _entryBytes;
    private string? _killed;

    /// <summary>Builds the guest; nothing runs yet.</summary>
    /// <param name="trace">The trace.</param>
    /// <param name="options">What is done differently; null for nothing.</param>
    /// <param name="inFront">Puts something in front of the shadow tables, such as a recorder; it disposes them. Null for nothing.</param>
    /// <exception cref="ArgumentException">An option does not fit the trace.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no room for the guest.</exception>
    public TraceReplayer(Trace trace, ReplayOptions? options = null, Func<IShadowMmu, IShadowMmu>? inFront = null)
    {
        ArgumentNullException.ThrowIfNull(trace);
        options ??= new ReplayOptions();
        Header = options.Apply(trace.Header);
        if (Header.Slots < trace.Cpus)
        {
            throw new ArgumentException($"the trace has {trace.Cpus} virtual CPUs and each needs a slot of its own; give at least {trace.Cpus} slots", nameof(options));
        }

        _trace = trace;
        _auditEvery = options.AuditEvery;
        _entryBytes = Header.Shape.EntryBytes;
        _host = new ReplayHost(Header, trace.Cpus, trace.HostCpus, inFront);
    }

    /// <summary>The header, with the options put in.</summary>
    public TraceHeader Header { get; }

    /// <summary>The shadow tables.</summary>
    public IShadowMmu Mmu => _host.Mmu;

    /// <summary>The virtual CPU whose lines are being run.</summary>
    public int CurrentCpu { get; private set; }

    /// <summary>Why the guest was killed; null while it lives.</summary>
    public string? KillReason => _killed ?? _host.Mmu.KillReason;

    /// <summary>Runs the trace, an operation at each step.</summary>
    public IEnumerable<ReplayResult> Run()
    {
        int done = 0;
        foreach (TraceLine line in _trace.Lines)
        {
            List<string> details = [];
            string? broken = null;
            string text;
            if (line.Operation is TraceOperation.Audit)
            {
                broken = OneLine(_host.Mmu.Audit());
                text = broken is null ? "ok" : $"broken: {broken}";
            }
            else
            {
                text = Execute(line.Operation, details);
                broken = text == Looping ? text : null;
                if (_auditEvery > 0 && ++done % _auditEvery == 0)
                {
                    broken ??= OneLine(_host.Mmu.Audit());
                }
            }

            yield return new ReplayResult(line.Number, text, details, broken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _host.Dispose();

    private static string? OneLine(string? text) => text?.ReplaceLineEndings(" ");

    private static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    private string Execute(TraceOperation operation, List<string> details)
    {
        switch (operation)
        {
            case TraceOperation.Peek peek:
                return Peek(peek.Address);
            case TraceOperation.Stats:
                foreach ((string name, long value) in _host.Mmu.Statistics.All())
                {
                    details.Add(string.Create(CultureInfo.InvariantCulture, $"{name} {value}"));
                }

                return "ok";
        }

        try
        {
            return KillReason is null ? ExecuteAlive(operation, details) : $"killed: {OneLine(KillReason)}";
        }
        catch (GuestKilledException killed)
        {
            details.Clear();
            _killed = killed.Message;
            return $"killed: {OneLine(killed.Message)}";
        }
    }

    private string ExecuteAlive(TraceOperation operation, List<string> details)
    {
        IShadowMmu mmu = _host.Mmu;
        int cpu = CurrentCpu;
        switch (operation)
        {
            case TraceOperation.Init:
                break;
            case TraceOperation.Cpu select:
                CurrentCpu = select.Number;
                break;
            case TraceOperation.Poke poke:
                Store(poke.Address, _entryBytes, poke.Entry);
                break;
            case TraceOperation.Store store:
                Store(store.Address, store.Size, store.Value);
                break;
            case TraceOperation.StackPages stack:
                mmu.SetStack(cpu, stack.Top, unchecked((int)stack.Count));
                break;
            case TraceOperation.Load load:
                return mmu.LoadPageTable(cpu, load.Directory) ? "ok" : "guest-fault 0x0";
            case TraceOperation.Fault fault:
                PrepareToRun();
                return Outcome(mmu.DemandPage(cpu, fault.Address, fault.Code));
            case TraceOperation.Pin pin:
                mmu.PinPage(cpu, pin.Address);
                break;
            case TraceOperation.SetPte set:
                mmu.SetPte(cpu, set.Directory, set.Address, set.Entry);
                break;
            case TraceOperation.SetPgd set:
                mmu.SetPgd(cpu, set.Directory, set.Index);
                break;
            case TraceOperation.SetPmd set:
                mmu.SetPmd(cpu, set.Table, set.Index);
                break;
            case TraceOperation.InvalidatePage invalidate:
                mmu.InvalidatePage(cpu, invalidate.Address);
                break;
            case TraceOperation.Controls controls:
                mmu.SetControls(cpu, controls.Value);
                break;
            case TraceOperation.EnterLinear:
                mmu.EnterLinear(cpu);
                break;
            case TraceOperation.FlushUser:
                mmu.FlushUser(cpu);
                break;
            case TraceOperation.ClearAll:
                mmu.ClearAll(cpu);
                break;
            case TraceOperation.Translate translate:
                return mmu.TranslateGuest(cpu, translate.Address).ToString();
            case TraceOperation.MapSwitcher map:
                mmu.PrepareToRun(cpu, map.HostCpu);
                break;
            case TraceOperation.Access access:
                PrepareToRun();
                return Access(access);
            case TraceOperation.Reclaim reclaim:
                return Reclaim(reclaim.Page);
            case TraceOperation.FailAllocations fail:
                _host.Host.FailNextAllocations(fail.Count);
                break;
            case TraceOperation.Dump:
                details.AddRange(mmu.Leaves(cpu).Select(leaf => leaf.ToTraceText()));
                break;
            default:
                throw new InvalidOperationException($"The replayer does not know {operation}.");
        }

        return "ok";
    }

    private static string Outcome(FaultOutcome outcome) => outcome.Kind switch
    {
        FaultKind.Mapped => "mapped",
        FaultKind.GuestFault => $"guest-fault {Hex((uint)outcome.Code)}",
        FaultKind.Device => $"device {outcome.Address}",
        _ => $"watched {outcome.Address}",
    };

    private static string Refusal(PageStatus status, Gpa address) => status switch
    {
        PageStatus.Busy => $"guest page {address.Page} is in use",
        PageStatus.StoreFailed => $"the page store cannot take guest page {address.Page}",
        PageStatus.OutOfMemory => $"the host has no frame left for guest page {address.Page}",
        _ => $"guest page {address.Page} cannot be used ({status})",
    };

    // What the engine does before a virtual CPU runs guest code: a dropped stack is pinned again.
    private void PrepareToRun()
    {
        int hostCpu = _host.Mmu.Cpu(CurrentCpu).HostCpu;
        if (hostCpu >= 0)
        {
            _host.Mmu.PrepareToRun(CurrentCpu, hostCpu);
        }
    }

    // Looking brings nothing back: a page in the store is read there.
    private string Peek(Gpa address)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Span<byte> stored = stackalloc byte[PageSize.Bytes];
        if (_host.Memory.TryLookAtStored(address.Page, stored))
        {
            stored.Slice((int)address.PageOffset, _entryBytes).CopyTo(bytes);
            return Hex(BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        PageStatus status = _host.Memory.Read(address, bytes[.._entryBytes]);
        return status == PageStatus.Ok
            ? Hex(BinaryPrimitives.ReadUInt64LittleEndian(bytes))
            : $"refused: {Refusal(status, address)}";
    }

    private void Store(Gpa address, int size, ulong value)
    {
        Span<byte> bytes = stackalloc byte[TraceOperation.MaxStore];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        PageStatus status = PageStatus.Ok;
        for (int attempt = 0; attempt < WriteAttempts; attempt++)
        {
            status = _host.Memory.Write(address, bytes[..size]);
            if (status != PageStatus.OutOfMemory)
            {
                break;
            }

            _host.Mmu.Trim(1);
        }

        if (status != PageStatus.Ok)
        {
            throw new GuestKilledException($"the guest stores to {address}, but {Refusal(status, address)}");
        }
    }

    private string Reclaim(Gpa address)
    {
        PageStatus status = _host.Memory.Reclaim(address.Page);
        return status == PageStatus.Ok ? "ok" : $"refused: {Refusal(status, address)}";
    }

    private string Access(TraceOperation.Access access)
    {
        const int storeBytes = 4;
        const int attempts = 4;
        for (int attempt = 0; attempt <= attempts; attempt++)
        {
            if (_host.Mmu.TryWalkShadow(CurrentCpu, access.Address, access.Kind, out _))
            {
                return _host.Mmu.TryGetGuestPage(CurrentCpu, access.Address, out Gfn page)
                    ? new Gpa(page.Address.Value + access.Address.PageOffset).ToString()
                    : "switcher";
            }

            if (attempt == attempts)
            {
                break;
            }

            FaultOutcome outcome = _host.Mmu.DemandPage(CurrentCpu, access.Address, access.Kind.Code);
            switch (outcome.Kind)
            {
                case FaultKind.Mapped:
                    continue;
                case FaultKind.Watched:
                    int length = Math.Min(storeBytes, PageSize.Bytes - (int)outcome.Address.PageOffset);
                    _host.Memory.ReportStore(outcome.Address, length);
                    return outcome.Address.ToString();
                default:
                    return Outcome(outcome);
            }
        }

        return Looping;
    }
}
