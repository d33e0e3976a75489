using System.CommandLine;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon completion</c>: a script that makes a shell complete this command line.</summary>
internal static class CompletionCommand
{
    private const string Notes = """
        Examples:
          bash   source <(gnomon completion bash)              (in ~/.bashrc)
          zsh    source <(gnomon completion zsh)               (in ~/.zshrc, after compinit)
          fish   gnomon completion fish > ~/.config/fish/completions/gnomon.fish
        """;

    // Each asks the program itself: `gnomon "[suggest:POSITION]" "THE LINE"` prints one word a line.
    private const string Bash = """
        _gnomon() {
            local words
            words=$(gnomon "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null) || return
            COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o bashdefault -o default -F _gnomon gnomon
        """;

    private const string Zsh = """
        _gnomon() {
            local -a words
            words=("${(@f)$(gnomon "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            words=(${words:#})
            (( ${#words} )) && compadd -- "${words[@]}"
            _files
        }
        compdef _gnomon gnomon
        """;

    private const string Fish = """
        complete -c gnomon -a '(set -l line (commandline -cp); gnomon "[suggest:"(string length -- $line)"]" $line 2>/dev/null)'
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        Argument<string> shell = new("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        NotedCommand command = new("completion", "Print a script that makes a shell complete gnomon's commands and options.", Notes) { shell };
        command.SetAction(parsed => console.Output.WriteLine((parsed.GetRequiredValue(shell) switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            _ => Fish,
        }).ReplaceLineEndings("\n")));
        return command;
    }
}
