using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// A guest that does not know it is one: a PC with a processor at ring 0. Its page faults, its control registers, INVLPG, HLT and its ports
/// come to the monitor; interrupts and every other trap go straight through its own descriptor tables.
/// </summary>
public sealed class UnmodifiedGuest : IGuest
{
    // So that shootdowns asked for by other threads are seen: at a million instructions in 3 ms, some 0.1 ms.
    private const ulong MaxSlice = 30_000;

    private readonly HostMemory _host;
    private readonly TranslatedMemory _physical;
    private UnmodifiedSession _session;
    private ExitHandler _exits;
    private CpuExit _exit;
    private bool _exitWaits;
    private bool _disposed;
    private volatile bool _asked;

    /// <summary>Loads the guest.</summary>
    /// <param name="host">The host's memory.</param>
    /// <param name="options">What the guest is made of.</param>
    /// <exception cref="KernelFormatException">What is to run cannot be loaded.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public UnmodifiedGuest(HostMemory host, UnmodifiedOptions options)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MemoryMiB, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MemoryMiB, UnmodifiedOptions.MaxMemoryMiB);
        if (options.Shadow.Coherence == Coherence.Notified || options.Shadow.Cpus != 1)
        {
            throw new ArgumentException("An unmodified guest tells nothing of its page tables: its coherence is watched or lazy. It has one CPU.", nameof(options));
        }

        _host = host;
        Options = options;
        _physical = new TranslatedMemory(host);
        Processor = new Processor(_physical, new ProcessorOptions { Profile = options.Profile, Clock = new TimeStampClock(options.Clock) });
        try
        {
            _session = NewSession();
        }
        catch
        {
            Processor.Dispose();
            throw;
        }

        _exits = new ExitHandler(_session, Processor, Statistics);
    }

    /// <summary>What it was made of.</summary>
    public UnmodifiedOptions Options { get; }

    /// <inheritdoc/>
    public Processor Processor { get; }

    /// <inheritdoc/>
    /// <remarks>While the guest's paging is off, and under nested paging, these are the second translation: of guest-physical addresses.</remarks>
    public IShadowMmu Mmu => _session.Paging.Mmu;

    /// <summary>Whether the processor walks shadows of the guest's own tables now.</summary>
    public bool IsShadowed => _session.Paging.IsShadowed;

    /// <inheritdoc/>
    public GuestMemory Memory => _session.Memory;

    /// <inheritdoc/>
    public MonitorStatistics Statistics { get; } = new();

    /// <inheritdoc/>
    public ulong Now => Options.Clock.At(Processor.Instructions);

    /// <inheritdoc/>
    public GuestStop? End => _session.End;

    /// <inheritdoc/>
    public IReadOnlyList<PagingEvent> RecentFaults => _exits.RecentFaults;

    /// <inheritdoc/>
    public GuestRegisters Registers => GuestRegisters.Of(Processor);

    /// <summary>What the guest sees in a control register. Only between two runs.</summary>
    /// <param name="register">0, 3 or 4.</param>
    public uint ControlRegister(int register) => _session.Paging.Read(register);

    /// <inheritdoc/>
    public void RequestStop()
    {
        _asked = true;
        Processor.RequestAttention();
    }

    /// <inheritdoc/>
    public GuestStop Run(ulong instructions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_session.End is { } end)
        {
            return end;
        }

        try
        {
            ulong now = Processor.Instructions;
            return RunUntil(now + Math.Min(instructions, ulong.MaxValue - now));
        }
        catch (GuestKilledException death)
        {
            GuestStop killed = new(GuestStopReason.Killed, death.Message, Registers.Eip);
            _session.End = killed;
            return killed;
        }
    }

    /// <inheritdoc/>
    public void Restart()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _session.Dispose();
        _exitWaits = false;
        _session.End = new GuestStop(GuestStopReason.Killed, "the guest could not be started anew", Registers.Eip);
        _session = NewSession();
        _exits = new ExitHandler(_session, Processor, Statistics);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _session.Dispose();
            Processor.Dispose();
        }
    }

    private UnmodifiedSession NewSession() => new(_host, Processor, _physical, Options, Processor.RequestAttention);

    private GuestStop RunUntil(ulong end)
    {
        while (true)
        {
            byte? interrupt;
            ulong slice;
            lock (_session.Memory.Gate)
            {
                if (PrepareEntry(ref end, out interrupt) is { } stop)
                {
                    return stop;
                }

                ulong now = Processor.Instructions;
                ulong due = Math.Max(1, Options.Clock.InstructionsUntil(now, _session.Platform.Scheduler.NextDeadline));
                slice = Math.Min(Math.Min(end - now, MaxSlice), due);
            }

            Enter((int)slice, interrupt);
        }
    }

    // All that the host does for the guest between two stretches of its run.
    private GuestStop? PrepareEntry(ref ulong end, out byte? interrupt)
    {
        interrupt = null;
        if (_exitWaits)
        {
            _exitWaits = false;
            if (_exit.Reason == CpuExitReason.Instruction)
            {
                StepModelSpecific();
            }
            else
            {
                _exits.Handle(in _exit);
            }
        }

        bool ran = false;
        while (true)
        {
            if (_session.Power.Asked is { } reason)
            {
                GuestStop stop = new(reason, reason == GuestStopReason.Shutdown ? "power off" : "reset", Registers.Eip);
                _session.End = stop;
                return stop;
            }

            if (_asked)
            {
                _asked = false;
                return new GuestStop(GuestStopReason.Asked, "", Registers.Eip);
            }

            ulong now = Processor.Instructions;
            if (now >= end)
            {
                return new GuestStop(GuestStopReason.Budget, "", Registers.Eip);
            }

            GuestPlatform platform = _session.Platform;
            if (!ran && platform.Scheduler.NextDeadline <= Options.Clock.At(now))
            {
                // Once: a timer that is always due again must not keep the guest from running.
                platform.Scheduler.RunDue();
                ran = true;
                continue;
            }

            interrupt = NextInterrupt(platform.Interrupts);
            if (interrupt is not null || !_session.IsHalted)
            {
                _session.Paging.Prepare();
                return null;
            }

            // With interrupts disabled nothing ever wakes it.
            ulong deadline = Processor.CanInterrupt ? platform.Scheduler.NextDeadline : ulong.MaxValue;
            if (deadline == ulong.MaxValue || !Options.Clock.TrySkipTo(now, deadline))
            {
                return new GuestStop(GuestStopReason.Halted, "", Registers.Eip, deadline);
            }

            // A jump of the clock costs one instruction, so that a guest that only waits does not run for ever.
            end--;
            ran = false;
        }
    }

    private byte? NextInterrupt(IInterruptController controller)
    {
        byte? vector = null;
        if (controller.HasInterrupt && Processor.CanInterrupt)
        {
            vector = controller.Acknowledge();
            _session.IsHalted = false;
            Statistics.Interrupts++;
        }

        Processor.WantsInterruptWindow = controller.HasInterrupt;
        return vector;
    }

    private void Enter(int instructions, byte? interrupt)
    {
        _session.Paging.Enter();
        try
        {
            if (interrupt is { } vector)
            {
                Processor.InjectInterrupt(vector);
            }

            _exit = Processor.Run(instructions);
        }
        finally
        {
            _session.Paging.Leave();
        }

        _exitWaits = _exit.Reason is not (CpuExitReason.Budget or CpuExitReason.Attention or CpuExitReason.InterruptWindow);
    }

    // The processor does the instruction itself; only EFER matters to the shadows.
    private void StepModelSpecific()
    {
        uint before = Processor.Registers.Efer;
        Intercepts intercepts = Processor.Intercepts;
        Processor.Intercepts = intercepts & ~Intercepts.ModelSpecific;
        _session.Paging.Prepare();
        Enter(1, null);
        Processor.Intercepts = intercepts;
        if (Processor.Registers.Efer != before)
        {
            _session.Paging.ControlsChanged();
        }

        if (_exitWaits)
        {
            _exitWaits = false;
            _exits.Handle(in _exit);
        }
    }
}
