using System.Runtime.ExceptionServices;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon;

/// <summary>
/// A machine in this process: a kernel that runs as a guest, with its memory, console and disks.
/// </summary>
/// <remarks>
/// It runs either on the caller's thread (<see cref="Run"/>) or on its own (<see cref="Start"/>). Every member may be used from any
/// thread while it runs: who looks at registers, memory or tables makes the guest stand still for that moment.
/// </remarks>
public sealed class Machine : IDisposable
{
    private const int KeptFailures = 64;

    private readonly GuestParts _parts;
    private readonly Runner _runner;
    private readonly Lock _threadGate = new();
    private readonly List<HostFailure> _failures = [];
    private readonly Dictionary<string, long> _beforeRestart = [];
    private Thread? _thread;
    private ExceptionDispatchInfo? _error;
    private MachineEnd? _end;
    private int _restarts;
    private bool _disposed;

    private Machine(MachineOptions options)
    {
        Options = options;
        Console = new MachineConsole(() => _runner?.Wake(), () => _runner?.IsRunning ?? false);
        PageTables = new MachinePageTables(this);
        _parts = GuestParts.Build(options, Console, new Listener(this));
        _runner = new Runner(this, _parts);
    }

    /// <summary>Builds a machine; its guest stands before its first instruction.</summary>
    /// <param name="options">What it is made of.</param>
    /// <exception cref="KernelFormatException">The kernel, the RAM disk or the command line does not fit.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="IOException">A disk cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">A disk may not be opened.</exception>
    /// <exception cref="InvalidDataException">A disk is no number of sectors long.</exception>
    /// <exception cref="InsufficientMemoryException">The host has not enough memory.</exception>
    public static Machine Create(MachineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.AuditEvery);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Disks.Count, MachineOptions.MaxDisks);
        return new Machine(options);
    }

    /// <summary>What it was made of.</summary>
    public MachineOptions Options { get; }

    /// <summary>Its terminal.</summary>
    public MachineConsole Console { get; }

    /// <summary>Its page tables.</summary>
    public MachinePageTables PageTables { get; }

    /// <summary>How it has ended; null while it can run.</summary>
    public MachineEnd? End => Volatile.Read(ref _end);

    /// <summary>Whether it runs now, on whatever thread.</summary>
    public bool IsRunning => _runner.IsRunning;

    /// <summary>The guest's registers.</summary>
    public GuestRegisters Registers => Look(guest => guest.Registers);

    /// <summary>Its last page faults, the oldest first.</summary>
    public IReadOnlyList<PagingEvent> RecentFaults => Look(guest => guest.RecentFaults);

    /// <summary>What was counted so far.</summary>
    public MachineStatistics Statistics => Look(ReadStatistics);

    /// <summary>What the host has failed so far; the first ones.</summary>
    public IReadOnlyList<HostFailure> HostFailures
    {
        get
        {
            lock (_failures)
            {
                return [.. _failures];
            }
        }
    }

    /// <summary>The host has failed a device. Called on the thread that runs the guest, while it runs.</summary>
    public event Action<HostFailure>? HostFailed;

    /// <summary>So many instructions are over (<see cref="MachineOptions.HashEvery"/>): their number, and <see cref="StateHash"/>. Called on
    /// the thread that runs the guest, which stands still.</summary>
    public event Action<ulong, string>? Hashed;

    /// <summary>Runs the guest on this thread.</summary>
    /// <param name="limits">How far; by default until it ends or waits for input.</param>
    /// <returns>Why it came back.</returns>
    /// <exception cref="InvalidOperationException">It runs already.</exception>
    public RunStop Run(RunLimits limits = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _runner.Claim();
        return _runner.Run(limits);
    }

    /// <summary>Begins to run the guest on a thread of its own, or goes on after <see cref="Pause"/>.</summary>
    /// <exception cref="InvalidOperationException">It runs already.</exception>
    public void Start()
    {
        lock (_threadGate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _runner.Claim();
            _thread = new Thread(RunOnThread) { IsBackground = true, Name = "Gnomon machine" };
            _thread.Start();
        }
    }

    /// <summary>Stops the guest between two instructions, and returns when it stands. Nothing happens where it does not run.</summary>
    /// <remarks>From a handler on the guest's own thread it returns at once, and the guest stops behind it.</remarks>
    public void Pause()
    {
        _runner.AskToPause();
        Thread? thread;
        lock (_threadGate)
        {
            thread = _thread;
        }

        if (thread is not null && thread != Thread.CurrentThread)
        {
            thread.Join();
            Rethrow();
        }
    }

    /// <summary>Waits until the machine has ended.</summary>
    /// <param name="timeout">How long, in the host's time; <see cref="Timeout.InfiniteTimeSpan"/> for as long as it takes.</param>
    /// <returns>How it has ended; null when the time is over, or it was paused.</returns>
    public MachineEnd? WaitForEnd(TimeSpan timeout)
    {
        Thread? thread;
        lock (_threadGate)
        {
            thread = _thread;
        }

        thread?.Join(timeout);
        Rethrow();
        return End;
    }

    /// <summary>Starts the guest anew, whatever state it is in, as a reset button does.</summary>
    /// <exception cref="InsufficientMemoryException">The host has no memory left.</exception>
    public void Restart() => Look(_ =>
    {
        StartAnew();
        return true;
    });

    /// <summary>Reads guest memory.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="data">Takes the bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A byte lies outside memory.</exception>
    public void ReadMemory(Gpa address, Span<byte> data)
    {
        byte[] bytes = new byte[data.Length];
        Access(address, Look(guest => guest.Memory.Read(address, bytes)));
        bytes.CopyTo(data);
    }

    /// <summary>Writes guest memory.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="data">The bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A byte lies outside memory.</exception>
    public void WriteMemory(Gpa address, ReadOnlySpan<byte> data)
    {
        byte[] bytes = data.ToArray();
        Access(address, Look(guest => guest.Memory.Write(address, bytes)));
    }

    /// <summary>Reads memory through the guest's own page tables.</summary>
    /// <param name="address">The guest-virtual address.</param>
    /// <param name="data">Takes the bytes.</param>
    /// <returns>How many bytes could be read: fewer than asked for where the guest maps nothing.</returns>
    public int ReadVirtual(Gva address, Span<byte> data)
    {
        byte[] bytes = new byte[data.Length];
        int done = Look(guest => ReadVirtual(guest, address, bytes));
        bytes.AsSpan(0, done).CopyTo(data);
        return done;
    }

    /// <summary>A hash of registers, memory, devices and time: two machines with the same one have the same future.</summary>
    /// <returns>SHA-256, in hexadecimal.</returns>
    public string StateHash() => Look(_ => StateHasher.Hash(_parts));

    /// <summary>Stops the machine and gives everything back.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        if (_runner.Turn.IsMine)
        {
            throw new InvalidOperationException("A machine cannot be disposed by a handler of its own.");
        }

        lock (_threadGate)
        {
            _disposed = true;
        }

        _runner.AskToPause();
        _thread?.Join();
        _runner.WaitUntilIdle();
        _ = _runner.Turn.Visit(
            () =>
            {
                _runner.Dispose();
                _parts.Dispose();
                return true;
            },
            static () => { });
    }

    /// <summary>Does something with the guest while it stands still.</summary>
    internal T Look<T>(Func<IGuest, T> look)
    {
        return _runner.Turn.Visit(
            () =>
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                lock (_parts.Guest.Memory.Gate)
                {
                    return look(_parts.Guest);
                }
            },
            _runner.Wake);
    }

    internal void OnEnded(MachineEnd end) => Volatile.Write(ref _end, end);

    internal void OnHashed()
    {
        if (Hashed is { } hashed)
        {
            hashed(_parts.Guest.Processor.Instructions, StateHash());
        }
    }

    /// <summary>Starts the guest anew; the counters of its shadow tables go on.</summary>
    internal void StartAnew()
    {
        foreach ((string name, long value) in _parts.Guest.Mmu?.Statistics.All() ?? [])
        {
            if (!IsMomentary(name))
            {
                _beforeRestart[name] = _beforeRestart.GetValueOrDefault(name) + value;
            }
        }

        _parts.Guest.Restart();
        _restarts++;
        Volatile.Write(ref _end, null);
    }

    private static bool IsMomentary(string counter) =>
        counter.EndsWith("-present", StringComparison.Ordinal) || counter.EndsWith("-peak", StringComparison.Ordinal);

    private static void Access(Gpa address, PageStatus status)
    {
        if (status != PageStatus.Ok)
        {
            throw new ArgumentOutOfRangeException(nameof(address), address, $"Not all of these bytes can be reached: {status}.");
        }
    }

    private static int ReadVirtual(IGuest guest, Gva address, Span<byte> data)
    {
        int done = 0;
        while (done < data.Length)
        {
            Gva at = new(address.Value + (uint)done);
            Gpa physical = new(at.Value);
            int part = Math.Min(data.Length - done, PageSize.Bytes - (int)(at.Value & PageSize.OffsetMask));
            if ((guest.Mmu is { } mmu && !mmu.TryTranslateGuest(0, at, out physical)) || guest.Memory.Read(physical, data.Slice(done, part)) != PageStatus.Ok)
            {
                break;
            }

            done += part;
        }

        return done;
    }

    private void RunOnThread()
    {
        try
        {
            _runner.Run(new RunLimits { WaitsForInput = true });
        }
        catch (Exception error)
        {
            _error = ExceptionDispatchInfo.Capture(error);
        }
    }

    private void Rethrow() => Interlocked.Exchange(ref _error, null)?.Throw();

    private MachineStatistics ReadStatistics(IGuest guest) => new()
    {
        Instructions = guest.Processor.Instructions,
        Time = TimeSpan.FromTicks((long)(guest.Now / 100)),
        Restarts = _restarts,
        Exits = guest.Statistics.Traps,
        Hypercalls = guest.Statistics.Hypercalls,
        AsyncHypercalls = guest.Statistics.AsyncHypercalls,
        PageFaults = guest.Statistics.PageFaults,
        ReflectedTraps = guest.Statistics.Reflected,
        Interrupts = guest.Statistics.Interrupts,
        Emulated = guest.Statistics.Emulated,
        DeviceAccesses = guest.Statistics.DeviceAccesses,
        BlocksBuilt = guest.Processor.BlocksBuilt,
        Walks = guest.Processor.Walks,
        PagesBacked = guest.Memory.PagesBacked,
        FramesInUse = _parts.Host.FramesInUse,
        Shadow = [.. (guest.Mmu?.Statistics.All() ?? []).Select(counter =>
            new KeyValuePair<string, long>(counter.Key, counter.Value + _beforeRestart.GetValueOrDefault(counter.Key)))],
    };

    private sealed class Listener(Machine machine) : IDeviceListener
    {
        public void HostFailed(string device, string message)
        {
            HostFailure failure = new(device, message);
            lock (machine._failures)
            {
                if (machine._failures.Count < KeptFailures)
                {
                    machine._failures.Add(failure);
                }
            }

            machine.HostFailed?.Invoke(failure);
        }

        // The guest's own matter; its device waits to be reset.
        public void GuestBrokeRules(string device, string message)
        {
        }
    }
}
