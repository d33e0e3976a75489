using System.Text;

namespace Gnomon.Cli;

/// <summary>Where a command writes, and what it may assume about who reads it.</summary>
internal sealed class CliConsole : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private CliConsole(TextWriter output, TextWriter error, bool outputIsTerminal, bool errorIsTerminal, CancellationToken cancellation)
    {
        Output = output;
        Error = error;
        OutputIsTerminal = outputIsTerminal;
        ErrorIsTerminal = errorIsTerminal;
        bool plain = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            || Environment.GetEnvironmentVariable("TERM") == "dumb";
        HasColour = outputIsTerminal && !plain;
        Cancellation = cancellation;
    }

    /// <summary>Standard output, buffered.</summary>
    public TextWriter Output { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether standard output is a terminal.</summary>
    public bool OutputIsTerminal { get; }

    /// <summary>Whether standard error is a terminal.</summary>
    public bool ErrorIsTerminal { get; }

    /// <summary>Whether standard output may be coloured: a terminal, and NO_COLOR is not set.</summary>
    public bool HasColour { get; }

    /// <summary>Cancelled by Ctrl-C.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>The console of this process.</summary>
    public static CliConsole ForProcess(CancellationToken cancellation)
    {
        UTF8Encoding encoding = new(encoderShouldEmitUTF8Identifier: false);
        StreamWriter output = new(Console.OpenStandardOutput(), encoding, BufferBytes) { NewLine = "\n" };
        StreamWriter error = new(Console.OpenStandardError(), encoding) { NewLine = "\n", AutoFlush = true };
        return new CliConsole(output, error, !Console.IsOutputRedirected, !Console.IsErrorRedirected, cancellation);
    }

    /// <summary>A heading: bold on a terminal.</summary>
    public string Bold(string text) => HasColour ? $"\e[1m{text}\e[0m" : text;

    /// <summary>What is less important: faint on a terminal.</summary>
    public string Faint(string text) => HasColour ? $"\e[2m{text}\e[0m" : text;

    /// <summary>One sentence for whoever must act.</summary>
    public void Complain(string sentence) => Error.WriteLine($"gnomon: {sentence.ReplaceLineEndings(" ")}");

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Output.Dispose();
        }
        catch (IOException)
        {
            // Whoever read our output has gone; there is nobody to tell.
        }
    }
}
