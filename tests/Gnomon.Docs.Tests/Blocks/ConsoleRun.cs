using System.Diagnostics;

namespace Gnomon.Docs.Tests.Blocks;

/// <summary>Runs what a document tells its reader to type, in the repository's root.</summary>
internal static class ConsoleRun
{
    private const string Prompt = "$ ";
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    /// <summary>The block again, with what its commands print now.</summary>
    public static string Of(string content)
    {
        List<string> lines = [];
        foreach (string command in content.Split('\n').Where(line => line.StartsWith(Prompt, StringComparison.Ordinal)))
        {
            lines.Add(command);
            lines.Add(Run(command[Prompt.Length..]).TrimEnd('\n'));
        }

        return string.Join('\n', lines.Where(line => line.Length > 0));
    }

    /// <summary>Runs one command line; <c>./gnomon</c> in it is the program that this test project was built with.</summary>
    public static string Run(string command)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "gnomon.dll");
        ProcessStartInfo start = new(Oracle.Tool("bash"))
        {
            WorkingDirectory = Documents.Root,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            ArgumentList = { "-c", $"exec 2>&1; {command.Replace("./gnomon", "dotnet \"$GNOMON\"", StringComparison.Ordinal)}" },
            Environment = { ["GNOMON"] = program, ["NO_COLOR"] = "1", ["DOTNET_NOLOGO"] = "1" },
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"`{command}` did not end.");
        }

        return output.GetAwaiter().GetResult().ReplaceLineEndings("\n");
    }
}
