using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Gnomon.Cli.Commands;

/// <summary>A command whose help ends with notes: examples, exit statuses.</summary>
internal sealed class NotedCommand(string name, string description, string notes) : Command(name, description)
{
    /// <summary>What stands below the options in its help.</summary>
    public string Notes { get; } = notes;
}

/// <summary>The usual help, then the command's notes.</summary>
internal sealed class NotedHelp(HelpAction usual) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int status = usual.Invoke(parseResult);
        string notes = parseResult.CommandResult.Command is NotedCommand command ? command.Notes : RootNotes;
        parseResult.InvocationConfiguration.Output.WriteLine(notes.ReplaceLineEndings("\n"));
        return status;
    }

    private const string RootNotes = """
        Examples:
          gnomon run --flat hello.bin
          gnomon trace generate fork-exec --output fork.gtrace
          gnomon replay fork.gtrace --stats
          gnomon bench paging --quick

        Exit status:
          0 done   1 an audit failed   2 bad command line or file   3 files or memory
          4 triple fault   5 instructions spent   6 waits for ever   70 our own error   130 interrupted
        """;
}
