using System.Buffers;
using System.Runtime.InteropServices;
using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Gnomon.Cpu.State;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu;

/// <summary>
/// A 32-bit x86 processor. It walks whatever page tables CR3 names in the physical memory that it was given, as a real one does, and
/// gives control back by value (<see cref="CpuExit"/>). It runs bare, or under a monitor that intercepts.
/// </summary>
/// <remarks>One thread at a time uses a processor, except for <see cref="RequestAttention"/> and <see cref="SetInterruptLine"/>, which any
/// thread may call.</remarks>
// SAFETY: the state is native memory allocated in the constructor and freed by Dispose; only this object and static handlers that it
// started hold its address.
public sealed unsafe class Processor : IDisposable, ITranslationCache
{
    private readonly BlockCache _blocks;
    private readonly BlockFinder _finder;
    private readonly CpuState* _state;
    private GCHandle _self;
    private volatile bool _interruptLine;
    private volatile bool _nmiLine;
    private bool _disposed;
    private ulong _before;
    private int _given;
    private int _aside;

    /// <summary>Makes a processor in the state after reset.</summary>
    /// <param name="memory">The physical address space.</param>
    /// <param name="options">What can be chosen.</param>
    public Processor(PhysicalMemory memory, ProcessorOptions? options = null)
    {
        Options = options ?? new ProcessorOptions();
        _state = (CpuState*)NativeMemory.AlignedAlloc((nuint)sizeof(CpuState), 64);
        *_state = default;
        _self = GCHandle.Alloc(this);
        _state->Owner = GCHandle.ToIntPtr(_self);
        _blocks = new BlockCache(_state, Options.CodeCacheBytes);
        Linear = new LinearMemory(_state, memory, _blocks);
        _finder = new BlockFinder(_state, Linear, _blocks);
        Registers = new ProcessorRegisters(this);
        Reset();
    }

    /// <summary>What it was made with.</summary>
    public ProcessorOptions Options { get; }

    /// <summary>What is intercepted.</summary>
    public Intercepts Intercepts
    {
        get => Linear.Intercepts;
        set => Linear.Intercepts = value;
    }

    /// <summary>Whether <see cref="Run"/> shall come back as soon as an interrupt could be taken.</summary>
    public bool WantsInterruptWindow { get; set; }

    /// <summary>Who says which vector an interrupt has, when the interrupt line is up.</summary>
    public IInterruptSource? InterruptSource { get; set; }

    /// <summary>Instructions completed since the processor was made; while a block runs, all of it. An exception, a software interrupt or the end of a task switch counts as one, an interrupt from outside as none. REP counts once for each time that it is begun or taken up again.</summary>
    public ulong Instructions => _before + (ulong)(_given - _state->Budget - _aside);

    /// <summary>Walks of page tables done.</summary>
    public long Walks => Linear.Walks;

    /// <summary>Blocks decoded.</summary>
    public long BlocksBuilt => _blocks.BlocksBuilt;

    /// <summary>Times that stores into decoded code threw a page's blocks away.</summary>
    public long CodePagesDropped => _blocks.PagesDropped;

    /// <summary>The registers, for who looks or sets up. Only between two runs.</summary>
    public ProcessorRegisters Registers { get; }

    internal CpuState* State => _state;

    internal LinearMemory Linear { get; }

    internal BlockCache Blocks => _blocks;

    /// <summary>The event whose delivery was stopped by an exit: it is taken up again by the next run.</summary>
    internal PendingEvent InFlight { get; set; }

    /// <summary>The exception or software interrupt whose delivery has begun last, and how many there were.</summary>
    internal (long Count, byte Vector, uint Code) LastEvent { get; private set; }

    internal static Processor Of(CpuState* state) => (Processor)GCHandle.FromIntPtr(state->Owner).Target!;

    /// <summary>The state after a reset (Intel SDM vol. 3, table 9-1): real mode, CS F000 with base FFFF0000, EIP FFF0.</summary>
    public void Reset()
    {
        ResetState.Apply(_state, Options);
        InFlight = default;
        Linear.Log.Clear();
        Linear.Redirection = null;
        Linear.Flush(keepGlobal: false);
        ProcessorMode.Refresh(_state);
    }

    /// <summary>Makes <see cref="Run"/> come back at the next block boundary with <see cref="CpuExitReason.Attention"/>.</summary>
    public void RequestAttention() => Interlocked.Or(ref _state->Attention, AttentionBits.Asked);

    /// <summary>Raises or lowers the interrupt line. While it is up and interrupts are enabled, one is taken.</summary>
    public void SetInterruptLine(bool up)
    {
        _interruptLine = up;
        if (up)
        {
            Interlocked.Or(ref _state->Attention, AttentionBits.Line);
        }
    }

    /// <summary>Asks for a non-maskable interrupt.</summary>
    public void RaiseNmi()
    {
        _nmiLine = true;
        Interlocked.Or(ref _state->Attention, AttentionBits.Line);
    }

    /// <summary>Runs instructions.</summary>
    /// <param name="instructions">How many at most, 1 … 2³⁰. Exactly so many are run unless something else ends the run.</param>
    /// <returns>Why it came back.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public CpuExit Run(int instructions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(instructions, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(instructions, 1 << 30);
        _before = Instructions;
        _given = instructions;
        _state->Budget = instructions;
        return RunUntilExit();
    }

    /// <summary>The value that a port or device gave, or a control register shows: the instruction is repeated with it by the next run.</summary>
    public void CompleteRead(ulong value) => Linear.Log.Add(value);

    /// <summary>The write to a port or device is done.</summary>
    public void CompleteWrite() => Linear.Log.Add(0);

    /// <summary>Goes on behind the instruction that made the exit, without running it.</summary>
    /// <param name="length">Its length (<see cref="CpuExit.Size"/>).</param>
    public void SkipInstruction(int length)
    {
        _state->Eip += (uint)length;
        _state->SystemFlags &= ~Flags.Resume;
        _state->Shadow = 0;
        Linear.Log.Clear();
        Linear.Redirection = null;
    }

    /// <summary>Delivers a fault of the instruction at EIP when the processor runs next. If the delivery of another event was stopped by
    /// an exit, the two combine as they do in hardware: to a double fault, or a triple one.</summary>
    /// <param name="vector">The vector.</param>
    /// <param name="code">The error code, where the vector has one.</param>
    /// <param name="address">CR2, for a page fault.</param>
    public void InjectFault(byte vector, uint code = 0, uint address = 0)
    {
        if (vector == Vector.PageFault)
        {
            _state->Cr2 = address;
        }

        Linear.Log.Clear();
        Linear.Redirection = null;
        Ops.Raise(_state, vector, code);
    }

    /// <summary>Delivers an external interrupt when the processor runs next. Only where interrupts can be taken (<see cref="CanInterrupt"/>).</summary>
    public void InjectInterrupt(byte vector)
    {
        _state->Activity = ActivityState.Running;
        EventDelivery.Deliver(_state, vector, 0, EventKind.External);
    }

    /// <summary>Whether an external interrupt could be taken before the next instruction.</summary>
    public bool CanInterrupt => (_state->SystemFlags & Flags.Interrupt) != 0 && _state->Shadow == 0
        && _state->Pending == Pending.None && !InFlight.IsActive && !Linear.Log.IsRepeating;

    /// <summary>Whether an exception or interrupt is to be delivered before the next instruction: the next run begins with it.</summary>
    public bool IsDelivering => _state->Pending == Pending.Exception || InFlight.IsActive;

    /// <summary>Drops decoded code from bytes that someone else has changed: a device, the host, another processor.</summary>
    /// <param name="host">The first byte, as <see cref="PhysicalMemory.Find"/> gave its page.</param>
    /// <param name="length">Bytes; not past the page's end.</param>
    public void NotifyStore(nint host, int length) => _blocks.Stored((byte*)host, (uint)length);

    /// <summary>Treats linear pages as devices for the next instruction only, and for what an exception of it pushes; null ends it.</summary>
    public void Redirect(Redirection? redirection)
    {
        Linear.Redirection = redirection;
        for (Redirection? page = redirection; page is not null; page = page.Next)
        {
            Linear.FlushPage(page.Page);
        }
    }

    /// <summary>Treats one more linear page as a device for the next instruction: one that touches several such pages needs them all at once.</summary>
    public void AddRedirection(Redirection redirection)
    {
        ArgumentNullException.ThrowIfNull(redirection);
        Linear.Redirection = redirection with { Next = Linear.Redirection };
        Linear.FlushPage(redirection.Page);
    }

    /// <summary>Drops cached translations: all, or all but global ones.</summary>
    public void FlushTranslations(bool keepGlobal = false) => Linear.Flush(keepGlobal);

    /// <summary>Drops the cached translation of one page.</summary>
    public void FlushPage(uint address) => Linear.FlushPage(address);

    /// <summary>Writes the state: registers, lines and all that is pending, between two runs. Not what the monitor has chosen (intercepts, the
    /// interrupt source), not cached translations and code.</summary>
    /// <param name="output">Where the bytes go.</param>
    public void Save(IBufferWriter<byte> output)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(output);
        ProcessorState.Save(this, output);
    }

    /// <summary>Takes a saved state in place of this one. Memory must be what it was when the state was saved.</summary>
    /// <param name="state">What <see cref="Save"/> has written.</param>
    /// <exception cref="CpuStateException">It cannot be loaded; nothing has changed then.</exception>
    public void Load(ReadOnlyMemory<byte> state)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ProcessorState.Load(this, state);
    }

    /// <inheritdoc/>
    public void Invalidate(in Invalidation what)
    {
        if (what.Length > PageSize.Bytes * 32UL)
        {
            FlushTranslations();
            return;
        }

        for (ulong at = 0; at < what.Length; at += PageSize.Bytes)
        {
            uint address = (uint)(what.Start.Value + at);
            if (what.Kind == InvalidationKind.WriteAccess)
            {
                Linear.Supervisor.ProtectLinear(address);
                Linear.User.ProtectLinear(address);
            }
            else
            {
                Linear.FlushPage(address);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Linear.Dispose();
        _blocks.Dispose();
        _self.Free();
        NativeMemory.AlignedFree(_state);
    }

    /// <summary>Takes a state that was checked.</summary>
    internal void Restore(in CpuState state, in ProcessorState.Extras extras)
    {
        *_state = state;
        _state->Budget = 0;
        (_before, _given, _aside) = (extras.Instructions, 0, 0);
        _interruptLine = extras.InterruptLine;
        _nmiLine = extras.NmiLine;
        InFlight = extras.InFlight;
        Linear.Exit = extras.Exit;
        Linear.Log.Clear();
        foreach (ulong value in extras.Exchanges)
        {
            Linear.Log.Add(value);
        }

        Redirection? pages = null;
        foreach (Redirection page in extras.Redirections.Reverse())
        {
            pages = page with { Next = pages };
        }

        Redirect(pages);
        FlushTranslations();
        ProcessorMode.Refresh(_state);
        if (_interruptLine || _nmiLine)
        {
            Interlocked.Or(ref _state->Attention, AttentionBits.Line);
        }
    }

    /// <summary>The block that begins at EIP, decoded if need be.</summary>
    /// <returns>Its first op, or null: then the reason is pending.</returns>
    internal Op* Lookup() => _finder.Find();

    private CpuExit RunUntilExit()
    {
        CpuState* c = _state;
        while (true)
        {
            if (c->Pending != Pending.None || InFlight.IsActive)
            {
                if (c->Pending == Pending.Exit)
                {
                    c->Pending = Pending.None;
                    Linear.Log.Rewind();
                    return Linear.Exit;
                }

                // An event costs as much as an instruction, so that a guest that does nothing but fault does not run for ever.
                if (c->Budget <= 0)
                {
                    return new CpuExit { Reason = CpuExitReason.Budget };
                }

                // One that an exit stops counts when it is taken up again; interrupts from outside never do.
                int cost = InFlight is { IsActive: true, Kind: EventKind.External } ? 0 : 1;
                LastEvent = (LastEvent.Count + 1, c->FaultVector, c->FaultCode);
                EventDelivery.DeliverPending(c);
                c->Budget -= InFlight.IsActive ? 0 : cost;
                continue;
            }

            if (NeedsBoundary(c))
            {
                Boundary.Outcome outcome = Boundary.Check(this, out CpuExit exit);
                if (outcome == Boundary.Outcome.Exit)
                {
                    return exit;
                }

                if (outcome == Boundary.Outcome.Again)
                {
                    continue;
                }
            }

            if (c->Budget <= 0)
            {
                return new CpuExit { Reason = CpuExitReason.Budget };
            }

            if (Boundary.MustStep(this))
            {
                Step();
                continue;
            }

            Op* head = Dispatcher.FindJump(c);
            if (head == null)
            {
                head = Lookup();
                if (head == null)
                {
                    continue;
                }
            }

            RunFrom(head);
        }
    }

    private bool NeedsBoundary(CpuState* c) =>
        c->Attention != 0 || _interruptLine || _nmiLine || c->Activity != 0 || WantsInterruptWindow;

    internal bool InterruptLine => _interruptLine;

    internal bool TakeNmi()
    {
        bool asked = _nmiLine;
        _nmiLine = false;
        return asked;
    }

    internal bool NmiLine => _nmiLine;

    private void RunFrom(Op* head)
    {
        Op* tooLong = Dispatcher.Run(_state, head);
        if (tooLong != null && _state->Budget > 0)
        {
            // The budget ends in the middle of this block.
            BlockBuilder.Shorten(tooLong, _state->Budget, _blocks.Scratch);
            Dispatcher.Run(_state, Block.Head(_blocks.Scratch));
        }
    }

    // One instruction: while it is traced, shadowed, repeated after an exit, or under a debug register's eye.
    private void Step()
    {
        CpuState* c = _state;
        _aside = c->Budget - 1;
        c->Budget = 1;
        StepState step = Boundary.BeginStep(this);
        if (c->Pending == Pending.None)
        {
            Op* head = Lookup();
            if (head != null)
            {
                RunFrom(head);
            }
        }

        bool done = c->Budget == 0;
        c->Budget += _aside;
        _aside = 0;
        Boundary.EndStep(this, step, done);
    }
}
