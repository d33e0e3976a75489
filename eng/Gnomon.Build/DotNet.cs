namespace Gnomon.Build;

/// <summary>The dotnet command, run in the repository's root.</summary>
internal sealed class DotNet(Repository repository)
{
    /// <summary>The program that runs us: the same SDK builds and tests.</summary>
    public static string Path => Environment.ProcessPath ?? "dotnet";

    /// <summary>Runs dotnet on this terminal; false if it returned anything but 0.</summary>
    public bool Run(params IEnumerable<string> arguments) => Tool.Run(Path, arguments, repository.Root) == 0;

    /// <summary>Runs dotnet in silence; only if it fails, its errors and warnings are shown, each once.</summary>
    public bool RunQuietly(params IEnumerable<string> arguments)
    {
        ToolResult result = Tool.Capture(Path, arguments, repository.Root, TimeSpan.FromMinutes(30));
        if (result.ExitCode == 0)
        {
            return true;
        }

        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string[] troubles = [.. lines.Where(line => line.Contains("error") || line.Contains("warning")).Distinct()];
        foreach (string line in troubles.Length > 0 ? troubles : lines)
        {
            Console.WriteLine(line);
        }

        return false;
    }
}
