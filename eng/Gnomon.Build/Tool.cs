using System.Diagnostics;

namespace Gnomon.Build;

/// <summary>How another program ended.</summary>
/// <param name="ExitCode">What it returned; -1 after a timeout.</param>
internal readonly record struct ToolResult(int ExitCode, bool TimedOut, string Output, TimeSpan Time);

/// <summary>Starts other programs.</summary>
internal static class Tool
{
    /// <summary>Runs a program on this terminal and returns its exit code.</summary>
    public static int Run(string file, IEnumerable<string> arguments, string directory)
    {
        using Process process = Start(new ProcessStartInfo(file, arguments) { WorkingDirectory = directory });
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>
    /// Runs a program with its output (stdout and stderr) collected, and also handed to <paramref name="line"/> as it comes.
    /// It and its children are killed when <paramref name="timeout"/> is over.
    /// </summary>
    public static ToolResult Capture(
        string file,
        IEnumerable<string> arguments,
        string directory,
        TimeSpan timeout,
        IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? line = null)
    {
        ProcessStartInfo info = new(file, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[name] = value;
        }

        List<string> output = [];
        void Add(object sender, DataReceivedEventArgs data)
        {
            if (data.Data is { } text)
            {
                lock (output)
                {
                    output.Add(text);
                    line?.Invoke(text);
                }
            }
        }

        Stopwatch watch = Stopwatch.StartNew();
        using Process process = new() { StartInfo = info };
        process.OutputDataReceived += Add;
        process.ErrorDataReceived += Add;
        Start(process);
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        bool ended = process.WaitForExit(timeout);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
        }

        process.WaitForExit();
        lock (output)
        {
            return new ToolResult(ended ? process.ExitCode : -1, !ended, string.Join('\n', output), watch.Elapsed);
        }
    }

    private static Process Start(ProcessStartInfo info)
    {
        Process process = new() { StartInfo = info };
        Start(process);
        return process;
    }

    private static void Start(Process process)
    {
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new BuildException($"cannot start {process.StartInfo.FileName}: {exception.Message}");
        }
    }
}
