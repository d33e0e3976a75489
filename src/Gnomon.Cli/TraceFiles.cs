using Gnomon.Traces;

namespace Gnomon.Cli;

/// <summary>Opens trace files and says what is wrong with them.</summary>
internal static class TraceFiles
{
    private const string StandardInput = "-";

    /// <summary>Reads and checks every file.</summary>
    /// <exception cref="CliError">One cannot be read or is bad.</exception>
    public static List<Trace> ReadAll(IReadOnlyList<string> files, CancellationToken cancellation)
    {
        if (files.Count(file => file == StandardInput) > 1)
        {
            throw new CliError(ExitStatus.BadInput, "standard input can be read once only; name - once");
        }

        return [.. files.Select(file => Read(file, cancellation))];
    }

    private static Trace Read(string file, CancellationToken cancellation)
    {
        try
        {
            if (Directory.Exists(file))
            {
                throw new CliError(ExitStatus.InputOutput, $"{file} is a directory; name a trace file");
            }

            using Stream stream = file == StandardInput ? Console.OpenStandardInput() : File.OpenRead(file);
            return TraceParser.Parse(stream, cancellation);
        }
        catch (TraceFormatException error)
        {
            throw new CliError(ExitStatus.BadInput, $"{file}, {error.Message}.");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} does not exist; check its name.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} cannot be read: {error.Message}");
        }
    }
}
