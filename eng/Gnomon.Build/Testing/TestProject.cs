namespace Gnomon.Build.Testing;

/// <summary>A test project: an xunit.v3 program, run as a process of its own.</summary>
internal sealed class TestProject(Repository repository, string projectFile)
{
    public string Name { get; } = Path.GetFileNameWithoutExtension(projectFile);

    public string OutputDirectory => Path.Combine(Path.GetDirectoryName(projectFile)!, "bin", "Release", "net10.0");

    public string Assembly => Path.Combine(OutputDirectory, Name + ".dll");

    public string Directory => repository.Root;

    /// <summary>All test projects: those under tests/ whose name ends in Tests.</summary>
    public static IReadOnlyList<TestProject> All(Repository repository) =>
        [.. repository.Projects("tests")
            .Where(project => project.EndsWith("Tests.csproj", StringComparison.Ordinal))
            .Select(project => new TestProject(repository, project))];
}
