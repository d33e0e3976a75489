using System.Diagnostics;

namespace Gnomon.Cli.Tests;

/// <summary>How a run of the program ended.</summary>
internal sealed record Ended(int Status, string Output, string Error)
{
    /// <summary>Lines of standard output.</summary>
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the program as a user would.</summary>
internal static class GnomonProcess
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    public static Ended Run(params string[] arguments) => Run(null, arguments);

    public static Ended Run(byte[]? input, params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.BaseStream.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has seen enough and closed its end.
        }

        Assert.True(process.WaitForExit(_patience), "gnomon did not end");
        return new Ended(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>How the program is started.</summary>
    public static string[] CommandLine { get; } =
    [
        Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet",
        Path.Combine(AppContext.BaseDirectory, "gnomon.dll"),
    ];

    public static Process Start(params string[] arguments)
    {
        ProcessStartInfo start = new(CommandLine[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in CommandLine.Skip(1).Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
