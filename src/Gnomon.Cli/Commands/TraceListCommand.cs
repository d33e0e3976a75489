using System.CommandLine;
using System.Globalization;
using Gnomon.Traces.Workloads;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon trace list</c>: the workloads that can be generated.</summary>
internal static class TraceListCommand
{
    private const string Notes = """
        Examples:
          gnomon trace list
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        NotedCommand command = new("list", "List the workloads that `gnomon trace generate` knows.", Notes);
        command.SetAction(_ =>
        {
            foreach (IWorkload workload in WorkloadCatalogue.All)
            {
                console.Output.WriteLine(console.Bold(workload.Name));
                console.Output.WriteLine($"  {workload.Description}");
                console.Output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  --size counts {workload.Size.Unit}, default {workload.Size.Default}; {(workload.MayBeKilled ? "the guest is killed sooner or later" : "the guest is never killed")}"));
            }
        });
        return command;
    }
}
