using System.CommandLine;
using System.Globalization;
using Gnomon.Cli.Presentation;
using Gnomon.Memory;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon replay</c>: runs traces and prints what each line came to.</summary>
internal sealed class ReplayCommand
{
    private const string Notes = """
        The other options replace what the trace's header says, so that one guest's run can be compared under several policies.
        --show prints, after the run, what the range looks like in the guest's tables, in the shadows, and where they differ;
        looking changes neither accessed and dirty bits nor caches. `gnomon trace format` describes the lines of a trace.

        Examples:
          gnomon replay fork.gtrace
          gnomon replay fork.gtrace --stats --policy random:1 --slots 4
          gnomon replay - < fork.gtrace
          gnomon replay fork.gtrace --show 0x400000-0x800000

        Exit status:
          0  the trace was run, also when the guest was killed
          1  an audit found a broken invariant: a bug of Gnomon
          2  the command line or a line of a trace is bad; nothing was run
          3  a file cannot be read, output cannot be written, or the host has no memory left
        """;

    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "Traces to run; - is standard input.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<bool> _stats = new("--stats") { Description = "Print the counters after the run." };

    private readonly Option<int> _auditEvery = OptionParsers.Number("--audit-every", "N", "Check every invariant after each N operations.", 1, int.MaxValue);

    private readonly Option<AddressRange[]> _show = OptionParsers.Ranges("--show", "Print the page tables of a range after the run, such as 0x400000-0x800000 (its end is not part of it).");

    private readonly Option<TracePolicy?> _policy = OptionParsers.Policy("--policy", "Which address space goes when all slots are taken.");

    private readonly Option<int?> _slots = OptionParsers.OptionalNumber("--slots", "COUNT", "Address spaces kept.", 1, TraceHeader.MaxSlots);

    private readonly Option<int?> _prefault = OptionParsers.OptionalNumber("--prefault", "ENTRIES", "Entries that one fault fills.", 1, TraceHeader.MaxPrefault);

    private readonly Option<Coherence?> _coherence = OptionParsers.Choice<Coherence>("--coherence", "How changes of the guest's tables are learnt.");

    private readonly Option<FlushPolicy?> _onFlush = OptionParsers.Choice<FlushPolicy>("--on-flush", "What a flush does.");

    private readonly CliConsole _console;

    private ReplayCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        ReplayCommand replay = new(console);
        OptionParsers.RefuseOptions(replay._files);
        NotedCommand command = new("replay", "Run traces on fresh shadow tables and print what each line came to.", Notes)
        {
            replay._files,
            replay._stats,
            replay._auditEvery,
            replay._show,
            replay._policy,
            replay._slots,
            replay._prefault,
            replay._coherence,
            replay._onFlush,
        };
        command.SetAction(replay.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string[] files = parsed.GetRequiredValue(_files);
        ReplayOptions options = new()
        {
            Policy = parsed.GetValue(_policy),
            Slots = parsed.GetValue(_slots),
            Prefault = parsed.GetValue(_prefault),
            Coherence = parsed.GetValue(_coherence),
            OnFlush = parsed.GetValue(_onFlush),
            AuditEvery = parsed.GetValue(_auditEvery),
        };

        // Every file is read and checked before the first one runs.
        List<Trace> traces = TraceFiles.ReadAll(files, _console.Cancellation);
        int status = ExitStatus.Done;
        for (int i = 0; i < files.Length; i++)
        {
            if (files.Length > 1)
            {
                _console.Output.WriteLine(_console.Bold($"{(i > 0 ? "\n" : "")}==> {files[i]} <=="));
            }

            using TraceReplayer replayer = Start(files[i], traces[i], options);
            status = Math.Max(status, Replay(files[i], traces[i].Lines.Count, replayer));
            if (parsed.GetValue(_stats))
            {
                StatisticsText.Write(_console.Output, replayer.Mmu.Statistics);
            }

            foreach (AddressRange range in parsed.GetValue(_show) ?? [])
            {
                PageTableText.Write(_console, replayer.Mmu, replayer.CurrentCpu, range);
            }
        }

        return status;
    }

    private static TraceReplayer Start(string file, Trace trace, ReplayOptions options)
    {
        try
        {
            return new TraceReplayer(trace, options);
        }
        catch (ArgumentException error)
        {
            throw new CliError(ExitStatus.BadInput, $"{file} cannot be run so: {error.Message.Split(" (Parameter", 2)[0]}");
        }
    }

    private int Replay(string file, int lines, TraceReplayer replayer)
    {
        using ProgressLine progress = new(_console, $"replaying {file}", lines);
        int status = ExitStatus.Done;
        foreach (ReplayResult result in replayer.Run())
        {
            _console.Cancellation.ThrowIfCancellationRequested();
            _console.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Line}: {result.Text}"));
            foreach (string detail in result.Details)
            {
                _console.Output.Write("  ");
                _console.Output.WriteLine(detail);
            }

            if (result.Broken is not null && status == ExitStatus.Done)
            {
                status = ExitStatus.Broken;
                progress.Clear();
                _console.Complain(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{file}, line {result.Line}: an invariant is broken: {result.Broken}; this is a bug of Gnomon, please report it with the trace"));
            }

            progress.Advance();
        }

        return status;
    }
}
