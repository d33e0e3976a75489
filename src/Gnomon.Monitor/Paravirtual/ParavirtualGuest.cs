using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>
/// A guest whose kernel knows that it is one and speaks the lguest interface: it runs at level 1 on shadow tables, and is entered and
/// left through the Switcher's pages.
/// </summary>
/// <remarks>One thread runs a guest. Its lock (<see cref="GuestMemory.Gate"/> of <see cref="Memory"/>) is held while the host works for
/// it, and not while it runs. <see cref="RequestStop"/> and <see cref="Interrupts"/> may be used from any thread.</remarks>
public sealed class ParavirtualGuest : IGuest
{
    // So that shootdowns asked for by other threads are seen: at a million instructions in 10 ms, some 0.1 ms.
    private const ulong MaxSlice = 10_000;

    private readonly HostMemory _host;
    private readonly SwitcherHost _switcher;
    private readonly HostFrames _frames;
    private GuestSession _session;
    private TrapHandler _traps;
    private bool _trapWaits;
    private bool _wantsKick;
    private bool _disposed;
    private volatile bool _asked;

    /// <summary>Loads the guest.</summary>
    /// <param name="host">The host's memory.</param>
    /// <param name="switcher">The host's Switcher pages.</param>
    /// <param name="options">What the guest is made of.</param>
    /// <exception cref="KernelFormatException">The kernel, the RAM disk or the command line does not fit.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public ParavirtualGuest(HostMemory host, SwitcherHost switcher, ParavirtualOptions options)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(switcher);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MemoryMiB, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MemoryMiB, ParavirtualOptions.MaxMemoryMiB);
        if (options.Shadow.Guest != GuestKind.Paravirtual || options.Shadow.Cpus != 1)
        {
            throw new ArgumentException("A paravirtual guest has the shadow tables of a paravirtual guest, and one CPU.", nameof(options));
        }

        _host = host;
        _switcher = switcher;
        Options = options;
        _frames = new HostFrames(host);
        Processor = new Processor(_frames, new ProcessorOptions { Profile = options.Profile, Clock = new TimeStampClock(options.Clock) });
        try
        {
            _session = NewSession();
        }
        catch
        {
            Processor.Dispose();
            throw;
        }

        _traps = new TrapHandler(_session, Statistics);
    }

    /// <summary>What it was made of.</summary>
    public ParavirtualOptions Options { get; }

    /// <summary>The processor that runs it. For who looks.</summary>
    public Processor Processor { get; }

    /// <summary>The shadow tables; other ones after a restart.</summary>
    public IShadowMmu Mmu => _session.Mmu;

    /// <inheritdoc/>
    IShadowMmu? IGuest.Mmu => _session.Mmu;

    /// <summary>The guest's memory; another one after a restart.</summary>
    public GuestMemory Memory => _session.Memory;

    /// <summary>Where devices raise interrupts.</summary>
    public InterruptLines Interrupts { get; } = new();

    /// <summary>What was done so far.</summary>
    public MonitorStatistics Statistics { get; } = new();

    /// <summary>The machine's time, in nanoseconds.</summary>
    public ulong Now => Options.Clock.At(Processor.Instructions);

    /// <summary>How the guest has ended; null while it can run.</summary>
    public GuestStop? End => _session.End;

    /// <summary>The last page faults, the oldest first.</summary>
    public IReadOnlyList<PagingEvent> RecentFaults => _traps.RecentFaults;

    /// <summary>The host CPU whose Switcher pages it uses: 0 … <see cref="Switcher.HostCpus"/>-1. May be changed between two runs.</summary>
    public int HostCpu
    {
        get => _session.Cpu.HostCpu;
        set => _session.Cpu.HostCpu = value;
    }

    /// <summary>The guest's registers. Only between two runs.</summary>
    public GuestRegisters Registers => GuestRegisters.Of(_session.Cpu);

    /// <summary>Makes <see cref="Run"/> come back soon, from any thread.</summary>
    public void RequestStop()
    {
        _asked = true;
        Processor.RequestAttention();
    }

    /// <summary>Runs the guest.</summary>
    /// <param name="instructions">How many instructions at most, those of the Switcher counted; few more may be run.</param>
    /// <returns>Why it came back. A guest that has ended comes back with its end again.</returns>
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

    /// <summary>Starts the guest anew, with the same memory size and images, whatever state it is in.</summary>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public void Restart()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int hostCpu = HostCpu;
        _session.Dispose();
        Interrupts.Clear();
        _session = NewSession();
        _session.Cpu.HostCpu = hostCpu;
        _traps = new TrapHandler(_session, Statistics);
        _trapWaits = false;
        _wantsKick = false;
    }

    /// <summary>Gives everything back.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _session.Dispose();
            Processor.Dispose();
        }
    }

    private GuestSession NewSession() => new(_host, _switcher, Processor, _frames, Interrupts, Options);

    private GuestStop RunUntil(ulong end)
    {
        while (true)
        {
            lock (_session.Memory.Gate)
            {
                if (PrepareEntry(ref end) is { } stop)
                {
                    return stop;
                }
            }

            Enter(end);
        }
    }

    // All that the host does for the guest between two stretches of its run.
    private GuestStop? PrepareEntry(ref ulong end)
    {
        VirtualCpu cpu = _session.Cpu;
        while (true)
        {
            if (_asked || _traps.Stepper.WasAsked)
            {
                _asked = false;
                _traps.Stepper.WasAsked = false;
                return new GuestStop(GuestStopReason.Asked, "", Registers.Eip);
            }

            ulong now = Processor.Instructions;
            if (now >= end)
            {
                return new GuestStop(GuestStopReason.Budget, "", Registers.Eip);
            }

            if (_trapWaits)
            {
                _trapWaits = false;
                _traps.Handle();
                _trapWaits = _traps.Stepper.TakeTrap();
                if (_session.End is { } ended)
                {
                    return ended;
                }

                continue;
            }

            _session.RunDue();
            if (!cpu.IsTrapped)
            {
                _wantsKick |= _session.WantsKick();
                return null;
            }

            Statistics.Interrupts += _session.LookForInterrupts() ? 1 : 0;
            if (!_session.IsHalted)
            {
                return null;
            }

            ulong deadline = _session.NextDeadline;
            if (deadline == ulong.MaxValue || !Options.Clock.TrySkipTo(now, deadline))
            {
                return new GuestStop(GuestStopReason.Halted, "", Registers.Eip, deadline);
            }

            // A jump of the clock costs one instruction, so that a guest that only waits does not run for ever.
            end--;
        }
    }

    private void Enter(ulong end)
    {
        VirtualCpu cpu = _session.Cpu;
        ulong now = Processor.Instructions;
        ulong slice = Math.Min(Math.Min(end - now, MaxSlice), Math.Max(1, Options.Clock.InstructionsUntil(now, _session.NextDeadline)));
        slice = Math.Min(slice, _session.InstructionsUntilLook);
        bool kick = _wantsKick && cpu.CanKick;
        if (kick)
        {
            _wantsKick = false;
        }
        else if (_wantsKick)
        {
            // On its way through the Switcher, or in the shadow of a MOV SS: again behind the next instruction.
            slice = 1;
        }

        CpuExit exit = cpu.Run((int)slice, kick);
        if (exit.Reason == CpuExitReason.Call)
        {
            _trapWaits = true;
            _wantsKick = false;
        }
    }
}
