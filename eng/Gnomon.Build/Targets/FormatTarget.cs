namespace Gnomon.Build.Targets;

internal sealed class FormatTarget : ITarget
{
    public string Name => "format";

    public string Arguments => "[--fix]";

    public string Summary => "Checks the format of all sources; --fix mends it.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        bool fix = arguments switch
        {
            [] => false,
            ["--fix"] => true,
            _ => throw new UsageException("format: only --fix is known"),
        };

        DotNet dotnet = new(repository);
        string[] check = fix ? [] : ["--verify-no-changes"];
        bool clean = true;
        foreach (string project in new[] { repository.Solution, repository.PathTo("eng/Gnomon.Build/Gnomon.Build.csproj") }
            .Concat(repository.ProjectsOutsideSolution()))
        {
            clean &= dotnet.Run(["format", project, "--verbosity", "minimal", .. check]);
        }

        if (!clean)
        {
            Console.WriteLine("The format differs from .editorconfig. To mend it: ./build format --fix");
        }

        return clean ? ExitCode.Success : ExitCode.Failure;
    }
}
