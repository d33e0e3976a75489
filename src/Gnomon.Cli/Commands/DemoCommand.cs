using System.CommandLine;
using Gnomon.Cli.Demo;
using Gnomon.Traces;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon demo</c>: a kernel with processes, and its shadow tables, to watch.</summary>
internal sealed class DemoCommand
{
    private const string Notes = """
        The guest is sundial, a small kernel that is part of this program (guests/README.md). It forks, maps, faults and flushes; each
        check that it makes is a line on its console. Around it:
          page faults            filled: the shadows lacked what the guest maps; the guest's own: it must see to it itself
          address spaces kept    page directories whose shadow roots are still there; the arrow is where the guest is
          shadow tables          how many of each level, and what made the last ones come (+) and go (-)
        Bars show the last intervals; each step is twice as many. Space pauses, q ends it. Where standard output is no terminal, or with
        --plain, it runs at full speed and writes lines, the same in every run.

        Examples:
          gnomon demo
          gnomon demo --format pae --classic
          gnomon demo --plain --audit 1000

        Exit status:
          0    the guest made all its checks and shut down
          1    an audit found a broken invariant: a bug of Gnomon
          2    the command line is bad
          7    the guest was killed: with --strict, or a bug of Gnomon
          130  ended by q or Ctrl-C; 129 and 143: by SIGHUP, SIGTERM
        """;

    private const int MemoryMiB = 24;

    private readonly Option<TraceFormat?> _format = OptionParsers.Choice<TraceFormat>("--format", "The guest's page tables; default two-level.");

    private readonly Option<bool> _classic = new("--classic") { Description = "Shadow tables as the original's: 4 slots, replaced by chance; a flush throws away." };

    private readonly Option<bool> _strict = new("--strict") { Description = "Kill on attribute bits of page table entries that the original refused." };

    private readonly Option<int> _audit = OptionParsers.Number("--audit", "N", "Check every invariant before each Nth entry into the guest.", 1, int.MaxValue);

    private readonly Option<bool> _plain = new("--plain") { Description = "Write lines, at full speed." };

    private readonly CliConsole _console;

    private DemoCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        DemoCommand demo = new(console);
        NotedCommand command = new("demo", "Watch a kernel with processes and its shadow tables.", Notes) { demo._format, demo._classic, demo._strict, demo._audit, demo._plain };
        command.SetAction(demo.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        TraceFormat format = parsed.GetValue(_format) ?? TraceFormat.TwoLevel;
        PagingOptions paging = (parsed.GetValue(_classic) ? PagingOptions.Classic : new PagingOptions()) with { Strict = parsed.GetValue(_strict) };
        MachineOptions options = new()
        {
            Kernel = GuestImages.Sundial(format),
            MemoryMiB = MemoryMiB,
            Pae = format == TraceFormat.Pae,
            Paging = paging,
            AuditEvery = parsed.GetValue(_audit),
        };
        string title = $"{(format == TraceFormat.Pae ? "PAE" : "two-level")} tables, {paging.Slots} slots, {paging.Policy}, {paging.OnFlush.ToString().ToLowerInvariant()}"
            + (paging.Strict ? ", strict" : "") + (options.AuditEvery > 0 ? $", audit every {options.AuditEvery}" : "");
        bool live = _console.OutputIsTerminal && !parsed.GetValue(_plain) && Environment.GetEnvironmentVariable("TERM") != "dumb";
        DemoRun run = new(_console, options, title);
        return live ? run.RunLive() : run.RunPlain();
    }
}
