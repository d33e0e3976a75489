using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Gnomon.Cli.Presentation;
using Gnomon.Cli.Terminal;
using Gnomon.Monitor;

namespace Gnomon.Cli.Running;

/// <summary>Runs a guest to its end, with its console where the user wants it, and says how it ended.</summary>
internal sealed class MachineRun(CliConsole console, MachineRunOptions options) : IDisposable
{
    private const int FailuresShown = 5;

    // What a PC's first serial port is called.
    private const string SerialLine = "com1";

    // Ctrl-D.
    private const byte EndOfInput = 4;

    private static readonly TimeSpan _betweenEnds = TimeSpan.FromMilliseconds(250);

    private readonly ManualResetEventSlim _over = new();
    private readonly ManualResetEventSlim _goOn = new(initialState: true);
    private readonly Lock _outputGate = new();
    private readonly CancellationTokenSource _end = new();
    private string? _outputFailure;
    private int _failures;
    private bool _inLine;
    private CancellationTokenSource _pause = new();

    /// <summary>Runs.</summary>
    /// <returns>The exit status of a guest that shuts itself down.</returns>
    /// <exception cref="CliError">It ended in another way.</exception>
    public int Run()
    {
        using Stream? file = options.ConsoleFile is { } name ? Create(name) : null;
        using PseudoTerminal? terminal = options.HasPseudoTerminal ? PseudoTerminal.Open() : null;
        using StreamWriter? trace = options.TraceFile is { } traceName ? new StreamWriter(Create(traceName)) { NewLine = "\n" } : null;
        using EndSignals signals = new(console.Cancellation);
        using Machine machine = Build(options.Machine with { Trace = trace, ConsoleSize = file is null && terminal is null ? ScreenSize() : default });

        // What the guest's files were read with is garbage now. The run itself hardly allocates, so that no collection would come.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using Stream output = file ?? terminal?.Output ?? Console.OpenStandardOutput();
        machine.Console.Written += bytes => Write(output, bytes);
        machine.HostFailed += failure => Heard(machine, failure);
        Stopwatch watch = Stopwatch.StartNew();
        RunStop stop;
        try
        {
            stop = file is not null ? RunWithoutKeyboard(machine, signals)
                : terminal is not null ? RunAt(terminal, machine, signals)
                : RunHere(machine, signals);
            trace?.Flush();
        }
        catch (IOException error) when (trace is not null)
        {
            throw new CliError(ExitStatus.InputOutput, $"{options.TraceFile} cannot be written: {error.Message}");
        }

        if (_inLine && console.OutputIsTerminal && file is null && terminal is null)
        {
            console.Error.WriteLine();
        }

        WriteStatistics(machine, watch.Elapsed);
        return _outputFailure is { } failure ? throw new CliError(ExitStatus.InputOutput, failure)
            : signals.Status != 0 ? throw new CliError(signals.Status, $"ended by a signal {Place(machine)}")
            : stop == RunStop.Ended && machine.End!.Reason == MachineEndReason.Shutdown ? ExitStatus.Done
            : throw Explain(machine, stop);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _goOn.Dispose();
        _over.Dispose();
        _end.Dispose();
        _pause.Dispose();
    }

    /// <summary>Builds a machine; what does not fit is one sentence.</summary>
    public static Machine Build(MachineOptions options)
    {
        try
        {
            return Machine.Create(options);
        }
        catch (Exception error) when (error is ArgumentException or KernelFormatException or InvalidDataException)
        {
            string text = error.Message.Split(" (Parameter", 2)[0];
            throw new CliError(
                ExitStatus.BadInput,
                options.Guest == Shadow.GuestKind.Unmodified && error is ArgumentException ? $"{text} --paravirt runs a kernel that knows that it is a guest" : text);
        }
    }

    private static FileStream Create(string file)
    {
        try
        {
            return new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} cannot be written: {error.Message}");
        }
    }

    private static (ushort Columns, ushort Rows) ScreenSize()
    {
        try
        {
            return Console.IsOutputRedirected ? default : ((ushort)Console.WindowWidth, (ushort)Console.WindowHeight);
        }
        catch (IOException)
        {
            return default;
        }
    }

    private RunStop RunWithoutKeyboard(Machine machine, EndSignals signals)
    {
        machine.Console.CloseInput();
        return RunMachine(machine, signals);
    }

    private RunStop RunAt(PseudoTerminal terminal, Machine machine, EndSignals signals)
    {
        console.Error.WriteLine($"gnomon: the guest's console is {terminal.Name}; Ctrl-C here ends the run");
        return RunWithKeyboard(machine, () => terminal.Input, hasEscapeKey: false, signals);
    }

    private RunStop RunHere(Machine machine, EndSignals signals)
    {
        using RawTerminal? terminal = console.OutputIsTerminal && !Console.IsInputRedirected ? RawTerminal.Enter() : null;
        using PosixSignalRegistration? resized = OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ =>
        {
            (ushort columns, ushort rows) = ScreenSize();
            machine.Console.Resize(columns, rows);
        });
        if (terminal is not null)
        {
            console.Error.WriteLine("gnomon: Ctrl-] h shows the keys, Ctrl-] q ends the run");
        }

        return RunWithKeyboard(machine, Keyboard.Open, terminal is not null, signals);
    }

    private RunStop RunWithKeyboard(Machine machine, Func<Stream> open, bool hasEscapeKey, EndSignals signals)
    {
        Thread keyboard = new(() => ReadKeyboard(machine, open, hasEscapeKey)) { IsBackground = true, Name = "Keyboard" };
        keyboard.Start();
        try
        {
            return RunMachine(machine, signals);
        }
        finally
        {
            _over.Set();
        }
    }

    private RunStop RunMachine(Machine machine, EndSignals signals)
    {
        using CancellationTokenSource timeout = options.Timeout is { } time ? new CancellationTokenSource(time) : new CancellationTokenSource();
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, signals.Token, _end.Token);
        while (true)
        {
            ulong? left = options.MaxInstructions is { } most ? (ulong)most - Math.Min((ulong)most, machine.Statistics.Instructions) : null;
            using CancellationTokenSource any = CancellationTokenSource.CreateLinkedTokenSource(end.Token, Volatile.Read(ref _pause).Token);
            RunStop stop = machine.Run(new RunLimits { Instructions = left, Cancellation = any.Token, WaitsForInput = true });
            if (stop != RunStop.Cancelled)
            {
                return stop;
            }

            try
            {
                // Paused from the keyboard.
                _goOn.Wait(end.Token);
                end.Token.ThrowIfCancellationRequested();
            }
            catch (OperationCanceledException)
            {
                return timeout.IsCancellationRequested ? RunStop.Timeout : RunStop.Cancelled;
            }
        }
    }

    private void ReadKeyboard(Machine machine, Func<Stream> open, bool hasEscapeKey)
    {
        try
        {
            using Stream input = open();
            EscapeKey escape = new();
            byte[] buffer = new byte[4096];
            for (int got = input.Read(buffer); got > 0; got = input.Read(buffer))
            {
                if (hasEscapeKey)
                {
                    escape.Take(buffer.AsSpan(0, got), bytes => machine.Console.Type(bytes.Span), command => Obey(machine, command));
                }
                else
                {
                    machine.Console.Type(buffer.AsSpan(0, got));
                }
            }

            TypeEnd(machine);
            machine.Console.CloseInput();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException or ArgumentException)
        {
            // Nobody can type any more, or the machine has gone meanwhile.
            machine.Console.CloseInput();
        }
    }

    // Every program that the guest still starts finds the end of input, as it would on a pipe: so the key is typed until nobody asks any more.
    private void TypeEnd(Machine machine)
    {
        while (options.TypesEndOfInput && !_over.Wait(_betweenEnds))
        {
            if (machine.Console.IsInputTaken)
            {
                machine.Console.Type([EndOfInput]);
            }
        }
    }

    private void Obey(Machine machine, EscapeCommand command)
    {
        switch (command)
        {
            case EscapeCommand.Quit:
                _end.Cancel();
                break;
            case EscapeCommand.Pause when _goOn.IsSet:
                _goOn.Reset();
                _pause.Cancel();
                Say("paused; Ctrl-] p goes on");
                break;
            case EscapeCommand.Pause:
                Say("goes on");
                Interlocked.Exchange(ref _pause, new CancellationTokenSource()).Dispose();
                _goOn.Set();
                break;
            case EscapeCommand.Statistics:
                Show(writer => MachineStatisticsText.Write(writer, machine.Statistics));
                break;
            case EscapeCommand.PageTables:
                Show(writer => PageTableScreen.Write(writer, machine));
                break;
            default:
                Say("Ctrl-] then q quits, p pauses or goes on, s shows statistics, t page tables; Ctrl-] Ctrl-] types Ctrl-]");
                break;
        }
    }

    private void Say(string sentence) => Show(writer => writer.WriteLine($"gnomon: {sentence}"));

    private void Show(Action<TextWriter> write)
    {
        lock (_outputGate)
        {
            console.Error.WriteLine();
            write(console.Error);
        }
    }

    // On the thread that runs the guest.
    private void Write(Stream output, ReadOnlyMemory<byte> bytes)
    {
        lock (_outputGate)
        {
            output.Write(bytes.Span);
            output.Flush();
            _inLine = bytes.Span[^1] != '\n';
        }
    }

    private void Heard(Machine machine, HostFailure failure)
    {
        if (failure.Device.Contains("console", StringComparison.Ordinal) || failure.Device == SerialLine)
        {
            _outputFailure ??= $"{options.ConsoleFile ?? "standard output"} cannot be written: {failure.Text}";
            _end.Cancel();
        }
        else if (++_failures <= FailuresShown)
        {
            console.Complain($"{failure.Device}: {failure.Text}{(_failures == FailuresShown ? " More of this is not shown." : "")}");
        }
    }

    private void WriteStatistics(Machine machine, TimeSpan took)
    {
        switch (options.Statistics)
        {
            case StatisticsKind.Text:
                MachineStatisticsText.Write(console.Output, machine.Statistics, took);
                break;
            case StatisticsKind.Json:
                console.Output.WriteLine(MachineStatisticsText.Json(machine.Statistics, took));
                break;
        }
    }

    private static string Place(Machine machine) => string.Create(
        CultureInfo.InvariantCulture, $"at 0x{machine.Registers.Eip:x8} after {machine.Statistics.Instructions} instructions");

    private CliError Explain(Machine machine, RunStop stop)
    {
        string place = Place(machine);
        if (stop != RunStop.Ended || machine.End is not { } end)
        {
            return stop switch
            {
                RunStop.Instructions => new CliError(ExitStatus.BudgetSpent, $"the instructions of --max-instructions are spent {place}"),
                RunStop.Timeout => new CliError(ExitStatus.TimedOut, $"the {options.Timeout?.TotalSeconds} seconds of --timeout are over {place}"),
                _ => new CliError(ExitStatus.Interrupted, $"interrupted {place}"),
            };
        }

        switch (end.Reason)
        {
            case MachineEndReason.Killed:
                KilledText.Write(console.Error, end);
                return new CliError(ExitStatus.Killed, $"the guest was killed {place}: {end.Text}{Hint(machine)}");
            case MachineEndReason.HaltedForEver:
                return new CliError(ExitStatus.Stuck, $"the guest halted {place}, no timer is set and no input can come: it would wait for ever");
            case MachineEndReason.Restart:
                return new CliError(ExitStatus.Restart, $"the guest wants to be started anew{RestartReason(machine, end)}");
            default:
                return new CliError(ExitStatus.Broken, $"an invariant is broken {place}: {end.Text}; this is a bug of Gnomon, please report it with the command that you ran");
        }
    }

    // Linux says why it gives up in one line, and then starts anew or stands still, as its command line says.
    private static string RestartReason(Machine machine, MachineEnd end)
    {
        const string panic = "Kernel panic - not syncing: ";
        string output = machine.Console.Output;
        int at = output.IndexOf(panic, StringComparison.Ordinal);
        string reason = at >= 0 ? $"its kernel panicked, {output[(at + panic.Length)..].Split(['\r', '\n'], 2)[0]}" : end.Text;
        return reason.Length == 0 ? "" : $": {reason}";
    }

    // A kernel that is taken for one with the other format comes no further than its first tables, where nothing is mapped.
    private string Hint(Machine machine) =>
        options.Machine is { Guest: Shadow.GuestKind.Paravirtual, Pae: null } && machine.Statistics["loads"] <= 1
            && machine.End!.RecentFaults is [.., { Outcome: Shadow.FaultKind.GuestFault }]
        ? " (a kernel with PAE page tables needs --format pae)" : "";
}
