using System.Globalization;
using System.Runtime.InteropServices;
using Gnomon.Cli.Running;
using Gnomon.Cli.Terminal;

namespace Gnomon.Cli.Demo;

/// <summary>Runs sundial where it can be watched.</summary>
internal sealed class DemoRun(CliConsole console, MachineOptions options, string title)
{
    // One picture: as long as the eye needs, and at most so many instructions.
    private const ulong Interval = 200_000;
    private const int PictureMilliseconds = 50;

    private const ulong PlainInterval = 2_000_000;
    private const byte CtrlC = 3;

    private static readonly TimeSpan _lastLook = TimeSpan.FromSeconds(1.5);

    private readonly ManualResetEventSlim _key = new();
    private PagingFeed? _feed;
    private volatile bool _quit;
    private volatile bool _paused;

    /// <summary>Runs with a live view.</summary>
    /// <returns>The exit status.</returns>
    public int RunLive()
    {
        using EndSignals signals = new(console.Cancellation);
        using Machine machine = Build();

        // The runtime looks at the terminal when it is first asked for its size, and remembers what it sees.
        _ = Size();
        using (RawTerminal? terminal = Console.IsInputRedirected ? null : RawTerminal.Enter())
        using (new AlternateScreen(console.Output))
        {
            if (terminal is not null)
            {
                new Thread(ReadKeys) { IsBackground = true, Name = "Keyboard" }.Start();
            }

            Watch(machine, signals.Token, terminal is not null);
        }

        DemoSummary.Write(console, machine);
        return Status(machine, signals.Status);
    }

    /// <summary>Runs at full speed and writes lines.</summary>
    /// <returns>The exit status.</returns>
    public int RunPlain()
    {
        using EndSignals signals = new(console.Cancellation);
        using Machine machine = Build();
        console.Output.WriteLine(title);
        MachineStatistics before = machine.Statistics;
        int written = 0;
        RunStop stop;
        do
        {
            stop = machine.Run(new RunLimits { Instructions = PlainInterval, Cancellation = signals.Token });
            string output = machine.Console.Output;
            int end = output.LastIndexOf('\n') + 1;
            console.Output.Write(output[written..end]);
            written = end;
            MachineStatistics now = machine.Statistics;
            WriteInterval(before, now);
            before = now;
            console.Output.Flush();
        }
        while (stop == RunStop.Instructions);

        console.Output.WriteLine();
        DemoSummary.Write(console, machine);
        return Status(machine, signals.Status);
    }

    private static (int Columns, int Rows) Size()
    {
        try
        {
            return (Math.Max(1, Console.WindowWidth), Math.Max(1, Console.WindowHeight));
        }
        catch (IOException)
        {
            return (80, 24);
        }
    }

    private static int Status(Machine machine, int signal) =>
        signal != 0 ? signal
        : machine.End?.Reason switch
        {
            MachineEndReason.Shutdown => ExitStatus.Done,
            MachineEndReason.AuditFailed => ExitStatus.Broken,
            MachineEndReason.Killed => ExitStatus.Killed,
            MachineEndReason.HaltedForEver => ExitStatus.Stuck,
            null => ExitStatus.Interrupted,
            _ => ExitStatus.Restart,
        };

    private Machine Build()
    {
        Machine machine = MachineRun.Build(options with { Observer = mmu => _feed = new PagingFeed(mmu) });
        machine.Console.CloseInput();
        return machine;
    }

    private void Watch(Machine machine, CancellationToken cancellation, bool hasKeys)
    {
        Canvas canvas = new(console.HasColour);
        DemoScreen screen = new(canvas, title);
        using PosixSignalRegistration? resized = OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => _key.Set());
        RunStop stop = RunStop.Instructions;
        while (!_quit && stop is RunStop.Instructions or RunStop.Text)
        {
            _key.Reset();
            if (!_paused)
            {
                stop = machine.Run(new RunLimits { Instructions = Interval, Text = "\n", Cancellation = cancellation });
                screen.Add(machine.Statistics);
            }

            Draw(screen, canvas, machine, hasKeys ? _paused ? " paused   space goes on   q quits" : " space pauses   q quits" : " Ctrl-C quits");
            Wait(_paused ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(PictureMilliseconds), cancellation);
        }

        if (machine.End is not null && !_quit && !cancellation.IsCancellationRequested)
        {
            Draw(screen, canvas, machine, $" {machine.End.Reason.ToString().ToLowerInvariant()}: {machine.End.Text}");
            Wait(_lastLook, cancellation);
        }
    }

    private void Draw(DemoScreen screen, Canvas canvas, Machine machine, string status)
    {
        (int columns, int rows) = Size();
        ShadowCensus? census = _feed is { } feed && !feed.Cpu(0).IsLinear ? ShadowCensus.Take(feed) : null;
        bool other = columns != canvas.Columns || rows != canvas.Rows;
        screen.Draw(columns, rows, machine.Statistics, census, [.. _feed?.Events ?? []], machine.Console.Output, status);
        console.Output.Write(other ? "\e[2J" : "");
        console.Output.Write(canvas.Changes());
        console.Output.Flush();
    }

    private void Wait(TimeSpan time, CancellationToken cancellation)
    {
        try
        {
            _key.Wait(time, cancellation);
        }
        catch (OperationCanceledException)
        {
            _quit = true;
        }
    }

    private void ReadKeys()
    {
        using Stream input = Keyboard.Open();
        byte[] key = new byte[1];
        while (input.Read(key) == 1)
        {
            _quit |= key[0] is CtrlC or (byte)'q' or (byte)'Q' or EscapeKey.Key;
            _paused ^= key[0] is (byte)' ' or (byte)'p';
            _key.Set();
        }
    }

    private void WriteInterval(MachineStatistics before, MachineStatistics now)
    {
        long Grown(string name) => now[name] - before[name];
        int spaces = _feed is { } feed && !feed.Cpu(0).IsLinear ? ShadowCensus.Take(feed).Spaces.Count : 0;
        console.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  [{now.Instructions / 1e6,5:0.0} M] faults {Grown("faults"),4}: filled {Grown("fixed")}, guest's own {Grown("guest-faults")}, devices {Grown("device-faults")}; loads {Grown("loads")}, flushes {Grown("user-flushes") + Grown("full-flushes")}; {spaces} address spaces, {now["tables-present"]} shadow tables"));
    }
}
