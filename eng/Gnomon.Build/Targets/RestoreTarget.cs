namespace Gnomon.Build.Targets;

internal sealed class RestoreTarget : ITarget
{
    public string Name => "restore";

    public string Summary => "Fetches the NuGet packages.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        using BuildLock _ = BuildLock.Take(repository);
        DotNet dotnet = new(repository);
        return new[] { repository.Solution }.Concat(repository.ProjectsOutsideSolution())
            .All(project => dotnet.RunQuietly("restore", project, "--verbosity", "quiet"))
            ? ExitCode.Success
            : ExitCode.Failure;
    }
}
