using System.Text.Json;

namespace Gnomon.Build.Mutants;

/// <summary>Asks MSBuild with what arguments it calls the compiler for a project; compiles nothing.</summary>
internal static class CompilerArguments
{
    public static string[] Of(Repository repository, string projectFile)
    {
        ToolResult result = Tool.Capture(
            DotNet.Path,
            [
                "build", projectFile, "--configuration", "Release", "--no-restore", "--nologo", "-t:PrepareResources;Compile",
                "-p:ProvideCommandLineArgs=true", "-p:SkipCompilerExecution=true", "-p:BuildProjectReferences=false",
                "-p:NonExistentFile=__never__", // or an up-to-date project would skip the target that answers
                "-getItem:CscCommandLineArgs",
            ],
            repository.Root,
            TimeSpan.FromMinutes(2));
        try
        {
            using JsonDocument answer = JsonDocument.Parse(result.Output);
            string[] arguments = [.. answer.RootElement.GetProperty("Items").GetProperty("CscCommandLineArgs").EnumerateArray()
                .Select(item => item.GetProperty("Identity").GetString()!)];
            if (arguments.Length > 0)
            {
                return arguments;
            }
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException)
        {
            // Told below, with MSBuild's own words.
        }

        throw new BuildException($"MSBuild does not tell the compiler's arguments for {repository.Relative(projectFile)}:\n{result.Output}");
    }
}
