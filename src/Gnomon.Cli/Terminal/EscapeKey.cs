namespace Gnomon.Cli.Terminal;

/// <summary>What the keys behind the escape key ask for.</summary>
internal enum EscapeCommand
{
    /// <summary>End the run.</summary>
    Quit,

    /// <summary>Let the guest stand still, or go on.</summary>
    Pause,

    /// <summary>Show what was counted.</summary>
    Statistics,

    /// <summary>Show the page tables.</summary>
    PageTables,

    /// <summary>Say which keys there are.</summary>
    Help,
}

/// <summary>Parts what is typed into input for the guest and commands for us: the escape key, then a letter.</summary>
internal sealed class EscapeKey
{
    /// <summary>Ctrl-].</summary>
    public const byte Key = 0x1D;

    private bool _armed;

    /// <summary>Takes what was typed.</summary>
    /// <param name="typed">The bytes.</param>
    /// <param name="input">Takes bytes for the guest.</param>
    /// <param name="command">Takes commands, each at its place between the input. A letter that is no command asks for help.</param>
    public void Take(ReadOnlySpan<byte> typed, Action<ReadOnlyMemory<byte>> input, Action<EscapeCommand> command)
    {
        List<byte> plain = [];
        foreach (byte value in typed)
        {
            if (!_armed && value == Key)
            {
                _armed = true;
                continue;
            }

            if (!_armed || value == Key)
            {
                _armed = false;
                plain.Add(value);
                continue;
            }

            _armed = false;
            Give(plain, input);
            command((char)(value | 0x20) switch
            {
                'q' => EscapeCommand.Quit,
                'p' => EscapeCommand.Pause,
                's' => EscapeCommand.Statistics,
                't' => EscapeCommand.PageTables,
                _ => EscapeCommand.Help,
            });
        }

        Give(plain, input);
    }

    private static void Give(List<byte> plain, Action<ReadOnlyMemory<byte>> input)
    {
        if (plain.Count > 0)
        {
            input(plain.ToArray());
            plain.Clear();
        }
    }
}
