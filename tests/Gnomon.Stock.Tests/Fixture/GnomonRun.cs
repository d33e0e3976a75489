using System.Diagnostics;
using System.Globalization;

namespace Gnomon.Stock.Tests.Fixture;

/// <summary>How a run of the program ended.</summary>
/// <param name="PeakKib">The most memory that it had (VmHWM of proc(5)), in KiB; 0 where the host does not say.</param>
internal sealed record Ended(int Status, string Output, string Error, long PeakKib)
{
    /// <summary>The last line of standard error.</summary>
    public string Complaint => Error.TrimEnd('\n').Split('\n')[^1];
}

/// <summary>Runs the program as a user would, with a folder for temporary files of its own, which must be empty behind it.</summary>
internal static class GnomonRun
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(8);

    /// <summary>How to start it, for a shell.</summary>
    public static string Command => $"'{Host}' '{Path.Combine(AppContext.BaseDirectory, "gnomon.dll")}'";

    public static Ended Run(params string[] arguments) => Run([], "", arguments);

    public static Ended Run((string Name, string Value)[] environment, params string[] arguments) => Run(environment, "", arguments);

    public static Ended RunWithInput(string input, params string[] arguments) => Run([], input, arguments);

    private static Ended Run((string Name, string Value)[] environment, string input, string[] arguments)
    {
        using TemporaryFolder temporary = new();
        ProcessStartInfo start = new(Host, [Path.Combine(AppContext.BaseDirectory, "gnomon.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = temporary.Path;
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        long peak = 0;
        Stopwatch watch = Stopwatch.StartNew();
        while (!process.WaitForExit(TimeSpan.FromMilliseconds(100)) && watch.Elapsed < _patience)
        {
            peak = Math.Max(peak, PeakOf(process.Id));
        }

        bool ended = process.HasExited;
        if (!ended)
        {
            process.Kill();
        }

        Ended result = new(ended ? process.ExitCode : -1, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult(), peak);
        Assert.True(ended, $"gnomon did not end\n{result}");
        // The runtime's own diagnostics leave their socket only while it runs; it may be gone an instant later than the process.
        Assert.DoesNotContain(Directory.GetFileSystemEntries(temporary.Path), entry =>
            !Path.GetFileName(entry).StartsWith("dotnet-", StringComparison.Ordinal) && !Path.GetFileName(entry).StartsWith("clr-", StringComparison.Ordinal));
        return result;
    }

    private static long PeakOf(int process)
    {
        try
        {
            string? line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(text => text.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // it has ended meanwhile
        }
    }

    private static string Host => Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host
        : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path
        : "dotnet";
}
