namespace Gnomon.Build.Targets;

internal sealed class BuildTarget : ITarget
{
    public string Name => "build";

    public string Summary => "Builds everything in Release, warnings as errors.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        using BuildLock _ = BuildLock.Take(repository);
        Console.WriteLine("building (Release) ...");
        DotNet dotnet = new(repository);
        if (!dotnet.RunQuietly(["build", repository.Solution, .. Common]))
        {
            return ExitCode.Failure;
        }

        foreach (string project in repository.ProjectsOutsideSolution())
        {
            Console.WriteLine($"note: {repository.Relative(project)} is not in Gnomon.slnx");
            if (!dotnet.RunQuietly(["build", project, .. Common]))
            {
                return ExitCode.Failure;
            }
        }

        return ExitCode.Success;
    }

    private static string[] Common => ["--configuration", "Release", "--nologo", "--verbosity", "quiet"];
}
