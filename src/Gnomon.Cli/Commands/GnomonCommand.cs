using System.CommandLine;
using System.CommandLine.Help;

namespace Gnomon.Cli.Commands;

/// <summary>The whole command line.</summary>
internal static class GnomonCommand
{
    /// <summary>Makes the tree of commands.</summary>
    public static RootCommand Create(CliConsole console)
    {
        RootCommand root = new("Gnomon, a shadow-paging hypervisor for 32-bit x86 guests: run kernels and programs; replay, generate and measure page-table traces.")
        {
            RunCommand.Create(console),
            LinuxCommand.Create(console),
            DemoCommand.Create(console),
            ReplayCommand.Create(console),
            TraceCommand.Create(console),
            BenchCommand.Create(console),
            CompletionCommand.Create(console),
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new NotedHelp((HelpAction)help.Action!);
        root.SetAction(parsed => help.Action is NotedHelp noted ? noted.Invoke(parsed) : ExitStatus.Done);
        return root;
    }
}
