using System.Collections.Concurrent;

namespace Gnomon.Build.Mutants;

/// <summary>The projects that mutants change, each parsed once and shared by all workers.</summary>
internal sealed class Workshop
{
    private readonly Repository _repository;
    private readonly ConcurrentDictionary<string, Lazy<ProjectCompiler>> _compilers = new(StringComparer.Ordinal);

    public Workshop(Repository repository) => _repository = repository;

    /// <summary>The assemblies (by file name) of all projects that these files, by relative path, belong to.</summary>
    public Dictionary<string, byte[]> Compile(IReadOnlyDictionary<string, string> changedFiles)
    {
        Dictionary<string, byte[]> assemblies = [];
        foreach (IGrouping<string, KeyValuePair<string, string>> project in changedFiles.GroupBy(file => ProjectOf(file.Key)))
        {
            ProjectCompiler compiler = Compiler(project.Key);
            assemblies[compiler.AssemblyFile] = compiler.Compile(
                project.ToDictionary(file => _repository.PathTo(file.Key), file => file.Value));
        }

        return assemblies;
    }

    /// <summary>The unchanged assemblies of the projects that these files belong to.</summary>
    public Dictionary<string, byte[]> CompileUnchanged(IEnumerable<string> files)
    {
        Dictionary<string, byte[]> assemblies = [];
        foreach (string project in files.Select(TryProjectOf).OfType<string>().Distinct())
        {
            ProjectCompiler compiler = Compiler(project);
            try
            {
                assemblies[compiler.AssemblyFile] = compiler.Compile(new Dictionary<string, string>());
            }
            catch (MutantException exception)
            {
                throw new BuildException($"{_repository.Relative(project)} without any mutant: {exception.Message}");
            }
        }

        return assemblies;
    }

    private ProjectCompiler Compiler(string projectFile) =>
        _compilers.GetOrAdd(projectFile, file => new Lazy<ProjectCompiler>(() => new ProjectCompiler(_repository, file))).Value;

    private string ProjectOf(string file) =>
        TryProjectOf(file) ?? throw new MutantException($"{file} is not in a project under src/");

    private string? TryProjectOf(string file) =>
        _repository.Projects("src").FirstOrDefault(project =>
            file.StartsWith(_repository.Relative(Path.GetDirectoryName(project)!) + "/", StringComparison.Ordinal));
}
