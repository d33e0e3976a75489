using System.CommandLine;
using Gnomon.Traces;
using Gnomon.Traces.Workloads;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon trace generate</c>: makes a trace of a workload.</summary>
internal static class TraceGenerateCommand
{
    private const string Notes = """
        The same workload, format, seed and size give the same trace, byte for byte. `gnomon trace list` explains the workloads.

        Examples:
          gnomon trace generate fork-exec > fork.gtrace
          gnomon trace generate hostile --format pae --seed 42 --size 100000 --output hostile.gtrace
          gnomon trace generate dense | gnomon replay - --stats --prefault 16

        Exit status:
          0  the trace was written
          2  the command line is bad
          3  the file cannot be written
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        Argument<string> workload = new("WORKLOAD") { Description = "What the guest does." };
        workload.AcceptOnlyFromAmong([.. WorkloadCatalogue.All.Select(known => known.Name)]);
        Option<TraceFormat?> format = OptionParsers.Choice<TraceFormat>("--format", "The format of the guest's page tables; default two-level.");
        Option<int> seed = OptionParsers.Number("--seed", "N", "Where its chances come from; default 0.", 0, int.MaxValue);
        Option<int?> size = OptionParsers.OptionalNumber("--size", "N", "How much of it; see `gnomon trace list`.", 1, WorkloadCatalogue.MaxSize);
        Option<string?> output = new("--output", "-o") { Description = "The file to write; default standard output.", HelpName = "FILE" };
        NotedCommand command = new("generate", "Write the trace of a workload.", Notes) { workload, format, seed, size, output };
        command.SetAction(parsed =>
        {
            IWorkload chosen = WorkloadCatalogue.Find(parsed.GetRequiredValue(workload))!;
            Generate(
                console,
                chosen,
                parsed.GetValue(format) ?? TraceFormat.TwoLevel,
                parsed.GetValue(seed),
                parsed.GetValue(size) ?? chosen.Size.Default,
                parsed.GetValue(output));
        });
        return command;
    }

    private static void Generate(CliConsole console, IWorkload workload, TraceFormat format, int seed, int size, string? file)
    {
        using ProgressLine progress = new(console, $"generating {workload.Name}", size);
        void Advance()
        {
            console.Cancellation.ThrowIfCancellationRequested();
            progress.Advance();
        }

        if (file is null or "-")
        {
            WorkloadCatalogue.Generate(workload, format, seed, size, console.Output, Advance);
            return;
        }

        try
        {
            using StreamWriter writer = new(file);
            WorkloadCatalogue.Generate(workload, format, seed, size, writer, Advance);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} cannot be written: {error.Message}");
        }
    }
}
